"""The control loop's rows and events: written in batches, in order, and not lost where the database is away."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sqlalchemy import select, update

from modelyard.control import journal as module
from modelyard.control.diff import Desired
from modelyard.control.journal import Journal
from modelyard.control.places import packed
from modelyard.core.errors import ModelyardError
from modelyard.core.types import Launch, Model
from modelyard.db.session import Database
from modelyard.db.tables import Deployment, Event

HOME = Path("/home")
LAUNCH = Launch("m", Model("m", format="fake"), "fake")


def row(uid: str, **more: Any) -> Deployment:
    fields: dict[str, Any] = {"launch": packed(replace(LAUNCH, uid=uid), HOME), "request": {}, "ordinals": [0, 2]}
    return Deployment(uid=uid, **{**fields, "created_at": 1.0, "terminating": False, "was_ready": False, **more})


@pytest.fixture
def on(sqlite_url: str) -> Callable[[Callable[[Journal, Database], Awaitable[None]]], None]:
    """Runs a work on a journal and its database."""

    def run(work: Callable[[Journal, Database], Awaitable[None]]) -> None:
        async def go() -> None:
            database = Database(sqlite_url)
            await database.open()
            try:
                await work(Journal(database, HOME), database)
            finally:
                await database.close()

        uvloop.run(go())

    return run


On = Callable[[Callable[[Journal, Database], Awaitable[None]]], None]


async def add(database: Database, *rows: Deployment) -> None:
    async with database.session() as session:
        session.add_all(rows)


async def events(database: Database) -> list[tuple[str, str, str]]:
    async with database.session() as session:
        found = await session.scalars(select(Event).order_by(Event.id))
        return [(event.uid, event.kind, event.content) for event in found]


async def named(journal: Journal) -> dict[str, Desired]:
    return {each.uid: each for each in await journal.load()}


def test_models_are_read_oldest_first_and_what_cannot_be_read_is_left_out(on: On) -> None:
    async def work(journal: Journal, database: Database) -> None:
        await add(
            database,
            row("young", created_at=3.0, generation=2, terminating=True),
            row("old", created_at=2.0, was_ready=True),
            row("broken", launch={"uid": "broken"}, created_at=1.0),
            row("of another version", launch={**packed(LAUNCH, HOME), "gpus": "many"}, created_at=1.0),
        )
        old, young = await journal.load()
        assert old == Desired("old", replace(LAUNCH, uid="old"), (0, 2), 1, False, True, 2.0)
        assert (young.uid, young.generation, young.terminating, young.was_ready) == ("young", 2, True, False)

    on(work)


def test_events_are_written_in_order(on: On) -> None:
    async def work(journal: Journal, database: Database) -> None:
        journal.event("m", "INFO", "one")
        journal.event("n", "ERROR", "two")
        assert await events(database) == []
        await journal.flush()
        journal.event("m", "INFO", "three")
        await journal.flush()
        await journal.flush()
        assert await events(database) == [("m", "INFO", "one"), ("n", "ERROR", "two"), ("m", "INFO", "three")]

    on(work)


def test_only_the_newest_events_are_kept(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEEP_EVENTS", 3)

    async def work(journal: Journal, database: Database) -> None:
        for batch in (["0"], ["1", "2", "3"], ["4"], [str(n) for n in range(5, 12)]):
            for content in batch:
                journal.event("m", "INFO", content)
            await journal.flush()
            last = int(batch[-1])
            assert [content for *_, content in await events(database)] == [
                str(n) for n in range(max(0, last - 2), last + 1)
            ]

    on(work)


def test_a_model_was_ready_once_it_was_noted(on: On) -> None:
    async def work(journal: Journal, database: Database) -> None:
        await add(database, row("m"), row("n"))
        journal.became_ready("m")
        await journal.flush()
        found = await named(journal)
        assert (found["m"].was_ready, found["n"].was_ready) == (True, False)

    on(work)


def test_a_new_description_is_written_for_its_generation_alone(on: On) -> None:
    async def work(journal: Journal, database: Database) -> None:
        await add(database, row("m", generation=2), row("n", generation=2))
        found = await named(journal)
        model = replace(LAUNCH.model, context_length=77)
        for uid, generation in (("m", 2), ("n", 1)):
            target = found[uid]
            journal.described(replace(target, generation=generation, launch=replace(target.launch, model=model)))
        await journal.flush()
        found = await named(journal)
        assert (found["m"].launch.model.context_length, found["n"].launch.model.context_length) == (77, 0)

    on(work)


def test_what_could_not_be_written_is_written_later_and_first(on: On) -> None:
    async def work(journal: Journal, database: Database) -> None:
        async def rename(before: str, after: str) -> None:
            async with database.session() as session:
                await (await session.connection()).exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")

        await add(database, row("m"))
        [target] = await journal.load()
        await rename("deployments", "elsewhere")
        journal.event("m", "INFO", "one")
        journal.became_ready("m")
        journal.described(replace(target, launch=replace(target.launch, options={"tokens": 1})))
        with pytest.raises(ModelyardError):
            await journal.flush()
        journal.event("m", "INFO", "two")
        journal.described(replace(target, launch=replace(target.launch, options={"tokens": 2})))
        with pytest.raises(ModelyardError):
            await journal.flush()
        await rename("elsewhere", "deployments")
        await journal.flush()
        assert [content for *_, content in await events(database)] == ["one", "two"]
        [target] = await journal.load()
        assert target.was_ready and target.launch.options == {"tokens": 2}

    on(work)


def test_the_row_of_a_model_goes_only_while_it_is_being_removed(on: On) -> None:
    """The uid may have been launched again meanwhile."""

    async def work(journal: Journal, database: Database) -> None:
        await add(database, row("m"), row("n", terminating=True))
        await journal.remove("m")
        await journal.remove("m")
        assert sorted(await named(journal)) == ["m", "n"]
        async with database.session() as session:
            await session.execute(update(Deployment).where(Deployment.uid == "m").values(terminating=True))
        await journal.remove("m")
        assert sorted(await named(journal)) == ["n"]

    on(work)
