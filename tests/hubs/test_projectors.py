"""The projector of a GGUF model that sees: which file it is, that it comes along, and that llama.cpp is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from modelyard.catalog.find import find
from modelyard.catalog.hubs import queries
from modelyard.catalog.hubs.select import choose_projector
from modelyard.catalog.index import Catalog
from modelyard.core.errors import HubUnavailable, InvalidParameter
from modelyard.core.types import Address, Json, Launch, Model, RemoteFile
from modelyard.engines.llama_cpp import CONFIG_VARIABLE, engine
from modelyard.engines.llama_cpp.options import LlamaConfig
from tests import make_gguf
from tests.hub_server import HubServer, hub_server

ID = "acme/seer-GGUF"
WEIGHTS = "seer-Q8_0.gguf"
FAMILY = """{
  "name": "Seer", "type": "LLM", "languages": ["en"], "abilities": ["generate", "chat", "vision"],
  "specs": [{"format": "ggufv2", "size_in_billions": 1, "quantizations": ["Q8_0"], "src": {"huggingface": {
    "model_id": "acme/seer-GGUF", "file": "seer-{quantization}.gguf", "projectors": ["mmproj-b.gguf", "mmproj-F16.gguf"]}}}]
}"""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub with one model that sees, through any of three projectors; nothing of it is on this machine."""
    with hub_server() as server:
        weights = make_gguf.chat_model(tmp_path / "made.gguf").read_bytes()
        eyes = {name: name.encode() for name in ("mmproj-F32.gguf", "mmproj-F16.gguf", "mmproj-b.gguf")}
        server.add(ID, {WEIGHTS: weights, **eyes, "README.md": b"#"})
        for name, value in server.environment(tmp_path).items():
            monkeypatch.setenv(name, value)
        queries.use("huggingface", offline=False)
        yield server
        queries.use(queries.AUTO, offline=False)


@pytest.fixture
def families(tmp_path: Path) -> Catalog:
    (tmp_path / "families" / "llm").mkdir(parents=True)
    (tmp_path / "families" / "llm" / "seer.json").write_text(FAMILY)
    return Catalog(tmp_path / "families")


def coming(model: Model) -> set[str]:
    assert model.download is not None
    return {file.name for file in model.download.files}


def arrive(model: Model, hub: HubServer, *names: str) -> Path:
    """Put files where the download would."""
    assert model.download is not None
    folder = Path(model.download.folder)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).write_bytes(hub.repositories[ID].files[name])
    queries.ACCESS.answers.clear()
    return folder


def config_of(model: Model, **options: Json) -> LlamaConfig:
    """The configuration of llama.cpp's process."""
    command = engine.command(Launch("u", model, "llama_cpp", options), Address(uds="/run/u.sock"), "")
    return msgspec.json.decode(command.env[CONFIG_VARIABLE], type=LlamaConfig)


def test_which_one_is_taken() -> None:
    have = [RemoteFile(name) for name in ("m-q8_0.gguf", "mmproj-m-bf16.gguf", "x/mmproj-m-f16.gguf", "mmproj.gguf")]
    assert choose_projector("a/m", have, None) == have[2]
    assert choose_projector("a/m", have[:2], None) == have[1]
    assert choose_projector("a/m", have[:1], None) is None
    assert choose_projector("a/m", have, "MMPROJ-m-F16.gguf") == have[2]
    with pytest.raises(InvalidParameter, match=r"has no 'eye\.gguf'; it has mmproj-m-bf16\.gguf, mmproj\.gguf"):
        choose_projector("a/m", [each for each in have if "/" not in each.name], "eye.gguf")


