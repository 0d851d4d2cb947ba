"""Which waiting documents are indexed together: as many small ones as take a moment, fewer where models are slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from modelyard.knowledge.indexing.adaptive_size import Portions

FIRST, MOST = 2, 32
"""Documents of a job's first batches, and of the largest."""
MOST_BYTES = 1 << 17
"""Bytes that a batch of several documents may have."""


@dataclass(frozen=True, slots=True)
class Due:
    """A task that waits."""

    task: int
    job: str
    document: int
    size: int
    """Bytes of the document."""


class Batches:
    """Tasks in their order, taken out in batches of one job."""

    def __init__(self) -> None:
        self._queue: deque[Due] = deque()
        self._portions = Portions(FIRST, MOST)
        """Documents of a job's next batch."""

    def __bool__(self) -> bool:
        return bool(self._queue)

    def extend(self, tasks: Iterable[Due]) -> None:
        """More tasks, behind those that are there."""
        self._queue.extend(tasks)

    def take(self, busy: Collection[int]) -> list[Due]:
        """What is done together next, of no document twice or of `busy` ones; empty where all are of such documents."""
        taken: list[Due] = []
        seen, size = set(busy), 0
        for due in list(self._queue):
            if due.document in seen:
                continue
            full = len(taken) >= self._portions.size(due.job) or size + due.size > MOST_BYTES
            if taken and (due.job != taken[0].job or full):
                break
            seen.add(due.document)
            size += due.size
            taken.append(due)
            self._queue.remove(due)
        return taken

    def clear(self) -> None:
        """Forget all that waits here, so that it is looked up again."""
        self._queue.clear()

    def drop(self, job: str) -> None:
        """Forget what waits here of one job."""
        self._queue = deque(due for due in self._queue if due.job != job)

    def took(self, job: str, seconds: float) -> None:
        """How long a batch of a job took."""
        self._portions.took(job, seconds)

    def forget(self) -> None:
        """No job runs any more."""
        self._portions.forget()
