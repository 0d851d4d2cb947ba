"""The database: connections, migrations, sessions. Hides the differences between SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NoResultFound, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm.exc import StaleDataError
from sqlalchemy.pool import Pool, QueuePool

from modelyard.core.errors import ChangedMeanwhile, DatabaseUnavailable, MissingLibrary, NotEnoughDisk
from modelyard.core.wording import reason
from modelyard.db import batch_tables as batch_tables  # its tables are part of the schema
from modelyard.db import chat_tables as chat_tables  # its tables are part of the schema
from modelyard.db import evaluation_tables as evaluation_tables  # its tables are part of the schema
from modelyard.db import file_tables as file_tables  # its tables are part of the schema
from modelyard.db import response_tables as response_tables  # its tables are part of the schema
from modelyard.db import session_tables as session_tables  # its tables are part of the schema
from modelyard.db import usage_tables as usage_tables  # its tables are part of the schema
from modelyard.db.reserve import FULL, Reserve
from modelyard.db.tables import Base
from modelyard.db.versions import HEAD, VERSIONS, check_version, copy_before_migration, note_writer, schema_version

log = logging.getLogger(__name__)

BUSY_TIMEOUT = 10.0
"""Seconds that SQLite waits for another writer."""
READERS = 2
"""Threads that read an SQLite file for `Database.read`."""
TRIES = 8
"""Maximum attempts of a transaction that conflicts with others."""
PAUSE = 0.02
"""Maximum seconds before the second attempt; doubled before each further one."""
OUTRUN = frozenset({"40001", "40P01"})
"""PostgreSQL's SQLSTATE codes of conflicting transactions: serialization failure and deadlock."""

NO_ROOM = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE", "SQLITE_IOERR_WRITE", "53100"})
"""SQLite's error names and PostgreSQL's SQLSTATE code of a write that failed because the disk is full."""
TROUBLE = (DatabaseUnavailable, NotEnoughDisk)
"""Errors of a database that cannot be used at present."""

P = ParamSpec("P")
T = TypeVar("T")


