"""Registered families: on SQLite and PostgreSQL alike, across restarts, under races, and against the catalog's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sqlalchemy import select, update

from modelyard.catalog.index import FAMILIES, Catalog
from modelyard.control.registrations import Registrations
from modelyard.core.errors import BadRequest, NotFound, RegistrationExists, RegistrationInUse, RegistrationInvalid
from modelyard.core.types import Launch, Model, ModelType
from modelyard.db.session import Database
from modelyard.db.tables import Registration

LLM = ModelType.LLM


class Server:
    """What of a server these tests need: its database, its catalog and its launches."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.catalog = Catalog(FAMILIES.folder)
        self.launches: list[Launch] = []
        self.registrations = Registrations(database, self.catalog, lambda: self.launches)

    async def rows(self) -> list[Registration]:
        async with self.database.session() as session:
            return list(await session.scalars(select(Registration)))


def on(url: str, *works: Callable[[Server], Awaitable[None]]) -> None:
    """Run each work on a server of its own, one after the other on the same database."""

    async def go() -> None:
        for work in works:
            database = Database(url)
            try:
                await database.open()
                server = Server(database)
                await server.registrations.load()
                await work(server)
            finally:
                await database.close()

    uvloop.run(go())


def family(name: str, path: Path | str = "/somewhere", **more: Any) -> dict[str, Any]:
    return {"model_name": name, "model_specs": [{"model_uri": str(path), "model_format": "ggufv2"}], **more}


def test_a_registered_family_is_found_by_name_and_goes_again(database_url: str) -> None:
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
        assert await server.rows() == []

    on(database_url, work)


def test_what_was_to_stay_is_there_after_a_restart(database_url: str, tmp_path: Path) -> None:
    async def before(server: Server) -> None:
        odd = family("bleibt-模型", tmp_path, prompt_style="gemma", model_description="a\0b\u2028 🙂")
        await server.registrations.register(LLM, odd, persist=True)
        await server.registrations.register(LLM, family("geht"), persist=False)

    async def after(server: Server) -> None:
        assert [row.name for row in await server.rows()] == ["bleibt-模型"]
        found = server.catalog.get("bleibt-模型")
        assert found.specs[0].src["local"].path == str(tmp_path) and "<start_of_turn>" in (found.template or "")
        assert found.description == "a\0b\u2028 🙂"
        with pytest.raises(NotFound):
            server.catalog.get("geht")

    on(database_url, before, after)


def test_a_row_that_cannot_be_read_holds_up_nobody(database_url: str, tmp_path: Path) -> None:
    async def before(server: Server) -> None:
        for name in ("first", "second"):
            await server.registrations.register(LLM, family(name, tmp_path), persist=True)
        async with server.database.session() as session:
            await session.execute(update(Registration).where(Registration.name == "first").values(record={"of": "old"}))

    async def after(server: Server) -> None:
        assert [one.name for one in server.catalog.registered(LLM)] == ["second"]

    on(database_url, before, after)


def test_of_two_at_once_one_wins(database_url: str) -> None:
    async def work(server: Server) -> None:
        twice = [server.registrations.register(LLM, family(name), persist=False) for name in ("same", "SAME", "Same")]
        outcomes = await asyncio.gather(*twice, return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == [
            "Family",
            "RegistrationExists",
            "RegistrationExists",
        ]
        assert len(await server.rows()) == len(server.catalog.registered(LLM)) == 1

        async def both(name: str) -> None:
            await server.registrations.register(LLM, family(name), persist=False)
            await server.registrations.unregister(LLM, name)

        ends = await asyncio.gather(*(both("other") for _ in range(8)), return_exceptions=True)
        assert None in ends and all(one is None or isinstance(one, RegistrationExists | NotFound) for one in ends)
        assert "other" not in [row.name for row in await server.rows()]
        assert [one.name.lower() for one in server.catalog.registered(LLM)] == ["same"]

    on(database_url, work)


def test_two_servers_on_one_database_cannot_register_the_same_name(database_url: str) -> None:
    async def work(server: Server) -> None:
        other = Server(server.database)
        await server.registrations.register(LLM, family("x"), persist=False)
        with pytest.raises(RegistrationExists, match="already registered"):
            await other.registrations.register(LLM, family("X"), persist=False)
        assert other.catalog.registered(LLM) == []

    on(database_url, work)


def test_the_catalogs_own_can_neither_be_replaced_nor_removed(database_url: str) -> None:
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
        assert await server.rows() == []

    on(database_url, work)


def test_a_family_that_runs_stays(database_url: str) -> None:
    async def work(server: Server) -> None:
        await server.registrations.register(LLM, family("mine"), persist=False)
        server.launches = [
            Launch("a", Model(name="MINE", format="ggufv2"), "llama_cpp"),
            Launch("b", Model(name="mine", format="fake"), "fake"),
            Launch("c", Model(name="mine", type=ModelType.EMBEDDING), "llama_cpp"),
        ]
        with pytest.raises(RegistrationInUse, match="in use by a; terminate"):
            await server.registrations.unregister(LLM, "mine")
        assert server.catalog.get("mine") and len(await server.rows()) == 1
        server.launches = server.launches[1:]
        await server.registrations.unregister(LLM, "mine")

    on(database_url, work)


def test_files_must_be_there_only_for_what_is_to_stay(settings: Any, tmp_path: Path) -> None:
    async def work(server: Server) -> None:
        missing = family("x", tmp_path / "none")
        with pytest.raises(RegistrationInvalid, match=r"model_specs\[0\]\.model_uri: there is no file or folder"):
            await server.registrations.register(LLM, missing, persist=True)
        assert await server.rows() == [] and server.catalog.registered(LLM) == []
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

    on(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", work)
