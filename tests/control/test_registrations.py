"""Registered families: as files across restarts, out of the database of earlier versions, and against the catalog's own."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import unicodedata
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop
from sqlalchemy import select

from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.catalog.registration import parse
from modelyard.control.registration_files import RegistrationFiles
from modelyard.control.registrations import Registrations
from modelyard.core.errors import (
    BadRequest,
    NotFound,
    RegistrationExists,
    RegistrationInUse,
    RegistrationInvalid,
    Unavailable,
)
from modelyard.core.types import Launch, Model, ModelType
from modelyard.db.session import Database
from modelyard.db.tables import Registration
from tests.catalog.test_registration import RECORDS

LLM = ModelType.LLM


class Server:
    """What of a server these tests need: its database, its folder, its catalog and its launches."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database = database
        self.folder = folder
        self.catalog = Catalog(FAMILIES.folder)
        self.launches: list[Launch] = []
        files = RegistrationFiles(folder)
        self.registrations = Registrations(database, self.catalog, lambda: self.launches, files)

    def files(self) -> list[str]:
        return sorted(path.name for path in self.folder.glob("*")) if self.folder.exists() else []

    async def rows(self) -> list[Registration]:
        async with self.database.session() as session:
            return list(await session.scalars(select(Registration)))


def on(url: str, folder: Path, *works: Callable[[Server], Awaitable[None]]) -> None:
    """Run each work on a server of its own, one after the other on the same database and folder."""

    async def go() -> None:
        for work in works:
            database = Database(url)
            try:
                await database.open()
                server = Server(database, folder)
                await server.registrations.load()
                await work(server)
            finally:
                await database.close()

    uvloop.run(go())


def family(name: str, path: Path | str = "/somewhere", **more: Any) -> dict[str, Any]:
    return {"model_name": name, "model_specs": [{"model_uri": str(path), "model_format": "ggufv2"}], **more}


@pytest.fixture
def url(sqlite_url: str) -> str:
    return sqlite_url


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "registrations"


def test_a_registered_family_is_found_by_name_and_goes_again(url: str, folder: Path) -> None:
    async def work(server: Server) -> None:
        await server.registrations.register(LLM, family("Mein-Modell", context_length=77), persist=False)
        assert server.catalog.get("mein-modell").context_length == 77
        assert {"model_name": "Mein-Modell", "is_builtin": False} in server.registrations.summaries(LLM)
        assert server.registrations.record(LLM, "MEIN-modell")["is_builtin"] is False
        with pytest.raises(NotFound):
            server.registrations.record(ModelType.EMBEDDING, "Mein-Modell")
        await server.registrations.unregister(LLM, "mein-Modell")
        with pytest.raises(NotFound):
            server.catalog.get("Mein-Modell")
        assert server.files() == [] and await server.rows() == []

    on(url, folder, work)


def test_what_was_to_stay_is_there_after_a_restart(url: str, folder: Path, tmp_path: Path) -> None:
    odd = family("bleibt-模型", tmp_path, prompt_style="gemma", model_description="a\0b\u2028 🙂", zeta=[{"a": 1e3}])

    async def before(server: Server) -> None:
        await server.registrations.register(LLM, odd, persist=True)
        await server.registrations.register(LLM, family("geht"), persist=False)
        assert server.files() == ["LLM-bleibt-模型.json"]
        assert stat.S_IMODE((folder / server.files()[0]).stat().st_mode) == 0o600
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700

    async def after(server: Server) -> None:
        found = server.catalog.get("bleibt-模型")
        assert found.specs[0].src["local"].path == str(tmp_path) and "<start_of_turn>" in (found.template or "")
        shown = server.registrations.record(LLM, "bleibt-模型")
        assert {key: shown[key] for key in odd if key != "model_specs"} == {
            key: odd[key] for key in odd if key != "model_specs"
        }
        with pytest.raises(NotFound):
            server.catalog.get("geht")
        await server.registrations.unregister(LLM, "BLEIBT-模型")
        assert server.files() == []

    async def gone(server: Server) -> None:
        assert server.catalog.registered(LLM) == []

    on(url, folder, before, after, gone)