class Database:
    """One database, by its SQLAlchemy URL. Sessions are short: never wait for a network or a process inside one."""

    def __init__(self, url: str) -> None:
        self.url = make_url(url)
        self._sqlite = sqlite = self.url.get_backend_name() == "sqlite"
        options: dict[str, Any] = {"connect_args": {"timeout": BUSY_TIMEOUT}} if sqlite else {"pool_pre_ping": True}
        options["hide_parameters"] = True  # password hashes and environment variables must not appear in logs
        try:
            self.engine = create_async_engine(self.url, **options)
        except ModuleNotFoundError as error:
            raise MissingLibrary(
                self.url.get_backend_name(), error.name or "a driver", "pip install asyncpg 'psycopg[binary,pool]'"
            ) from error
        if sqlite:
            event.listen(self.engine.sync_engine, "connect", _set_pragmas)
            event.listen(self.engine.sync_engine, "invalidate", self._end_transaction)
        path = _file(self.url)
        self._reader = None if path is None else create_engine(self.url.set(drivername="sqlite"), **options)
        """Reads and writes an SQLite file in the threads that call it."""
        if self._reader is not None:
            event.listen(self._reader, "connect", _set_pragmas)
        self._readers = ThreadPoolExecutor(READERS, "database")
        self._writer = ThreadPoolExecutor(1, "database-writer")
        self._kept: Connection | None = None
        """The connection of the last write, which only the thread of writes uses."""
        self.reserve = None if path is None else Reserve(Path(f"{path}-reserve"))
        """Disk space for deletions, for an SQLite file."""
        self._sessions = async_sessionmaker(self.engine, expire_on_commit=False, autoflush=False)
        self._rollbacks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Connect and migrate the schema to `HEAD`, in one transaction. Raises `DatabaseUnavailable` or `NotEnoughDisk`.

        Before an SQLite file is migrated, it is copied to a file beside it.
        """
        if self.reserve is not None:
            self.reserve.lend()  # opening the database writes a little
        with _translated(self.url):
            if (path := _file(self.url)) is not None:
                await asyncio.to_thread(_probe, path)
            async with self.engine.begin() as connection:
                schema = await connection.run_sync(self._checked)
            if schema != HEAD:
                copy = await asyncio.to_thread(copy_before_migration, path, schema) if path and schema else None
                async with self.engine.begin() as connection:
                    if self._sqlite:  # else each statement that changes the schema would be a transaction of its own
                        await connection.exec_driver_sql("BEGIN IMMEDIATE")
                    await connection.run_sync(self._bring_to_head)
                if schema:
                    backup = f"; {copy} is a copy of before" if copy else ""
                    log.info("the database was migrated from the schema %s to %s%s", schema, HEAD, backup)
        if self.reserve is not None:
            self.reserve.keep()

    async def tables(self) -> list[str]:
        """The names of its tables. Raises `DatabaseUnavailable`."""
        with _translated(self.url):
            async with self.engine.connect() as connection:
                return await connection.run_sync(lambda sync: list(sync.dialect.get_table_names(sync)))

    async def version(self) -> str | None:
        """Its newest migration; None without tables. Raises `DatabaseUnavailable`, also if a newer version made it."""
        with _translated(self.url):
            async with self.engine.connect() as connection:
                return await connection.run_sync(self._checked)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What a function reads in a transaction of its own, for requests that must be fast. Raises `DatabaseUnavailable`.

        For an SQLite file it runs in another thread as a whole; a session changes threads for each step of a statement.
        """
        with _translated(self.url):
            if self._reader is not None:
                return await asyncio.get_running_loop().run_in_executor(self._readers, _read, self._reader, work)
            async with self.engine.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Callable[[Connection], T]) -> T:
        """What a function returns that reads and writes in a transaction of its own, like one of `writing`, committed at its end.

        It is as fast as `read`, for the same reason; on an error of the function nothing is written. Raises the errors of
        `session`. A caller that is cancelled does not stop it.
        """
        with _translated(self.url):
            if self._reader is not None:
                return await asyncio.get_running_loop().run_in_executor(self._writer, self._write, self._reader, work)
            async with self.engine.begin() as connection:
                if self._sqlite:
                    await connection.exec_driver_sql("BEGIN IMMEDIATE")
                return await connection.run_sync(work)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """A transaction for reading, and for writes that do not depend on a read: commits at the end, rolls back on any error.

        Raises `ChangedMeanwhile` if it violates a constraint or writes a row that was deleted, and `DatabaseUnavailable` or
        `NotEnoughDisk`.
        """
        with _translated(self.url):
            async with self._sessions() as session, session.begin():
                yield session

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncSession]:
        """A transaction that writes what depends on what it reads. Raises the errors of `session`.

        On SQLite it excludes all other writers. On PostgreSQL, rows that were not read for update may change during it, so the
        function that writes is `retried`.
        """
        async with self.session() as session:
            if self._sqlite:
                await (await session.connection()).exec_driver_sql("BEGIN IMMEDIATE")
            yield session

    @asynccontextmanager
    async def freeing(self) -> AsyncIterator[AsyncSession]:
        """A `writing` transaction that deletes. On a full disk it uses the reserved space."""
        if self.reserve is not None:
            self.reserve.lend()
        try:
            async with self.writing() as session:
                if self._sqlite:  # pages that are free at the end are then never written
                    await (await session.connection()).exec_driver_sql("PRAGMA cache_spill=OFF")
                yield session
        finally:
            if self.reserve is not None:
                self.reserve.keep()

    def check_room(self) -> None:
        """Raise `NotEnoughDisk` for a request that adds much data while the space for deletions is not reserved."""
        if self.reserve is not None:
            self.reserve.check()

    async def rest(self) -> None:
        """Let unused connections to an SQLite file release their caches, of 2 MB each, which the next statements fill again."""
        if self._reader is None:
            return
        with _translated(self.url):
            # all at once, because the pool always lends the same one first
            async with contextlib.AsyncExitStack() as held:
                for _ in range(_unused(self.engine.pool)):
                    connection = await held.enter_async_context(self.engine.connect())
                    await connection.exec_driver_sql("PRAGMA shrink_memory")
            await asyncio.to_thread(_shrink, self._reader)

    async def close(self) -> None:
        """Close every connection."""
        self._readers.shutdown()
        self._writer.shutdown()
        if self._kept is not None:
            self._kept.close()
        if self._reader is not None:
            self._reader.dispose()
        await self.engine.dispose()

    def _write(self, engine: Engine, work: Callable[[Connection], T]) -> T:
        """Write in the thread of writes, by the connection of the last write unless that has failed."""
        connection, self._kept = self._kept or engine.connect(), None
        try:
            with connection.begin():
                connection.exec_driver_sql("BEGIN IMMEDIATE")
                found = work(connection)
        except BaseException:
            connection.close()
            raise
        self._kept = connection
        return found

    def _checked(self, connection: Connection) -> str | None:
        """The schema of the database. Raises `DatabaseUnavailable` if a newer version made it."""
        tables = connection.dialect.get_table_names(connection)
        check_version(connection, tables, self.url.render_as_string(hide_password=True))
        return schema_version(connection, tables)

    def _bring_to_head(self, connection: Connection) -> None:
        """Create or migrate the tables, unless another process has done it since they were looked at."""
        if self._checked(connection) == HEAD:
            return
        if connection.dialect.get_table_names(connection):
            _migrate(connection)
        else:
            _create(connection)
        note_writer(connection)

    def _end_transaction(self, connection: Any, record: object, error: BaseException | None) -> None:
        """Roll back a connection that is closed because its task was cancelled.

        SQLite keeps such a connection, and its lock, until its last cursor is garbage-collected. The rollback runs after the
        interrupted statement, and before the connection is closed.
        """
        rollback = asyncio.ensure_future(connection.driver_connection.rollback())
        self._rollbacks.add(rollback)
        rollback.add_done_callback(self._forget_rollback)

    def _forget_rollback(self, rollback: asyncio.Task[None]) -> None:
        self._rollbacks.discard(rollback)
        if not rollback.cancelled() and (error := rollback.exception()) is not None:
            log.debug("a connection to the database could not be rolled back: %s", error)


