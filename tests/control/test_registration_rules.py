"""What families may be registered by whom, what their records say, and files that users write by hand. On SQLite alone.

`test_registrations.py` has what becomes of them across restarts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from modelyard.catalog.hubs.cache import scan
from modelyard.catalog.index import FAMILIES
from modelyard.control import registration_files
from modelyard.control.registration_files import RegistrationFiles
from modelyard.control.registrations import here
from modelyard.core.errors import NotFound, PermissionDenied, RegistrationExists, RegistrationInvalid, Unavailable
from modelyard.core.types import ModelType
from tests.control.test_registrations import Server, family, on
from tests.hubs.test_cache import put

LLM = ModelType.LLM
Work = Callable[[Server], Awaitable[None]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home" / "registrations"


@pytest.fixture
def run(sqlite_url: str, folder: Path) -> Callable[..., None]:
    """Runs works on servers of their own, one after the other."""

    def started(*works: Work) -> None:
        on(sqlite_url, folder, *works)

    return started


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty cache folders below a folder."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    scan.forget()
    return tmp_path


def of_hub(name: str) -> dict[str, Any]:
    spec = {"model_format": "ggufv2", "model_id": "acme/x-GGUF", "model_file_name_template": "x-{quantization}.gguf"}
    return {"model_name": name, "model_specs": [{**spec, "quantizations": ["Q4_0", "Q8_0"]}]}


def test_who_may_not_read_files_registers_repositories_alone(run: Callable[..., None], tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        register = server.registrations.register
        for persist in (True, False):
            with pytest.raises(PermissionDenied, match="takes the scope 'models:write'"):
                await register(LLM, family("mine", tmp_path), persist=persist, local=False)
        assert (await register(LLM, of_hub("hub"), persist=True, local=False)).name == "hub"
        assert (await register(LLM, family("mine", tmp_path), persist=True)).name == "mine"
        assert server.files() == ["LLM-hub.json", "LLM-mine.json"]

    run(work)


def test_each_change_of_the_families_is_reported_once(run: Callable[..., None]) -> None:
    async def work(server: Server) -> None:
        changes: list[list[str]] = []
        server.registrations.on_change = lambda: changes.append([each.name for each in server.catalog.registered(LLM)])
        await server.registrations.register(LLM, of_hub("b"), persist=True)
        await server.registrations.register(LLM, of_hub("a"), persist=False)
        with pytest.raises(RegistrationExists):
            await server.registrations.register(LLM, of_hub("a"), persist=False)
        await server.registrations.unregister(LLM, "a")
        with pytest.raises(NotFound):
            await server.registrations.unregister(LLM, "a")
        assert changes == [["b"], ["b", "a"], ["b"]]
        changes.clear()
        server.catalog.unregister("b", LLM)  # as in a server that starts
        await server.registrations.load()
        assert changes == [["b"]], "reported once all families of files are there"

    run(work)


def test_records_are_sorted_and_say_what_is_whose(run: Callable[..., None]) -> None:
    async def work(server: Server) -> None:
        for name in ("Zeta", "alpha"):
            await server.registrations.register(ModelType.RERANK, family(name), persist=False)
        summaries = server.registrations.summaries(ModelType.RERANK)
        names = [str(each["model_name"]) for each in summaries]
        assert names == sorted(names, key=str.lower) and len(names) > 2
        assert [each["model_name"] for each in summaries if not each["is_builtin"]] == ["alpha", "Zeta"]
        short, full = (server.registrations.records(ModelType.RERANK, full=full) for full in (False, True))
        assert [each["model_name"] for each in short] == [each["model_name"] for each in full] == names
        by_name = {each["model_name"]: each for each in full}
        assert by_name["Zeta"]["is_builtin"] is False and by_name["bge-reranker-v2-m3"]["is_builtin"] is True
        assert by_name["Zeta"] == server.registrations.record(ModelType.RERANK, "zeta")
        assert server.registrations.record(ModelType.RERANK, "zeta", full=False) in short
        assert len(json.dumps(full)) > len(json.dumps(short))
        with pytest.raises(NotFound, match="no model 'bge-reranker' of type rerank"):
            server.registrations.record(ModelType.RERANK, "bge-reranker")

    run(work)


def test_a_name_is_taken_in_any_letter_case_of_its_type_alone(run: Callable[..., None], tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        register = server.registrations.register
        await register(LLM, family("Mine", tmp_path), persist=True)
        for persist in (True, False):
            with pytest.raises(RegistrationExists):
                await register(LLM, family("mINE", tmp_path), persist=persist)
        assert server.files() == ["LLM-Mine.json"]
        await register(ModelType.RERANK, family("mine", tmp_path), persist=True)
        await server.registrations.unregister(LLM, "MINE")
        assert server.files() == ["rerank-mine.json"]
        await register(LLM, family("mine", tmp_path), persist=True)
        assert server.files() == ["LLM-mine.json", "rerank-mine.json"]

    run(work)


def test_what_no_family_can_be_is_refused(run: Callable[..., None]) -> None:
    async def work(server: Server) -> None:
        blind = family("x", model_ability=["chat", "tools"], chat_template="{{ messages }}")
        refused: list[str | dict[str, Any]] = ["{", {"model_specs": []}, blind]
        for model in refused:
            with pytest.raises(RegistrationInvalid):
                await server.registrations.read(LLM, model)
        assert (await server.registrations.read(LLM, json.dumps(family("x")))).name == "x"
        assert server.catalog.registered(LLM) == []

    run(work)


def test_a_template_of_files_names_each_quantisation(run: Callable[..., None], tmp_path: Path) -> None:
    specs = [
        {"model_uri": str(tmp_path), "model_format": "ggufv2"},
        {"model_uri": f"{tmp_path}/{{quantization}}", "model_format": "pytorch", "quantizations": ["a", "b"]},
    ]
    record = {"model_name": "x", "model_specs": specs}

    async def work(server: Server) -> None:
        (tmp_path / "a").mkdir()
        with pytest.raises(RegistrationInvalid, match=rf"model_specs\[1\]\.model_uri: .*'{tmp_path}/b'"):
            await server.registrations.register(LLM, record, persist=True)
        (tmp_path / "b").mkdir()
        await server.registrations.register(LLM, record, persist=True)

    run(work)


def test_a_record_says_which_quantisations_are_here(run: Callable[..., None], cache: Path) -> None:
    async def work(server: Server) -> None:
        await server.registrations.register(LLM, of_hub("mine"), persist=False)

        def status() -> object:
            return server.registrations.record(LLM, "mine")["model_specs"][0]["cache_status"]

        assert status() == [False, False]
        put(cache, "acme/x-GGUF", "x-Q8_0.gguf", b"GGUF")
        scan.forget()
        assert status() == [False, True]

    run(work)
    source = FAMILIES.get("qwen3").specs[0].src["huggingface"]
    assert here()("huggingface", source, "none") is False


# Files


def test_a_file_is_found_by_its_content_and_not_by_its_name(run: Callable[..., None], folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "a.json").write_text(json.dumps({"model_type": "llm", **family("bare")}))
    (folder / "b.json").write_text("\ufeff" + json.dumps({"model_type": "LLM", "model": family("marked")}))
    (folder / "c.json").write_text(json.dumps({"model_type": "EMBEDDING", "model": family("vectors")}))

    async def work(server: Server) -> None:
        assert [each.name for each in server.catalog.registered(LLM)] == ["bare", "marked"]
        assert [each.name for each in server.catalog.registered(ModelType.EMBEDDING)] == ["vectors"]
        await server.registrations.unregister(LLM, "marked")
        assert server.files() == ["a.json", "c.json"]

    run(work)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"[]", "it is no JSON object"),
        (b'{"model_type": "LLM", "model": []}', "its 'model' is no JSON object"),
        (b'{"model": {}}', "its 'model_type' must be one of LLM, embedding"),
        (b'{"model_type": 5, "model": {}}', "its 'model_type' must be one of"),
        (b"{" * 100_000, "recursion|Expecting|depth"),
        (b" " * (16 * 2**20 + 1), "larger than 16 MiB"),
        (b"\xff", "utf-8"),
    ],
    ids=lambda value: str(value[:20]),
)
def test_a_file_that_cannot_be_read_is_skipped_with_the_reason(
    folder: Path, caplog: pytest.LogCaptureFixture, content: bytes, words: str
) -> None:
    folder.mkdir(parents=True)
    (folder / "broken.json").write_bytes(content)
    good = RegistrationFiles(folder).write(LLM, "good", family("good"))
    assert [each.path for each in RegistrationFiles(folder).read()] == [good]
    [warning] = [record.getMessage() for record in caplog.records]
    assert "broken.json is skipped" in warning and re.search(words, warning), warning


def test_the_largest_file_that_may_be_is_read(folder: Path) -> None:
    folder.mkdir(parents=True)
    text = json.dumps({"model_type": "LLM", "model": {"a": 1}})
    (folder / "x.json").write_text(text + " " * (registration_files.LARGEST - len(text)))
    [found] = RegistrationFiles(folder).read()
    assert (found.type, found.record) == (LLM, {"a": 1})


def test_names_of_files_are_cut_where_file_systems_end(folder: Path) -> None:
    files = RegistrationFiles(folder)
    short = files.write(LLM, "x" * (registration_files.LONGEST - len("LLM-")), {})
    assert short.name == f"LLM-{'x' * 196}.json"
    long = [files.write(LLM, name, {}) for name in ("x" * 197, "x" * 198, "模" * 200)]
    assert len({path.name for path in (*long, short)}) == 4
    assert all(len(path.name.encode()) <= 205 for path in long)
    assert files.write(LLM, "x" * 197, {}).name == f"{long[0].stem}-2.json"
    assert files.write(LLM, "x" * 197, {}).name == f"{long[0].stem}-3.json"


def test_files_are_written_and_removed_for_good_and_nothing_stays_open(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files, synced, sync = RegistrationFiles(folder), [], os.fsync

    def noting(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noting)
    before = os.listdir("/proc/self/fd")
    path = files.write(LLM, "x", {})
    assert len(synced) == 2 and synced[0].parent == synced[1] == folder, "the file, then its name in the folder"
    files.remove(path)
    assert synced[2:] == [folder] and os.listdir(folder) == []
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_family_that_could_not_be_written_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = RegistrationFiles(folder)
    files.write(LLM, "good", {})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="registration of 'bad' cannot be written"):
        files.write(LLM, "bad", {})
    assert [path.name for path in folder.iterdir()] == ["LLM-good.json"]


def test_a_file_goes_though_its_folder_went_first(folder: Path) -> None:
    files = RegistrationFiles(folder)
    path = files.write(LLM, "x", {})
    files.remove(path)
    assert list(folder.iterdir()) == []
    files.remove(path)
    shutil.rmtree(folder)
    assert files.read() == []
