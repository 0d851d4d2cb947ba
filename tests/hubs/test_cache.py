"""The hubs' cache folders as other programs leave them: found without a network, listed, and removed with care."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.catalog.family import Family, ModelSource, Spec
from modelyard.catalog.find import find
from modelyard.catalog.hubs import huggingface, queries
from modelyard.catalog.hubs.base import Snapshot
from modelyard.catalog.hubs.cache import cached, cached_models, in_cache, remove, scan
from modelyard.catalog.index import Catalog
from modelyard.catalog.inventory import inventory
from modelyard.core.errors import HubsOffline, ModelFilesInvalid
from modelyard.core.types import ModelType
from tests import make_gguf

FIRST, SECOND = "a" * 40, "b" * 40


@pytest.fixture(autouse=True)
def caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    scan.forget()
    yield tmp_path
    scan.forget()


def put(root: Path, model_id: str, name: str, content: bytes, commit: str = FIRST, ref: str = "main") -> Path:
    """A file in Hugging Face's layout: a blob and a link to it."""
    folder = root / "hf" / ("models--" + model_id.replace("/", "--"))
    blob = folder / "blobs" / str(abs(hash(content)))
    link = folder / "snapshots" / commit / name
    for path in (blob.parent, link.parent, folder / "refs"):
        path.mkdir(parents=True, exist_ok=True)
    blob.write_bytes(content)
    link.symlink_to(os.path.relpath(blob, link.parent))
    (folder / "refs" / ref).write_text(commit)
    return link


def chat_bytes(folder: Path) -> bytes:
    return make_gguf.chat_model(folder / "made.gguf").read_bytes()


def test_a_quantization_is_cached_when_its_file_is(caches: Path) -> None:
    source = ModelSource(model_id="a/m-GGUF", file="m-{quantization}.gguf")
    assert not cached(source, "q4_0")
    put(caches, "a/m-GGUF", "m-Q4_0.gguf", chat_bytes(caches))
    scan.forget()
    assert cached(source, "q4_0") and cached(source, "q4_0", "huggingface")
    assert not cached(source, "q8_0") and not cached(source, "q4_0", "modelscope")


def test_thousands_of_questions_take_one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    scans = []

    def snapshots() -> Iterator[Snapshot]:
        scans.append(1)
        yield from ()

    monkeypatch.setattr(huggingface.hub, "snapshots", snapshots)
    monkeypatch.setattr("modelyard.catalog.hubs.cache.FRESH", 3600.0)
    scan.forget()
    assert not any(cached(ModelSource(model_id=f"a/m{number}"), "none") for number in range(2000))
    assert len(scans) == 1


def test_a_cached_model_needs_no_network(caches: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "ACCESS", queries.HubAccess(offline=True))
    put(caches, "a/m-GGUF", "m-q8_0.gguf", chat_bytes(caches), SECOND)
    model = find("a/m-GGUF")
    assert model.download is None and model.name == "a/m-GGUF"
    assert (model.hub, model.model_id, model.revision) == ("huggingface", "a/m-GGUF", SECOND)
    with pytest.raises(HubsOffline, match="'a/m-GGUF' is not on this machine, and this server is set to be offline"):
        find("a/m-GGUF", quantization="q4_0")


def test_main_is_preferred_and_a_wanted_revision_to_it(caches: Path) -> None:
    data = chat_bytes(caches)
    put(caches, "a/m", "m.gguf", data, SECOND)
    put(caches, "a/m", "m.gguf", data, FIRST)
    assert huggingface.hub.revisions("a/m", None)[0].revision == FIRST
    assert huggingface.hub.revisions("a/m", SECOND)[0].revision == SECOND
    assert huggingface.hub.locate(ModelSource(model_id="a/m", revision=SECOND), "none") == (
        caches / "hf/models--a--m/snapshots" / SECOND / "m.gguf"
    )


@pytest.mark.parametrize("folder", ["models/a--m.1/snapshots/master", "models/a/m___1", "hub/models/a/m___1"])
def test_every_layout_of_modelscope_is_known(caches: Path, folder: str) -> None:
    place = caches / "ms" / folder
    place.mkdir(parents=True)
    make_gguf.chat_model(place / "m-q8_0.gguf")
    assert in_cache("modelscope", "a/m.1", None, None) == place / "m-q8_0.gguf"
    assert [(one.snapshot.model_id, one.quantization) for one in cached_models()] == [("a/m.1", "q8_0")]


def test_a_split_model_is_whole_with_all_parts(caches: Path) -> None:
    put(caches, "a/m", "m-q8_0-00001-of-00002.gguf", b"1")
    assert list(cached_models()) == []
    put(caches, "a/m", "m-q8_0-00002-of-00002.gguf", b"22")
    [found] = cached_models()
    assert found.size == 3 and len(found.files) == 2


def test_removing_leaves_what_another_revision_points_at(caches: Path) -> None:
    shared = put(caches, "a/m", "config.json", b"{}", FIRST).resolve()
    put(caches, "a/m", "config.json", b"{}", SECOND)
    first = put(caches, "a/m", "model.safetensors", b"1", FIRST).resolve()
    put(caches, "a/m", "model.safetensors", b"2", SECOND)
    one, other = sorted(cached_models(), key=lambda found: found.snapshot.revision)
    remove(one)
    assert not first.exists() and shared.exists() and not one.snapshot.folder.exists()
    assert [found.snapshot.revision for found in cached_models()] == [SECOND]
    remove(other)
    assert not shared.exists() and list(cached_models()) == []


def test_the_inventory_knows_families_and_speaks_of_the_rest_by_id(caches: Path, tmp_path: Path) -> None:
    source = ModelSource(model_id="a/m-{quantization}", file="m.gguf")
    spec = Spec(format="ggufv2", size_in_billions="0_5", quantizations=["q4_0", "q8_0"], src={"huggingface": source})
    folder = tmp_path / "families"
    folder.mkdir()
    catalog = Catalog(folder)
    catalog.register(Family(name="mine", type=ModelType.LLM, specs=[spec]))
    put(caches, "A/m-q8_0", "m.gguf", chat_bytes(caches))
    put(caches, "b/other", "config.json", json.dumps({"architectures": ["Strange"]}).encode())
    put(caches, "b/other", "model.bin", b"1")
    put(caches, "c/broken", "x.gguf", b"nothing")
    versions = {entry.version: entry.type for entry in inventory(catalog)}
    assert versions["mine--0_5B--ggufv2--q8_0"] is ModelType.LLM
    assert versions["c/broken--unknown--unknown--x"] is None
    assert len(versions) == 3
    assert [entry.name for entry in inventory(catalog, "MINE")] == ["mine"]


def test_a_model_that_cannot_be_read_is_what_its_family_says(caches: Path) -> None:
    put(caches, "a/voice", "voice.yaml", b"x: 1")
    put(caches, "a/voice", "flow.pt", b"12345")
    with pytest.raises(ModelFilesInvalid):
        find("a/voice")
    model = find("a/voice", type=ModelType.AUDIO)
    assert (model.type, model.weights_bytes, model.revision) == (ModelType.AUDIO, 9, FIRST)
