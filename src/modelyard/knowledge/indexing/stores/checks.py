"""Checks that every store makes before it writes or searches vectors."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy
from numpy.typing import NDArray

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.types import IndexEntry


def matrix(entries: Collection[IndexEntry], dimension: int | None) -> NDArray[numpy.float32] | None:
    """The vectors as rows of length 1; None in a store without vectors. Raises `InvalidParameter`."""
    if dimension is None:
        if any(entry.vector is not None for entry in entries):
            raise InvalidParameter("vector", "this index has no vectors.")
        return None
    rows = numpy.empty((len(entries), dimension), dtype=numpy.float32)
    for at, entry in enumerate(entries):
        if entry.vector is None or len(entry.vector) != dimension:
            raise InvalidParameter("vector", _other(entry.vector, dimension))
        rows[at] = entry.vector
    return _unit(rows)


def query(vector: Sequence[float], dimension: int) -> NDArray[numpy.float32]:
    """The vector of a query, normalized to length 1. Raises `InvalidParameter`."""
    if len(vector) != dimension:
        raise InvalidParameter("vector", _other(vector, dimension))
    row: NDArray[numpy.float32] = _unit(numpy.asarray(vector, dtype=numpy.float32)[None, :])[0]
    return row


def changes(add: Sequence[IndexEntry], remove: Sequence[int]) -> tuple[dict[int, IndexEntry], set[int]]:
    """The entries to add by id, and the ids to remove. An id in both is kept, because an id always means one text."""
    additions = {entry.id: entry for entry in reversed(add)}
    return additions, set(remove).difference(additions)


def _other(vector: Sequence[float] | None, dimension: int) -> str:
    has = "is missing" if vector is None else f"has {len(vector)} numbers"
    return f"it {has} where this index has {dimension}."


def _unit(rows: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
    lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
    if not numpy.isfinite(lengths).all():
        raise InvalidParameter("vector", "it contains numbers that are infinite or NaN.")
    lengths[lengths == 0] = 1
    unit: NDArray[numpy.float32] = numpy.divide(rows, lengths)
    return unit
