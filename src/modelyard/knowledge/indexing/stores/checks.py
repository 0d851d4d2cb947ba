"""What every store checks of vectors before anything is written."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy
from numpy.typing import NDArray

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.types import Entry


def matrix(entries: Collection[Entry], dimension: int | None) -> NDArray[numpy.float32] | None:
    """The vectors as unit rows; None in a store without vectors. Raises `InvalidParameter`."""
    if dimension is None:
        if any(entry.vector is not None for entry in entries):
            raise InvalidParameter("vector", "this index was made without vectors.")
        return None
    rows = numpy.empty((len(entries), dimension), dtype=numpy.float32)
    for at, entry in enumerate(entries):
        if entry.vector is None or len(entry.vector) != dimension:
            raise InvalidParameter("vector", _other(entry.vector, dimension))
        rows[at] = entry.vector
    return _unit(rows)


def query(vector: Sequence[float], dimension: int) -> NDArray[numpy.float32]:
    """The vector of a question, of unit length. Raises `InvalidParameter`."""
    if len(vector) != dimension:
        raise InvalidParameter("vector", _other(vector, dimension))
    row: NDArray[numpy.float32] = _unit(numpy.asarray(vector, dtype=numpy.float32)[None, :])[0]
    return row


def changes(add: Sequence[Entry], remove: Sequence[int]) -> tuple[dict[int, Entry], set[int]]:
    """What to add, by id, and what to remove: an id in both stays, because an id means one text for ever."""
    wanted = {entry.id: entry for entry in reversed(add)}
    return wanted, set(remove).difference(wanted)


def _other(vector: Sequence[float] | None, dimension: int) -> str:
    has = "is missing" if vector is None else f"has {len(vector)} numbers"
    return f"it {has} where this index has {dimension}."


def _unit(rows: NDArray[numpy.float32]) -> NDArray[numpy.float32]:
    lengths = numpy.linalg.norm(rows, axis=1, keepdims=True)
    if not numpy.isfinite(lengths).all():
        raise InvalidParameter("vector", "it has numbers that are infinite or none.")
    lengths[lengths == 0] = 1
    unit: NDArray[numpy.float32] = numpy.divide(rows, lengths)
    return unit
