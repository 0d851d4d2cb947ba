"""Private rows in queries: which of a table's rows a request sees, by its owner id. Every store with private rows uses it."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, true
from sqlalchemy.orm import InstrumentedAttribute

from modelyard.core.access import Owner

Q = TypeVar("Q", bound=Select[Any])


def owned(owner: Owner, column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The condition that keeps rows whose owner column has this owner; an administrator's keeps all."""
    return true() if owner.everything else column == owner.id


def mine(query: Q, owner: Owner, column: InstrumentedAttribute[str]) -> Q:
    """A query narrowed to the rows that an owner sees."""
    return query.where(owned(owner, column))
