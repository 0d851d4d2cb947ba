"""The database: connecting, migrating, sessions. The differences between SQLite and PostgreSQL end here."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine

from modelyard.core.errors import DatabaseUnavailable, MissingLibrary
from modelyard.db.tables import Base

HEAD = "0005"
"""Newest migration; a test holds it against the files. A database that is there already needs no migration library."""

VERSIONS = "alembic_version"

BUSY_TIMEOUT = 5.0  # seconds that SQLite waits for another writer


class Database:
    """One database by its SQLAlchemy URL. Sessions are short: never wait for a network or a process inside one."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT}} if sqlite else {"pool_pre_ping": True}
        options["hide_parameters"] = True  # hashes of passwords and environments of launches do not belong into logs
        try:
            self.engine = create_async_engine(self.url, **options)
        except ModuleNotFoundError as error:
            raise MissingLibrary(
                self.url.get_backend_name(), error.name or "a driver", "pip install 'modelyard[postgres]'"
            ) from error
        if sqlite:
            event.listen(self.engine.sync_engine, "connect", _set_pragmas)
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)

    async def open(self) -> None:
        """Connect and bring the schema to `HEAD`. Raises `DatabaseUnavailable` with a sentence for people."""
        with _translated(self.url):
            if (path := _file(self.url)) is not None:
                await asyncio.to_thread(_probe, path)
            async with self.engine.begin() as connection:
                tables = await connection.run_sync(lambda sync: sync.dialect.get_table_names(sync))
                if not tables:
                    await connection.run_sync(_create)
                elif await _version(connection, tables) != HEAD:
                    await connection.run_sync(_migrate)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end, rolled back on any error."""
        with _translated(self.url):
            async with self._sessions() as session, session.begin():
                yield session

    async def close(self) -> None:
        await self.engine.dispose()


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turns what a driver raises into `DatabaseUnavailable`."""
    where = url.render_as_string(hide_password=True)
    try:
        yield
    except IntegrityError:
        raise  # not the database's trouble but the caller's
    except DBAPIError as error:
        raise DatabaseUnavailable(f"{error.orig} ({where})") from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        raise DatabaseUnavailable(f"{error} ({where})") from error


def _file(url: URL) -> str | None:
    """Path of an SQLite file; None for a database in memory and for other databases."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    return None if not path or path == ":memory:" or path.startswith("file:") else path


def _probe(path: str) -> None:
    """Raises `sqlite3.Error` for a file that cannot be used.

    Asked before aiosqlite is: after a connection that failed, its thread reports to an event loop that may be closed by then.
    """
    connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
    finally:
        connection.close()


def _set_pragmas(connection: Any, record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


async def _version(connection: AsyncConnection, tables: list[str]) -> str | None:
    if VERSIONS not in tables:
        return None
    row = (await connection.execute(text(f"SELECT version_num FROM {VERSIONS}"))).first()
    return None if row is None else str(row[0])


def _create(connection: Connection) -> None:
    """The tables of an empty database as they are now, marked as fully migrated: a first start needs no history."""
    Base.metadata.create_all(connection)
    connection.execute(text(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {VERSIONS} VALUES (:head)"), {"head": HEAD})


def _migrate(connection: Connection) -> None:
    from modelyard.db.migrations import upgrade  # alembic costs a quarter of the start, and is seldom needed

    upgrade(connection)
