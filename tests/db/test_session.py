"""The database, on SQLite and PostgreSQL alike: migrations, transactions, and failures that speak."""

from __future__ import annotations

import asyncio
import gc
import socket
import sqlite3
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import uvloop
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, delete, insert, select
from sqlalchemy import event as events

from modelyard.core.errors import ChangedMeanwhile, DatabaseUnavailable, NotEnoughDisk
from modelyard.db import session as sessions
from modelyard.db.migrations import config, upgrade
from modelyard.db.session import Database, retried
from modelyard.db.tables import Base, Event
from modelyard.db.versions import HEAD, WRITER


def on(url: str, work: Callable[[Database], Awaitable[None]]) -> None:
    """Run `work` on an open database, on the server's own kind of event loop."""

    async def go() -> None:
        database = Database(url)
        try:
            await database.open()
            await work(database)
        finally:
            await database.close()

    uvloop.run(go())


def event(content: str) -> Event:
    return Event(uid="m", at=1.0, kind="INFO", content=content)


def test_head_is_the_newest_migration() -> None:
    assert ScriptDirectory.from_config(config()).get_heads() == [HEAD]


def differences(connection: Connection) -> list[object]:
    options = {"include_name": lambda name, kind, _: (kind, name) != ("table", WRITER)}
    found: list[object] = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    return found


def test_migrations_make_exactly_the_tables(database_url: str) -> None:
    async def go() -> None:
        database = Database(database_url)
        async with database.engine.begin() as connection:
            await connection.run_sync(upgrade)
            assert await connection.run_sync(differences) == []
        await database.open()
        await database.close()

    uvloop.run(go())


def test_a_new_database_is_as_if_it_had_been_migrated(database_url: str) -> None:
    async def work(database: Database) -> None:
        async with database.engine.begin() as connection:
            assert await connection.run_sync(differences) == []
            await connection.run_sync(upgrade)
            assert (await connection.exec_driver_sql("SELECT version_num FROM alembic_version")).all() == [(HEAD,)]

    on(database_url, work)


def test_an_older_database_is_migrated(database_url: str) -> None:
    """One that holds tables of somebody else and none of ours counts as older than everything."""

    async def go() -> None:
        database = Database(database_url)
        async with database.engine.begin() as connection:
            await connection.exec_driver_sql("CREATE TABLE theirs (x INTEGER)")
        await database.open()
        async with database.session() as session:
            session.add(event("kept"))
        await database.close()

    uvloop.run(go())