def test_files_may_be_written_copied_and_edited_by_hand(
    url: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """In any order of names: one borrows its prompt from another that comes later."""
    borrower = family("borrower", version=1, prompt_style="lender")
    lender = family("lender", prompt_style={"style_name": "CHATML", "roles": ["u", "a"]})
    good: dict[str, Any] = {
        "a.json": {"model_type": "LLM", "model": borrower},
        "z z.json": {"model": lender, "model_type": "llm"},
        "plain.json": {"model_type": "rerank", "model_name": "r", "type": "normal", "model_id": "a/b"},
        "edited.json": {"model_type": "LLM", "model": family("edited", context_length=5)},
    }
    bad: dict[str, tuple[str, str]] = {
        "again.json": (json.dumps({"model_type": "LLM", "model": family("EDITED", zz=1)}), "already registered"),
        "built.json": (json.dumps({"model_type": "LLM", "model": family("qwen3")}), "already in the catalog"),
        "half.json": ('{"model_type": "LLM", "model": {', "Expecting"),
        "list.json": ("[]", "it is no JSON object"),
        "nested.json": ("[" * 100_000, "recursion"),
        "number.json": ('{"model_type": "LLM", "model": 3}', "its 'model' is no JSON object"),
        "typeless.json": (json.dumps(family("t")), "its 'model_type' must be one of LLM, embedding"),
        "wrong.json": (json.dumps({"model_type": "LLM", "model": {"model_name": "../x"}}), "must begin with a letter"),
    }
    folder.mkdir()
    for name, content in good.items():
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    for name, (text, _) in bad.items():
        (folder / f"x-{name}").write_text(text, encoding="utf-8")
    (folder / "x-bytes.json").write_bytes(b"\xff\xfe{")
    (folder / "x-folder.json").mkdir()
    os.mkfifo(folder / "x-pipe.json")
    (folder / "notes.txt").write_text("mine")

    async def work(server: Server) -> None:
        assert sorted(one.name for one in server.catalog.registered(LLM)) == ["borrower", "edited", "lender"]
        assert server.catalog.get("borrower").prompt_style == server.catalog.get("lender").prompt_style
        assert server.catalog.get("edited").context_length == 5
        assert [one.name for one in server.catalog.registered(ModelType.RERANK)] == ["r"]
        warned = [record.getMessage() for record in caplog.records]
        assert len(warned) == len(bad) + 3
        for name, (_, words) in bad.items():
            assert any(f"{folder}/x-{name} is skipped" in line and words in line for line in warned), (name, warned)
        await server.registrations.unregister(LLM, "edited")
        assert "edited.json" not in server.files() and "x-half.json" in server.files()

    on(url, folder, work)


def test_a_broken_file_stays_when_its_name_is_registered_anew(url: str, folder: Path, tmp_path: Path) -> None:
    folder.mkdir()
    (folder / "LLM-mine.json").write_text("{")

    async def work(server: Server) -> None:
        await server.registrations.register(LLM, family("mine", tmp_path), persist=True)
        assert server.files() == ["LLM-mine-2.json", "LLM-mine.json"]
        await server.registrations.unregister(LLM, "mine")
        assert server.files() == ["LLM-mine.json"] and (folder / "LLM-mine.json").read_text() == "{"

    on(url, folder, work)


@pytest.mark.parametrize(
    "name", ["a" * 100, "模" * 100, "e\u0301", "Con", "𝒳" * 100, "a.json"], ids=lambda name: ascii(name)[:12]
)
def test_every_name_becomes_a_file(url: str, folder: Path, tmp_path: Path, name: str) -> None:
    """A name is normalised (NFC), and its file's is cut where a file system would refuse it."""

    async def before(server: Server) -> None:
        await server.registrations.register(LLM, family(name, tmp_path), persist=True)
        assert len(server.files()) == 1

    async def after(server: Server) -> None:
        normal = unicodedata.normalize("NFC", name)
        assert [one.name for one in server.catalog.registered(LLM)] == [normal]
        await server.registrations.unregister(LLM, normal)
        assert server.files() == []

    on(url, folder, before, after)


def test_a_file_that_cannot_be_written_registers_nothing(url: str, folder: Path, tmp_path: Path) -> None:
    folder.write_text("a file where the folder should be")

    async def work(server: Server) -> None:
        with pytest.raises(Unavailable, match=r"registration of 'mine' cannot be written to .*: "):
            await server.registrations.register(LLM, family("mine", tmp_path), persist=True)
        assert server.catalog.registered(LLM) == []

    on(url, folder, work)


OLD = [
    *(seed for type, seed in RECORDS if type is LLM),
    {
        "model_name": "two-hubs", "version": 2, "chat_template": "{{ messages }}", "stop": ["a"], "model_ability": ["chat"],
        "model_specs": [{
            "model_format": "ggufv2", "model_size_in_billions": "0_5", "quantizations": ["none", "q4"],
            "model_src": {
                "huggingface": {"model_id": "a/b", "model_file_name_template": "{quantization}.gguf"},
                "modelscope": {"model_id": "c/d", "quantizations": ["q8"], "model_revision": "v1"},
            },
        }],
    },
]  # fmt: skip


def test_rows_of_earlier_versions_become_files(database_url: str, folder: Path) -> None:
    """Nothing is lost, and the rows go: afterwards the files are the only place."""
    old = [msgspec.structs.replace(parse(LLM, record, FAMILIES), sent=None) for record in OLD]

    async def before(server: Server) -> None:
        async with server.database.session() as session:
            for number, one in enumerate(old):
                kept = msgspec.to_builtins(one)
                session.add(
                    Registration(type="LLM", name=one.name.lower(), record=kept, persist=True, created_at=number)
                )
            kept = {"of": "another time"}
            session.add(Registration(type="LLM", name="unreadable", record=kept, persist=True, created_at=9))
            session.add(Registration(type="LLM", name="passing", record=kept, persist=False, created_at=9))

    async def after(server: Server) -> None:
        found = {one.name: msgspec.structs.replace(one, sent=None) for one in server.catalog.registered(LLM)}
        assert found == {one.name: one for one in old}
        assert [row.name for row in await server.rows()] == ["unreadable"]
        assert server.files() == sorted(f"LLM-{one.name}.json" for one in old)

    on(database_url, folder, before, after, after)


def test_of_two_at_once_one_wins(url: str, folder: Path) -> None:
    async def work(server: Server) -> None:
        twice = [server.registrations.register(LLM, family(name), persist=False) for name in ("same", "SAME", "Same")]
        outcomes = await asyncio.gather(*twice, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "Family",
            "RegistrationExists",
            "RegistrationExists",
        ]
        assert len(server.catalog.registered(LLM)) == 1

        async def both(name: str) -> None:
            await server.registrations.register(LLM, family(name), persist=False)
            await server.registrations.unregister(LLM, name)

        ends = await asyncio.gather(*(both("other") for _ in range(8)), return_exceptions=True)
        assert None in ends and all(one is None or isinstance(one, RegistrationExists | NotFound) for one in ends)
        assert [one.name.lower() for one in server.catalog.registered(LLM)] == ["same"]

    on(url, folder, work)


def test_the_catalogs_own_can_neither_be_replaced_nor_removed(url: str, folder: Path) -> None:
    async def work(server: Server) -> None:
        with pytest.raises(RegistrationExists, match="already in the catalog"):
            await server.registrations.register(LLM, family("QWEN3"), persist=False)
        with pytest.raises(BadRequest, match="cannot be unregistered"):
            await server.registrations.unregister(LLM, "qwen3")
        with pytest.raises(NotFound, match=r"no model 'qwen-7b-chat' of type LLM .*Did you mean"):
            await server.registrations.unregister(LLM, "qwen-7b-chat")
        await server.registrations.register(ModelType.EMBEDDING, {**family("qwen3")}, persist=False)
        assert server.catalog.get("qwen3").type is LLM
        await server.registrations.unregister(ModelType.EMBEDDING, "qwen3")

    on(url, folder, work)


def test_a_family_that_runs_stays(url: str, folder: Path) -> None:
    async def work(server: Server) -> None:
        await server.registrations.register(LLM, family("mine"), persist=False)
        server.launches = [
            Launch("a", Model(name="MINE", format="ggufv2"), "llama_cpp"),
            Launch("b", Model(name="mine", format="fake"), "fake"),
            Launch("c", Model(name="mine", type=ModelType.EMBEDDING), "llama_cpp"),
        ]
        with pytest.raises(RegistrationInUse, match="in use by a; terminate"):
            await server.registrations.unregister(LLM, "mine")
        assert server.catalog.get("mine")
        server.launches = server.launches[1:]
        await server.registrations.unregister(LLM, "mine")

    on(url, folder, work)


def test_files_must_be_there_only_for_what_is_to_stay(url: str, folder: Path, tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        missing = family("x", tmp_path / "none")
        with pytest.raises(RegistrationInvalid, match=r"model_specs\[0\]\.model_uri: there is no file or folder"):
            await server.registrations.register(LLM, missing, persist=True)
        assert server.files() == [] and server.catalog.registered(LLM) == []
        await server.registrations.register(LLM, missing, persist=False)
        named = family("y", tmp_path)
        named["model_specs"][0] |= {"model_file_name_template": "y-{quantization}.gguf", "quantizations": ["Q4", "Q8"]}
        (tmp_path / "y-Q4.gguf").write_bytes(b"x")
        with pytest.raises(RegistrationInvalid, match=r"there is no file 'y-Q8\.gguf'"):
            await server.registrations.register(LLM, named, persist=True)
        (tmp_path / "y-Q8.gguf").write_bytes(b"x")
        await server.registrations.register(LLM, named, persist=True)
        with pytest.raises(RegistrationInvalid, match="there is no file or folder"):
            await server.registrations.register(LLM, family("z", "/" + "z" * 5000), persist=True)
        shown = server.registrations.record(LLM, "y")["model_specs"][0]
        assert shown["cache_status"] == [True, True]

    on(url, folder, work)


def test_files_of_the_home_folder_are_found_after_it_has_moved(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"

    def record(home: Path) -> dict[str, Any]:
        specs = [{"model_uri": f"{home}/b", "model_format": "pytorch"}, {"model_uri": f"{old}-2/c"}]
        return {"model_name": "mine", "model_uri": f"file://{home}/models/a", "model_specs": specs}

    RegistrationFiles(old / "registrations").write(LLM, "mine", record(old))
    assert [each.record for each in RegistrationFiles(old / "registrations").read()] == [record(old)]
    old.rename(new)
    assert [each.record for each in RegistrationFiles(new / "registrations").read()] == [record(new)]
