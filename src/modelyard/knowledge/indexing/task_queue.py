"""Which waiting documents are indexed together: as many small ones as take a moment, fewer if models are slow."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from modelyard.knowledge.indexing.adaptive_size import AdaptiveSize

FIRST, MOST = 2, 32
"""Documents of the first batch of a job, and of the largest."""
MOST_BYTES = 1 << 17
"""Bytes of a batch of several documents, at most."""


@dataclass(frozen=True, slots=True)
class DocumentTask:
    """A document that a job has to index."""

    task: int
    job: str
    document: int
    size: int
    """Bytes of the document."""


class TaskQueue:
    """Waiting tasks in their order, taken out in batches of one job."""

    def __init__(self) -> None:
        self._queue: deque[DocumentTask] = deque()
        self._size = AdaptiveSize(FIRST, MOST)
        """Documents of the next batch of a job."""

    def __bool__(self) -> bool:
        return bool(self._queue)

    def extend(self, tasks: Iterable[DocumentTask]) -> None:
        """More tasks, behind those that are there."""
        self._queue.extend(tasks)

    def take(self, busy: Collection[int]) -> list[DocumentTask]:
        """The next batch, with no document twice and none that is `busy`; empty if there are only such."""
        taken: list[DocumentTask] = []
        seen, size = set(busy), 0
        for due in list(self._queue):
            if due.document in seen:
                continue
            full = len(taken) >= self._size.size(due.job) or size + due.size > MOST_BYTES
            if taken and (due.job != taken[0].job or full):
                break
            seen.add(due.document)
            size += due.size
            taken.append(due)
            self._queue.remove(due)
        return taken

    def clear(self) -> None:
        """Forget all tasks, so that they are looked up again."""
        self._queue.clear()

    def drop(self, job: str) -> None:
        """Forget the tasks of one job."""
        self._queue = deque(due for due in self._queue if due.job != job)

    def took(self, job: str, seconds: float) -> None:
        """Note how long a batch of a job took."""
        self._size.took(job, seconds)

    def forget(self) -> None:
        """Forget the sizes of batches: no job runs any more."""
        self._size.forget()
