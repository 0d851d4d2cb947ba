"""A ring of samples in arrays: the newest slots of time, each with the values that were not zero. Its memory is limited.

A sample is three numbers in three arrays: a series, a kind of figure, and a value. Samples follow each other in time, so a slot
is a range of positions. When there are more samples than fit, the oldest slots are dropped, and the ring reaches less far back.
"""

from __future__ import annotations

from array import array
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

Sample = tuple[int, int, float]
"""Number of a series, kind of figure, value."""

FIRST_ROOM = 4096
"""Samples for which a new ring has room; the room is doubled until the limit is reached."""
SAMPLE_BYTES = 2 + 1 + 4


@dataclass(frozen=True, slots=True)
class Samples:
    """A copy of the samples of some slots, which may be read in a thread."""

    slots: list[tuple[int, int, int]]
    """Number of a slot, and its range of positions in the arrays."""
    series: array[int]
    kinds: bytes
    values: array[float]

    def of_kinds(self, selection: Container[int]) -> Iterator[tuple[int, int, int, float]]:
        """Slot, series, kind and value of each sample of these kinds."""
        flags = self.kinds.translate(bytes(kind in selection for kind in range(256)))
        series, kinds, values = self.series, self.kinds, self.values
        for slot, begin, end in self.slots:
            at = flags.find(1, begin, end)
            while at >= 0:
                yield slot, series[at], kinds[at], values[at]
                at = flags.find(1, at + 1, end)


class Ring:
    """The newest `slots` slots of `step` seconds, with at most `limit` samples."""

    def __init__(self, step: int, slots: int, limit: int) -> None:
        self.step = step
        self.slots = slots
        self.limit = limit
        self.newest = -1
        """Number of the newest slot: Unix time divided by `step`; -1 before the first."""
        self._written = 0
        """Number of all samples ever written; a sample's position is its number modulo the room."""
        self._numbers = array("q", [-1]) * slots
        self._begins = array("q", [0]) * slots
        self._room = 0
        self._series, self._kinds, self._values = array("H"), bytearray(), array("f")

    @property
    def size(self) -> int:
        """Bytes of its arrays."""
        return self._room * SAMPLE_BYTES + 16 * self.slots

    def write(self, slot: int, samples: Iterable[Sample]) -> None:
        """Add samples to a slot, which is the newest one; an older number, after a clock was set back, means the newest one."""
        if slot > self.newest:
            self.newest = slot
            self._numbers[slot % self.slots] = slot
            self._begins[slot % self.slots] = self._written
        for series, kind, value in samples:
            if self._written == self._room < self.limit:
                self._grow()
            at = self._written % self._room
            self._series[at], self._kinds[at], self._values[at] = series, kind, value
            self._written += 1

    def read(self, first: int, last: int) -> Samples:
        """The samples of the slots from `first` to `last` that are still there."""
        slots: list[tuple[int, int, int]] = []
        oldest = self._written - self._room
        base = None
        for slot in range(max(first, self.newest - self.slots + 1, 0), min(last, self.newest) + 1):
            begin = self._begins[slot % self.slots]
            if self._numbers[slot % self.slots] != slot or begin < oldest:
                continue
            base = begin if base is None else base
            slots.append((slot, begin - base, self._end(slot) - base))
        begin = base or 0
        end = begin + slots[-1][2] if slots else begin
        return Samples(slots, self._part(self._series, begin, end), bytes(self._part(self._kinds, begin, end)),
                       self._part(self._values, begin, end))  # fmt: skip

    def _end(self, slot: int) -> int:
        """The number of the sample after the last one of a slot."""
        for later in range(slot + 1, self.newest + 1):
            if self._numbers[later % self.slots] == later:
                return self._begins[later % self.slots]
        return self._written

    def _part(self, values: Any, begin: int, end: int) -> Any:
        """A copy of the samples with these numbers."""
        if begin == end:
            return values[:0]
        first, last = begin % self._room, (end - 1) % self._room + 1
        return values[first:last] if first < last else values[first:] + values[:last]

    def _grow(self) -> None:
        more = min(self.limit, max(FIRST_ROOM, 2 * self._room)) - self._room
        self._series.frombytes(bytes(2 * more))
        self._kinds += bytes(more)
        self._values.frombytes(bytes(4 * more))
        self._room += more