def test_a_migrated_database_opens_again_without_the_migration_library(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def write(database: Database) -> None:
        async with database.session() as session:
            session.add(event("你好"))

    async def read(database: Database) -> None:
        async with database.session() as session:
            assert [row.content for row in await session.scalars(select(Event))] == ["你好"]

    on(database_url, write)
    monkeypatch.setattr(sessions, "_migrate", lambda connection: pytest.fail("migrated again"))
    on(database_url, read)


def test_an_error_inside_rolls_back(database_url: str) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(KeyError):
            async with database.session() as session:
                session.add(event("lost"))
                await session.flush()
                raise KeyError
        async with database.session() as session:
            assert list(await session.scalars(select(Event))) == []

    on(database_url, work)


def test_a_duplicate_is_the_callers_trouble(database_url: str) -> None:
    async def work(database: Database) -> None:
        for _ in range(2):
            row = event("twice")
            row.id = 1
            try:
                async with database.session() as session:
                    session.add(row)
            except ChangedMeanwhile:
                return
        pytest.fail("the second row went in")

    on(database_url, work)


def test_rows_that_are_read_and_then_written_are_counted_right(database_url: str) -> None:
    """Each of many at once reads a row, gives way to the others, and writes what follows from it."""

    async def work(database: Database) -> None:
        @retried
        async def add() -> None:
            async with database.writing() as session:
                row = await session.get(Event, 1, with_for_update=True)
                await asyncio.sleep(0)
                if row is None:
                    first = event("1")
                    first.id = 1
                    session.add(first)
                else:
                    row.content = str(int(row.content) + 1)

        await asyncio.gather(*(add() for _ in range(12)))
        async with database.session() as session:
            assert (await session.get_one(Event, 1)).content == "12"

    on(database_url, work)


def test_a_row_that_is_gone_when_it_is_written(database_url: str) -> None:
    async def work(database: Database) -> None:
        async with database.session() as session:
            session.add(event("short-lived"))
        tries = 0

        @retried
        async def rename() -> str:
            nonlocal tries
            tries += 1
            async with database.session() as session:
                row = await session.scalar(select(Event))
                if row is None:
                    return "gone"
                async with database.session() as other:
                    await other.execute(delete(Event))
                row.content = "renamed"
            return "renamed"

        assert (await rename(), tries) == ("gone", 2)

    on(database_url, work)


def test_a_cancelled_transaction_holds_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task that is cancelled at any moment of a transaction leaves no connection that still holds the lock of writing."""
    monkeypatch.setattr(sessions, "BUSY_TIMEOUT", 0.2)

    async def write(database: Database) -> None:
        async with database.writing() as session:
            session.add(event("cancelled"))
            await session.flush()
            await session.scalars(select(Event))

    async def work(database: Database) -> None:
        for step in range(120):
            task = asyncio.create_task(write(database))
            await asyncio.sleep(step % 40 * 0.0002)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            async with database.writing() as session:
                session.add(event("after"))

    gc.disable()  # a cursor in a cycle is not collected soon, and keeps its connection
    try:
        on(f"sqlite+aiosqlite:///{tmp_path / 'cancelled.db'}", work)
    finally:
        gc.enable()


def test_a_locked_database_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "BUSY_TIMEOUT", 0.1)
    path = tmp_path / "locked.db"

    async def work(database: Database) -> None:
        holder = sqlite3.connect(path, isolation_level=None)
        try:
            holder.execute("BEGIN EXCLUSIVE")
            with pytest.raises(DatabaseUnavailable, match="database is locked"):
                async with database.session() as session:
                    session.add(event("waits"))
        finally:
            holder.close()

    on(f"sqlite+aiosqlite:///{path}", work)


def test_a_full_database_says_so(tmp_path: Path) -> None:
    async def work(database: Database) -> None:
        with pytest.raises(NotEnoughDisk, match="is full, and nothing was written"):
            async with database.session() as session:
                await (await session.connection()).exec_driver_sql("PRAGMA max_page_count = 20")
                session.add_all(event("x" * 4000) for _ in range(100))
        async with database.session() as session:
            assert list(await session.scalars(select(Event))) == []

    on(f"sqlite+aiosqlite:///{tmp_path / 'full.db'}", work)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("sqlite+aiosqlite:////nowhere/at/all.db", "unable to open database file"),
        ("postgresql+asyncpg://nobody:hunter2@127.0.0.1:9/none", "127.0.0.1"),
    ],
)
def test_a_database_that_cannot_be_reached(url: str, words: str) -> None:
    async def go() -> None:
        database = Database(url)
        with pytest.raises(DatabaseUnavailable, match=words) as caught:
            await database.open()
        assert "hunter2" not in caught.value.message
        await database.close()

    threads = set(threading.enumerate())
    asyncio.run(go())
    assert (
        set(threading.enumerate()) <= threads
    )  # a connection that failed leaves no thread that reports to a closed loop


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is not a database, " * 100)

    async def go() -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'text.db'}")
        with pytest.raises(DatabaseUnavailable, match="file is not a database"):
            await database.open()
        await database.close()

    asyncio.run(go())


def test_a_function_reads_what_is_committed_and_nothing_else(database_url: str) -> None:
    async def work(database: Database) -> None:
        threads: set[int] = set()

        def contents(connection: Connection) -> list[str]:
            threads.add(threading.get_ident())
            return list(connection.scalars(select(Event.content).order_by(Event.content)))

        for content in ("first", "second"):
            async with database.session() as session:
                session.add(event(content))
                await session.flush()
                assert content not in await database.read(contents)
            assert content in await database.read(contents)
        assert await asyncio.gather(*[database.read(contents) for _ in range(8)]) == [["first", "second"]] * 8
        if database.url.get_backend_name() == "sqlite":
            assert threading.get_ident() not in threads

    on(database_url, work)


def test_a_function_that_reads_reports_a_database_without_its_tables(database_url: str) -> None:
    async def work(database: Database) -> None:
        async with database.engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
        with pytest.raises(DatabaseUnavailable):
            await database.read(lambda connection: connection.scalar(select(Event.content)))

    on(database_url, work)


def test_a_function_reads_and_writes_in_one_transaction(database_url: str) -> None:
    def add(connection: Connection) -> int:
        found = len(connection.execute(select(Event.content).with_for_update()).all())
        connection.execute(insert(Event), {"uid": "m", "at": 1.0, "kind": "INFO", "content": f"{found}"})
        return found

    def failing(connection: Connection) -> None:
        add(connection)
        raise ValueError

    def refused(connection: Connection) -> None:
        add(connection)
        connection.execute(insert(Event), {"id": 1, "uid": "m", "at": 1.0, "kind": "INFO", "content": "taken"})

    async def work(database: Database) -> None:
        assert await database.write(add) == 0
        with pytest.raises(ValueError):
            await database.write(failing)
        with pytest.raises(ChangedMeanwhile):
            await database.write(refused)
        async with database.writing() as session:
            waiting = asyncio.ensure_future(database.write(add))
            session.add(event("of a session"))
        await waiting
        if database_url.startswith("sqlite"):  # it excludes all other writers
            assert waiting.result() == 2
            assert sorted(await asyncio.gather(*[database.write(add) for _ in range(5)])) == [3, 4, 5, 6, 7]
        contents = await database.read(lambda connection: list(connection.scalars(select(Event.content))))
        assert contents[0] == "0" and "of a session" in contents and "taken" not in contents

    on(database_url, work)


def test_a_database_that_does_not_answer_is_a_sentence_with_its_cure() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]

    async def go() -> None:
        with pytest.raises(DatabaseUnavailable) as caught:
            await Database(f"postgresql+asyncpg://nobody@127.0.0.1:{port}/x").open()
        assert caught.value.message == (
            f"The database cannot be used: the connection was refused (postgresql+asyncpg://nobody@127.0.0.1:{port}/x). "
            "Start that database, or correct MODELYARD_DATABASE_URL."
        )

    asyncio.run(go())


def test_unused_connections_release_their_caches(tmp_path: Path) -> None:
    shrunk: list[int] = []

    @events.listens_for(Engine, "before_cursor_execute")
    def note(connection: Connection, cursor: object, statement: str, *_: object) -> None:
        if statement == "PRAGMA shrink_memory":
            shrunk.append(id(connection.connection.dbapi_connection))

    async def go(database: Database) -> None:
        async with database.session() as first, database.session() as second:
            for session in (first, second):
                await session.execute(select(Event.id))
        await database.read(lambda connection: connection.execute(select(Event.id)).all())
        async with database.session() as busy:
            await busy.execute(select(Event.id))
            await database.rest()
        assert len(shrunk) == len(set(shrunk)) == 2  # one session was in use
        async with database.session() as session:
            assert (await session.scalars(select(Event.id))).all() == []

    try:
        on(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", go)
    finally:
        events.remove(Engine, "before_cursor_execute", note)
