"""The vector half of the embedded store: a row of ids for each chunk, and its vector, in two plain files.

`rows.N` has (id, document) as little-endian int64, with -1 as the id once removed; `vectors.N` has float32 values, row by row,
and is memory-mapped. Rows are appended after those that searches see, vectors before ids, and become visible when published.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

import numpy
from numpy.typing import NDArray

BLOCK: Final = 4096
"""Minimum number of rows by which the file of vectors grows, and number of rows that are copied at a time."""
REMOVED: Final = -1
_ROW: Final = 16
FEW: Final = 4
"""If a filter leaves fewer than one row in this many, only those rows are computed."""
SAMPLE: Final = 512
"""Rows that tell how similar to a query any row is."""
PART: Final = 16_384
"""Rows that one thread computes at a time. A core alone reads memory more slowly than several do."""
MOST_THREADS: Final = 8

Ints = NDArray[numpy.int64]
Floats = NDArray[numpy.float32]


@dataclass(frozen=True)
class VectorView:
    """A snapshot for one search, which later changes do not affect."""

    ids: Ints
    documents: Ints
    dead: NDArray[numpy.intp]
    """Removed rows."""
    vectors: Floats
    """Memory-mapped; one row per id."""

    def nearest(self, vector: Floats, k: int, documents: Collection[int] | None) -> list[tuple[int, float]]:
        """The `k` rows with the highest dot product, computed exactly; equal scores are sorted by id."""
        rows, scores = self._scored(vector, documents)
        k = min(k, len(scores))
        if k <= 0:
            return []
        least = numpy.partition(scores, len(scores) - k)[len(scores) - k]
        best = numpy.flatnonzero(scores >= least)
        ids = self.ids[best if rows is None else rows[best]]
        order = numpy.lexsort((ids, -scores[best]))[:k]
        found = zip(ids[order].tolist(), scores[best][order].tolist(), strict=True)
        return [(each, score) for each, score in found if score > -numpy.inf]

    @property
    def live(self) -> Ints:
        """The ids of all rows but the removed ones, in the order of the rows."""
        return self.ids[self.ids != REMOVED] if len(self.dead) else self.ids

    def rows_of(self, ids: Collection[int]) -> NDArray[numpy.intp]:
        """The row of each of these ids; -1 for an id that is not here.

        A binary search takes no memory where the ids are in order. A dictionary of them takes 110 bytes for each chunk.
        """
        known, rows = self._by_id
        numbers = numpy.fromiter(ids, dtype=numpy.int64, count=len(ids))
        if not len(known):
            return numpy.full(len(numbers), -1, dtype=numpy.intp)
        at = numpy.minimum(numpy.searchsorted(known, numbers), len(known) - 1)
        return numpy.where(known[at] == numbers, at if rows is None else rows[at], -1)

    def products(self, vector: Floats, ids: Collection[int]) -> dict[int, float]:
        """The dot product of a vector with each of these chunks that is here."""
        rows = self.rows_of(ids)
        products = numpy.vecdot(self.vectors[rows[rows >= 0]], vector).tolist()
        return dict(
            zip((each for each, row in zip(ids, rows.tolist(), strict=True) if row >= 0), products, strict=True)
        )

    @cached_property
    def _by_id(self) -> tuple[Ints, NDArray[numpy.intp] | None]:
        """The ids in ascending order, each with its row; None for rows in this order, as a first indexing makes them."""
        if not len(self.dead) and bool((self.ids[1:] > self.ids[:-1]).all()):
            return self.ids, None
        rows = numpy.flatnonzero(self.ids != REMOVED)
        rows = rows[numpy.argsort(self.ids[rows], kind="stable")]
        return self.ids[rows], rows

    def background(self, vector: Floats) -> list[float]:
        """The dot products with rows that are spread evenly, `SAMPLE` at most; a row of zeros has no vector and is left out."""
        rows = self.vectors[:: max(1, -(-len(self.vectors) // SAMPLE))]
        products = numpy.vecdot(rows, vector)
        return [each for each in products.tolist() if each]

    def _scored(self, vector: Floats, documents: Collection[int] | None) -> tuple[NDArray[numpy.intp] | None, Floats]:
        """The rows that count (None: all) and their scores; removed ones have minus infinity."""
        if documents is None:
            scores = _products(self.vectors, vector)
            scores[self.dead] = -numpy.inf
            return None, scores
        inside = numpy.isin(self.documents, numpy.fromiter(documents, dtype=numpy.int64, count=len(documents)))
        inside &= self.ids != REMOVED
        rows = numpy.flatnonzero(inside)
        if len(rows) * FEW < len(inside):
            scores = numpy.empty(len(rows), dtype=numpy.float32)
            for start in range(0, len(rows), BLOCK):
                numpy.vecdot(self.vectors[rows[start : start + BLOCK]], vector, out=scores[start : start + BLOCK])
            return rows, scores
        return rows, _products(self.vectors, vector)[rows]


class VectorRows:
    """The files of one store. One thread writes at a time; searches take `view`."""

    def __init__(self, folder: Path, number: int, dimension: int | None) -> None:
        self.folder = folder
        self.number = number
        self.dimension = dimension
        self._rows = os.open(self._path("rows"), os.O_RDWR | os.O_CREAT, 0o600)
        self._vectors = None if dimension is None else os.open(self._path("vectors"), os.O_RDWR | os.O_CREAT, 0o600)
        whole = os.fstat(self._rows).st_size // _ROW
        if self._vectors is not None:
            whole = min(whole, os.fstat(self._vectors).st_size // self._width)
        os.ftruncate(self._rows, whole * _ROW)
        pairs = numpy.fromfile(self._path("rows"), dtype="<i8").reshape(-1, 2)
        self._ids: Ints = pairs[:, 0].astype(numpy.int64)
        self._documents: Ints = pairs[:, 1].astype(numpy.int64)
        self._count = whole
        self._mapped: Floats = numpy.empty((0, dimension or 0), dtype=numpy.float32)
        self._pending: tuple[list[int], list[int]] = ([], [])
        self._map(whole)
        self._forget_repeated()
        self.view = self._make_view()

    def reserve(self, ids: Sequence[int], documents: Sequence[int], vectors: Floats | None) -> None:
        """Append rows: durable at the return, hidden until published. Changes nothing if it raises `OSError`."""
        end = self._count + len(ids)
        if self._vectors is not None and vectors is not None and ids:
            self._map(end)
            _write(self._vectors, vectors.astype("<f4", copy=False).tobytes(), self._count * self._width)
            os.fsync(self._vectors)
        pairs = numpy.array([ids, documents], dtype="<i8").T
        _write(self._rows, pairs.tobytes(), self._count * _ROW)
        os.fsync(self._rows)
        self._pending = (list(ids), list(documents))

    def abandon(self) -> None:
        """Discard the reserved rows."""
        self._pending = ([], [])
        os.ftruncate(self._rows, self._count * _ROW)

    def publish(self, remove: Iterable[int]) -> None:
        """Show the reserved rows to searches and hide the removed ones, then mark those on disk."""
        ids, documents = self._pending
        self._pending = ([], [])
        start, end = self._count, self._count + len(ids)
        removed = self.view.rows_of(list(remove)).tolist()
        if end > len(self._ids):
            self._ids, self._documents = (_grown(each, end) for each in (self._ids, self._documents))
        elif removed:
            self._ids = self._ids.copy()
        self._ids[start:end] = ids
        self._documents[start:end] = documents
        self._ids[removed] = REMOVED
        self._count = end
        self.view = self._make_view()
        self._mark(removed)

    @property
    def wasteful(self) -> bool:
        """Whether more than a third of the rows is removed."""
        return self._count > BLOCK and len(self.view.dead) * 3 > self._count

    def compact(self) -> VectorRows:
        """A copy without the removed rows, in files with the next number, durable at the return."""
        number = self.number + 1
        for name in ("rows", "vectors"):
            (self.folder / f"{name}.{number}").unlink(missing_ok=True)
        other = VectorRows(self.folder, number, self.dimension)
        live = numpy.flatnonzero(self.view.ids != REMOVED)
        for start in range(0, len(live), BLOCK):
            rows = live[start : start + BLOCK]
            vectors = None if self.dimension is None else self._mapped[rows]
            other.reserve(self.view.ids[rows].tolist(), self.view.documents[rows].tolist(), vectors)
            other.publish(())
        return other

    def close(self, delete: bool = False) -> None:
        """Close the files; views in use stay valid, even if the files are deleted."""
        os.close(self._rows)
        if self._vectors is not None:
            os.close(self._vectors)
        if delete:
            self._path("rows").unlink(missing_ok=True)
            self._path("vectors").unlink(missing_ok=True)

    @property
    def _width(self) -> int:
        return 4 * (self.dimension or 0)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.{self.number}"

    def _map(self, count: int) -> None:
        """Map space for `count` rows. The file has a hole after the last row, which takes no space on the disk."""
        if self._vectors is None or count <= len(self._mapped):
            return
        room = -(-max(count, 2 * len(self._mapped)) // BLOCK) * BLOCK
        if os.fstat(self._vectors).st_size < room * self._width:
            os.ftruncate(self._vectors, room * self._width)
        self._mapped = numpy.asarray(numpy.memmap(self._path("vectors"), "<f4", "r", 0, (room, self.dimension or 0)))

    def _forget_repeated(self) -> None:
        """Remove all rows but the last one of each id."""
        live = numpy.flatnonzero(self._ids != REMOVED)
        order = live[numpy.argsort(self._ids[live], kind="stable")]
        repeated = order[:-1][self._ids[order[:-1]] == self._ids[order[1:]]].tolist()
        self._ids[repeated] = REMOVED
        self._mark(repeated)

    def _mark(self, rows: Collection[int]) -> None:
        for row in rows:
            _write(self._rows, REMOVED.to_bytes(8, "little", signed=True), row * _ROW)
        if rows:
            os.fsync(self._rows)

    def _make_view(self) -> VectorView:
        ids = self._ids[: self._count]
        return VectorView(
            ids, self._documents[: self._count], numpy.flatnonzero(ids == REMOVED), self._mapped[: self._count]
        )


def _products(vectors: Floats, vector: Floats) -> Floats:
    """The dot product of each row with a vector; by several threads where there are many rows."""
    found = numpy.empty(len(vectors), dtype=numpy.float32)
    parts = [slice(start, start + PART) for start in range(0, len(vectors), PART)]
    spread = _threads().map if len(parts) > 1 else map
    for _ in spread(lambda part: numpy.vecdot(vectors[part], vector, out=found[part]), parts):
        pass
    return found


@cache
def _threads() -> ThreadPoolExecutor:
    """The threads that all stores share."""
    return ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS), "vectors")


def _grown(values: Ints, least: int) -> Ints:
    grown = numpy.full(max(least, 2 * len(values), 1024), REMOVED, dtype=numpy.int64)
    grown[: len(values)] = values
    return grown


def _write(file: int, data: bytes, at: int) -> None:
    rest = memoryview(data)
    while rest:
        written = os.pwrite(file, rest, at)
        rest, at = rest[written:], at + written