def _unused(pool: Pool) -> int:
    return pool.checkedin() if isinstance(pool, QueuePool) else 0


def _shrink(engine: Engine) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(_unused(engine.pool)):
            held.enter_context(engine.connect()).exec_driver_sql("PRAGMA shrink_memory")


def _read(engine: Engine, work: Callable[[Connection], T]) -> T:
    with engine.connect() as connection:
        return work(connection)


def retried(write: Callable[P, Awaitable[T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Decorate a function that writes in one transaction: it is called again if it raised `ChangedMeanwhile`.

    The function must not change anything outside the database before the transaction.
    """

    @functools.wraps(write)
    async def until_alone(*args: P.args, **kwargs: P.kwargs) -> T:
        pause = PAUSE
        for _ in range(TRIES - 1):
            try:
                return await write(*args, **kwargs)
            except ChangedMeanwhile:
                await asyncio.sleep(
                    random.uniform(0, pause)
                )  # random, so that two conflicting writers do not meet again
                pause *= 2
        return await write(*args, **kwargs)

    return until_alone


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Translate a driver's error into `ChangedMeanwhile`, `NotEnoughDisk` or `DatabaseUnavailable`."""
    where = url.render_as_string(hide_password=True)
    try:
        yield
    except (IntegrityError, sqlite3.IntegrityError, StaleDataError, NoResultFound) as error:
        raise ChangedMeanwhile from error
    except DataError:
        raise  # an error of the caller, not of the database
    except DBAPIError as error:
        if {getattr(error.orig, name, None) for name in ("sqlite_errorname", "sqlstate")} & NO_ROOM:
            raise NotEnoughDisk.full(_folder(url)) from error
        if getattr(error.orig, "sqlstate", None) in OUTRUN:
            raise ChangedMeanwhile from error
        raise _unavailable(error.orig or error, where) from error
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        if getattr(error, "errno", None) in FULL or getattr(error, "sqlite_errorname", None) in NO_ROOM:
            raise NotEnoughDisk.full(_folder(url)) from error
        raise _unavailable(error, where) from error


def _unavailable(error: BaseException, where: str) -> DatabaseUnavailable:
    """The error with its reason for people, and with what to do if no database answers at all."""
    cure = " Start that database, or correct MODELYARD_DATABASE_URL." if isinstance(error, OSError) else ""
    return DatabaseUnavailable(f"{reason(error)} ({where}).{cure}")


def _file(url: URL) -> str | None:
    """The path of an SQLite file; None for a database in memory and for other databases."""
    path = url.database if url.get_backend_name() == "sqlite" else None
    return None if not path or path == ":memory:" or path.startswith("file:") else path


def _folder(url: URL) -> str:
    """The location of a database, for error messages."""
    path = _file(url)
    return f"the database at {url.host or url.query.get('host')}" if path is None else str(Path(path).parent)


def _probe(path: str) -> None:
    """Raise `sqlite3.Error` for a file that cannot be used.

    Called before aiosqlite opens the file, whose thread would report a failed connection to an event loop that may be closed.
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


def _create(connection: Connection) -> None:
    """Create the tables of an empty database in their newest form, and mark it as fully migrated."""
    Base.metadata.create_all(connection)
    connection.execute(text(f"CREATE TABLE {VERSIONS} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    connection.execute(text(f"INSERT INTO {VERSIONS} VALUES (:head)"), {"head": HEAD})


def _migrate(connection: Connection) -> None:
    from modelyard.db.migrations import upgrade  # importing alembic takes a quarter of the start, and is seldom needed

    upgrade(connection)
