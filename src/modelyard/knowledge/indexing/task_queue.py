"""Chooses the waiting documents that are indexed together: as many small ones as take a moment, fewer for slow models."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from modelyard.knowledge.indexing.adaptive_size import AdaptiveSize

FIRST, MOST = 2, 32
"""Number of documents in the first batch of a job, and in the largest."""
MOST_BYTES = 1 << 17
"""Maximum bytes of a batch of several documents."""


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
        """Number of documents in the next batch of a job."""

    def __bool__(self) -> bool:
        return bool(self._queue)

    def extend(self, tasks: Iterable[DocumentTask]) -> None:
        """Append tasks."""
        self._queue.extend(tasks)

    def take(self, busy: Collection[int]) -> list[DocumentTask]:
        """The next batch, with each document once and no `busy` one; empty if there are only such tasks."""
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
        """Remove all tasks, so that they are looked up again."""
        self._queue.clear()

    def drop(self, job: str) -> None:
        """Remove the tasks of one job."""
        self._queue = deque(due for due in self._queue if due.job != job)

    def took(self, job: str, seconds: float) -> None:
        """Record the duration of a batch."""
        self._size.took(job, seconds)

    def forget(self) -> None:
        """Reset the sizes of batches, because no job is running."""
        self._size.forget()
