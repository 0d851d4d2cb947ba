"""Splits long lists of values over statements: SQLite allows some ten thousand parameters, PostgreSQL 32,767."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

MOST_VALUES = 1000
"""Maximum number of values in one statement."""


def batched(values: Sequence[T], size: int = MOST_VALUES) -> Iterator[Sequence[T]]:
    """Values in their order, `size` at a time."""
    return (values[first : first + size] for first in range(0, len(values), size))
