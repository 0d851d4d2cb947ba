"""Connections to PostgreSQL for stores: one pool per database in a process, with errors translated to ours."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg_pool import ConnectionPool
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from modelyard.core.errors import DatabaseUnavailable

MAX_CONNECTIONS: Final = 8
WAIT: Final = 10.0
"""Seconds that a call waits for a connection."""
_SSL: Final = "ssl"
"""asyncpg's name of the parameter `sslmode` of libpq."""

Connection = psycopg.Connection[Any]

_lock = threading.Lock()
_pools: dict[str, tuple[ConnectionPool[Connection], int]] = {}


def conninfo(url: str) -> str:
    """Convert SQLAlchemy's URL of a PostgreSQL database to a libpq connection string. Raises `DatabaseUnavailable`."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseUnavailable("the store 'postgres' needs the URL of a PostgreSQL database.") from error
    if parsed.get_backend_name() != "postgresql":
        raise DatabaseUnavailable(f"the store 'postgres' needs a PostgreSQL database, not {parsed.get_backend_name()}.")
    ours = {key: value for key, value in parsed.query.items() if key not in (_SSL, "prepared_statement_cache_size")}
    if mode := parsed.query.get(_SSL):
        ours["sslmode"] = {"true": "require", "false": "disable"}.get(str(mode).lower(), str(mode))
    return parsed.set(drivername="postgresql", query=ours).render_as_string(hide_password=False)


def acquire_pool(target: str) -> ConnectionPool[Connection]:
    """The pool of a database. Every caller releases it once, and the last release closes it."""
    with _lock:
        pool, users = _pools.get(target) or (_made(target), 0)
        _pools[target] = pool, users + 1
        return pool


def release_pool(target: str) -> None:
    """Release a pool; the last user closes it."""
    with _lock:
        pool, users = _pools[target]
        if users > 1:
            _pools[target] = pool, users - 1
            return
        del _pools[target]
    pool.close()


@contextmanager
def translate_errors() -> Iterator[None]:
    """Raise the driver's errors as `DatabaseUnavailable`."""
    try:
        yield
    except psycopg.Error as error:
        raise DatabaseUnavailable(str(error).strip()) from error


def _made(target: str) -> ConnectionPool[Connection]:
    return ConnectionPool(
        target,
        kwargs={"autocommit": True},
        min_size=0,
        max_size=MAX_CONNECTIONS,
        timeout=WAIT,
        max_idle=60,
        check=ConnectionPool.check_connection,
        num_workers=1,
        open=True,
    )
