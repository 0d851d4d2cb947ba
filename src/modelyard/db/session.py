"""The database: connecting, migrating, sessions. The differences between SQLite and PostgreSQL end here."""

from __future__ import annotations

import asyncio
import functools
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NoResultFound, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm.exc import StaleDataError

from modelyard.core.errors import ChangedMeanwhile, DatabaseUnavailable, MissingLibrary, NotEnoughDisk
from modelyard.db.reserve import FULL, Reserve
from modelyard.db.tables import Base

log = logging.getLogger(__name__)

HEAD = "0008"
"""Newest migration; a test holds it against the files. A database that is there already needs no migration library."""

VERSIONS = "alembic_version"

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for another writer."""
TRIES = 8
"""Of a transaction whose rows others change meanwhile."""
PAUSE = 0.02
"""Seconds before the second try, at most; doubled before each further one."""
OUTRUN = frozenset({"40001", "40P01"})
"""SQLSTATE of PostgreSQL where two transactions stand in each other's way: serialization failure and deadlock."""

NO_ROOM = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE", "53100"})
"""What SQLite calls a write that a full disk refuses, and SQLSTATE of PostgreSQL for it."""
TROUBLE = (DatabaseUnavailable, NotEnoughDisk)
"""Raised where the database cannot be used now, and perhaps can later."""

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """One database by its SQLAlchemy URL. Sessions are short: never wait for a network or a process inside one."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._sqlite = sqlite = self.url.get_backend_name() == "sqlite"
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
            event.listen(self.engine.sync_engine, "invalidate", self._end_transaction)
        path = _file(self.url)
        self.reserve = None if path is None else Reserve(Path(f"{path}-reserve"))
        """Room for deleting on the disk of an SQLite file."""
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._rollbacks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect and bring the schema to `HEAD`. Raises `DatabaseUnavailable` or `NotEnoughDisk`, with a sentence for people."""
        if self.reserve is not None:
            self.reserve.lend()  # opening, too, writes a little
        with _translated(self.url):
            if (path := _file(self.url)) is not None:
                await asyncio.to_thread(_probe, path)
            async with self.engine.begin() as connection:
                tables = await connection.run_sync(lambda sync: sync.dialect.get_table_names(sync))
                if not tables:
                    await connection.run_sync(_create)
                elif await _version(connection, tables) != HEAD:
                    await connection.run_sync(_migrate)
        if self.reserve is not None:
            self.reserve.keep()

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction: committed at the end, rolled back on any error. For reading, and for writes that need no look before.

        Raises `ChangedMeanwhile` where it breaks a constraint, or writes a row that is gone, and `DatabaseUnavailable` or
        `NotEnoughDisk`.
        """
        with _translated(self.url):
            async with self._sessions() as session, session.begin():
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes what depends on what it reads. Raises as `session` does.

        On SQLite nobody else writes between its beginning and its end. On PostgreSQL rows that were not read for update may
        change in between, so the function that writes is `retried`.
        """
        async with self.session() as session:
            if self._sqlite:
                await (await session.connection()).exec_driver_sql("BEGIN IMMEDIATE")
            yield session

    @asynccontextmanager
    async def freeing(self) -> AsyncIterator[AsyncSession]:
        """A `writing` transaction that deletes. On a full disk it takes the room that is reserved for it."""
        if self.reserve is not None:
            self.reserve.lend()
        try:
            async with self.writing() as session:
                if self._sqlite:  # pages that end up free are then never written
                    await (await session.connection()).exec_driver_sql("PRAGMA cache_spill=OFF")
                yield session
        finally:
            if self.reserve is not None:
                self.reserve.keep()

    def check_room(self) -> None:
        """Raise `NotEnoughDisk` for a request that brings much, while there is no room that deleting would take."""
        if self.reserve is not None:
            self.reserve.check()

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    def _end_transaction(self, connection: Any, record: object, error: BaseException | None) -> None:
        """Roll back on a connection that is closed because the task that used it was cancelled.

        SQLite keeps such a connection, and its lock, until the last cursor of it is collected. The rollback runs after the
        statement that was interrupted, and before the connection is closed.
        """
        rollback = asyncio.ensure_future(connection.driver_connection.rollback())
        self._rollbacks.add(rollback)
        rollback.add_done_callback(self._forget_rollback)

    def _forget_rollback(self, rollback: asyncio.Task[None]) -> None:
        self._rollbacks.discard(rollback)
        if not rollback.cancelled() and (error := rollback.exception()) is not None:
            log.debug("a connection to the database could not be rolled back: %s", error)


def retried(write: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """A function that writes in one transaction, called again where that raised `ChangedMeanwhile`: it then reads what is there.

    Nothing outside the database may have been changed before the transaction.
    """

    @functools.wraps(write)
    async def until_alone(*args: P.args, **kwargs: P.kwargs) -> T:
        pause = PAUSE
        for _ in range(TRIES - 1):
            try:
                return await write(*args, **kwargs)
            except ChangedMeanwhile:
                await asyncio.sleep(random.uniform(0, pause))  # two that met would meet again
                pause *= 2
        return await write(*args, **kwargs)

    return until_alone


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turns what a driver raises into `ChangedMeanwhile`, `NotEnoughDisk` or `DatabaseUnavailable`."""
    where = url.render_as_string(hide_password=True)
    try:
        yield
    except (IntegrityError, StaleDataError, NoResultFound) as error:
        raise ChangedMeanwhile from error
    except DataError:
        raise  # not the database's trouble but the caller's
    except DBAPIError as error:
        if {getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate")} & NO_ROOM:
            raise NotEnoughDisk.full(_folder(url)) from error
        if getattr(error.orig, "sqlstate", None) in OUTRUN:
            raise ChangedMeanwhile from error
        raise DatabaseUnavailable(f"{error.orig} ({where})") from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        if getattr(error, "errno", None) in FULL or getattr(error, "sqlite_errorname", None) in NO_ROOM:
            raise NotEnoughDisk.full(_folder(url)) from error
        raise DatabaseUnavailable(f"{error} ({where})") from error


def _file(url: URL) -> str | None:
    """Path of an SQLite file; None for a database in memory and for other databases."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    return None if not path or path == ":memory:" or path.startswith("file:") else path


def _folder(url: URL) -> str:
    """Where a database is, for people."""
    path = _file(url)
    return f"the database at {url.host or url.query.get('host')}" if path is None else str(Path(path).parent)


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
