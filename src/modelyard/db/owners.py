"""Restricts queries to the rows of an owner id. Every store of private rows uses it."""

from __future__ import annotations

from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Select, true
from sqlalchemy.orm import InstrumentedAttribute

from modelyard.core.access import Owner

Q = TypeVar("Q", bound=Select[Any])


def owned(owner: Owner, column: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The condition that selects rows with this owner id; for an administrator, all rows."""
    return true() if owner.everything else column == owner.id


def mine(query: Q, owner: Owner, column: InstrumentedAttribute[str]) -> Q:
    """Restrict a query to the rows that an owner may see."""
    return query.where(owned(owner, column))
