"""Statements that differ between databases: long lists of values, and inserts that may find their row.

SQLite allows some ten thousand parameters, PostgreSQL 32,767.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy.ext.asyncio import AsyncSession

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

MOST_VALUES = 1000
"""Maximum number of values in one statement."""


def batched(values: Sequence[T], size: int = MOST_VALUES) -> Iterator[Sequence[T]]:
    """Values in their order, `size` at a time."""
    return (values[first : first + size] for first in range(0, len(values), size))


def insert_into(session: AsyncSession, table: type) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that may get an ON CONFLICT clause, for the session's database.

    The dialects are imported here, because PostgreSQL's takes 2.4 MB, which a server with SQLite saves.
    """
    if session.get_bind().dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