def test_it_comes_with_the_weights_of_a_repository(hub: HubServer) -> None:
    model = find(ID, hub="huggingface")
    assert coming(model) == {WEIGHTS, "mmproj-F16.gguf"} and model.download is not None
    assert model.projector == str(Path(model.download.folder) / "mmproj-F16.gguf")
    assert "vision" in model.abilities and str(model.path).endswith(WEIGHTS)
    assert config_of(model).options.mmproj == model.projector
    assert coming(find(ID, hub="huggingface", projector="mmproj-F32.gguf")) == {WEIGHTS, "mmproj-F32.gguf"}
    with pytest.raises(InvalidParameter, match=r"'nose'; it has mmproj-F16\.gguf, mmproj-F32\.gguf, mmproj-b\.gguf"):
        find(ID, hub="huggingface", projector="nose")


def test_in_the_cache_it_is_found_again(hub: HubServer) -> None:
    model = find(ID, hub="huggingface")
    arrive(model, hub, WEIGHTS, "mmproj-F16.gguf")
    seen = len(hub.asked)
    again = find(ID, hub="huggingface")
    assert (again.download, again.projector) == (None, model.projector) and "vision" in again.abilities
    assert len(hub.asked) == seen, "nobody had to be asked"
    other = find(ID, hub="huggingface", projector="mmproj-b.gguf")
    assert coming(other) == {WEIGHTS, "mmproj-b.gguf"}, "one that is not here is asked for"


def test_the_first_one_that_a_family_names(hub: HubServer, families: Catalog) -> None:
    model = find("seer", catalog=families)
    assert coming(model) == {WEIGHTS, "mmproj-b.gguf"} and model.abilities.count("vision") == 1
    assert coming(find("seer", catalog=families, projector="mmproj-F16.gguf")) == {WEIGHTS, "mmproj-F16.gguf"}
    arrive(model, hub, WEIGHTS)
    late = find("seer", catalog=families)
    assert coming(late) == {WEIGHTS, "mmproj-b.gguf"}, "the weights alone do not see"
    arrive(model, hub, "mmproj-b.gguf")
    whole = find("seer", catalog=families)
    assert (whole.download, whole.projector) == (None, model.projector)


def test_without_the_hub_it_reads_text(hub: HubServer, families: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    arrive(find("seer", catalog=families), hub, WEIGHTS)
    queries.use(queries.AUTO, offline=False)
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    blind = find("seer", catalog=families)
    assert (blind.download, blind.projector, config_of(blind).options.mmproj) == (None, None, "")
    with pytest.raises(HubUnavailable):
        find("seer", catalog=families, projector="mmproj-b.gguf")


def test_beside_a_file_of_ones_own(tmp_path: Path) -> None:
    path = make_gguf.chat_model(tmp_path / "m.gguf")
    assert find(str(path)).projector is None
    eye = tmp_path / "mmproj-m.gguf"
    eye.write_bytes(b"eye")
    for name in (str(path), str(tmp_path)):
        assert find(name).projector == str(eye)
    assert find("m", path=str(path)).projector == str(eye)
    make_gguf.chat_model(tmp_path / "other.gguf")
    assert find(str(path)).projector is None, "it may be the other one's"
    assert find(str(path), projector="mmproj-m.gguf").projector == str(eye)
    with pytest.raises(InvalidParameter, match="there is no 'ear' beside"):
        find(str(path), projector="ear")


def test_the_option_wins_and_both_count_as_memory(tmp_path: Path) -> None:
    own, came = tmp_path / "own.gguf", tmp_path / "came.gguf"
    own.write_bytes(b"x" * 10)
    came.write_bytes(b"x" * 1000)
    model = Model("m", format="ggufv2", path="/m.gguf", projector=str(came))
    assert config_of(model).options.mmproj == str(came)
    assert config_of(model, mmproj=str(own)).options.mmproj == str(own)

    def weights(each: Model, **options: Json) -> int:
        return engine.footprint(Launch("u", each, "llama_cpp", options)).weights

    blind = weights(replace(model, projector=None))
    assert (weights(model) - blind, weights(model, mmproj=str(own)) - blind) == (1000, 10)
