"""When committed changes are written to indexes, and what happens when an index cannot be written."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from modelyard.core.errors import Conflict
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.indexing import change_queue
from modelyard.knowledge.indexing.change_queue import ChangeQueue
from modelyard.knowledge.indexing.commit import IndexChange

BASE = KnowledgeBase(id=1, name="b")


def change(count: int = 1, *remove: int, base: KnowledgeBase = BASE, generation: int = 1) -> IndexChange:
    """A change that adds `count` chunks."""
    return IndexChange(base, generation, add=[None] * count, remove=list(remove))  # type: ignore[list-item]


class Indexes:
    """Indexes that keep what is written; `errors` are raised by one write after another."""

    def __init__(self) -> None:
        self.written: list[tuple[int, int, int, Sequence[int]]] = []
        self.reopened: list[tuple[int, int]] = []
        self.errors: list[Exception | None] = []
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.notices = 0

    async def apply(self, base: KnowledgeBase, generation: int, add: Sequence[Any], remove: Sequence[int]) -> None:
        await self.go_on.wait()
        if self.errors and (error := self.errors.pop(0)) is not None:
            raise error
        self.written.append((base.id, generation, len(add), list(remove)))

    async def reopen(self, base: int, generation: int) -> None:
        self.reopened.append((base, generation))

    def notice(self) -> None:
        self.notices += 1


class Clock:
    """The time, which a test sets."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(change_queue, "time", made)  # that of the event loop goes on
    return made


def run(work: Callable[[ChangeQueue, Indexes], Awaitable[None]]) -> None:
    async def go() -> None:
        indexes = Indexes()
        await work(ChangeQueue(indexes, indexes.notice), indexes)  # type: ignore[arg-type]

    asyncio.run(go())


async def settled(queue: ChangeQueue) -> None:
    if queue._writing is not None:
        await queue._writing


@pytest.mark.parametrize(
    ("count", "seconds", "idle", "written"),
    [
        (1999, 0.4, False, False),
        (2000, 0.4, False, True),
        (1, 0.5, False, True),
        (1, 0.4, True, True),
        (0, 9, True, False),
    ],
)
def test_changes_are_written_when_there_are_many_or_it_is_time(
    clock: Clock, count: int, seconds: float, idle: bool, written: bool
) -> None:
    async def work(queue: ChangeQueue, indexes: Indexes) -> None:
        if count:
            queue.add(change(count))
        clock.now += seconds
        await queue.write_some(idle)
        await settled(queue)
        assert bool(indexes.written) is written and bool(queue) is (count > 0 and not written)
        assert indexes.notices == int(written)

    run(work)


def test_changes_of_one_generation_are_written_together(clock: Clock) -> None:
    async def work(queue: ChangeQueue, indexes: Indexes) -> None:
        renamed, other = KnowledgeBase(id=1, name="renamed"), KnowledgeBase(id=2, name="o")
        for each in (change(1, 7), change(2, 8, base=renamed), change(3, generation=2), change(4, base=other)):
            queue.add(each)
        assert queue
        await queue.write_all()
        assert indexes.written == [(1, 1, 3, [7, 8]), (1, 2, 3, []), (2, 1, 4, [])]
        assert not queue and indexes.notices == 1
        await queue.write_all()
        assert indexes.notices == 1, "there is nothing more to write"

    run(work)


def test_the_time_counts_from_the_end_of_the_last_write(clock: Clock) -> None:
    async def work(queue: ChangeQueue, indexes: Indexes) -> None:
        queue.add(change())
        clock.now += 10
        await queue.write_some(False)
        await settled(queue)
        queue.add(change())
        clock.now += 0.25
        await queue.write_some(False)
        assert len(indexes.written) == 1
        clock.now += 0.25
        await queue.write_some(False)
        await settled(queue)
        assert len(indexes.written) == 2

    run(work)


def test_while_one_write_goes_on_changes_wait_until_there_are_too_many(clock: Clock) -> None:
    async def work(queue: ChangeQueue, indexes: Indexes) -> None:
        indexes.go_on.clear()
        queue.add(change())
        await queue.write_some(True)
        await asyncio.sleep(0)
        queue.add(change(9_999))
        await asyncio.wait_for(queue.write_some(True), 5)
        assert indexes.written == []
        queue.add(change())
        waiting = asyncio.create_task(queue.write_some(True))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done(), "10,000 changes wait; so does who indexes"
        indexes.go_on.set()
        await waiting
        await settled(queue)
        assert indexes.written == [(1, 1, 1, []), (1, 1, 10_000, [])]

    run(work)


def test_an_index_that_cannot_be_written_is_made_anew_and_the_others_are_written(clock: Clock) -> None:
    async def work(queue: ChangeQueue, indexes: Indexes) -> None:
        indexes.errors = [Conflict("It is away."), ValueError("odd"), None]
        for number in (1, 2, 3):
            queue.add(change(1, base=KnowledgeBase(id=number, name=str(number)), generation=number))
        await queue.write_all()
        assert indexes.reopened == [(1, 1), (2, 2)] and indexes.written == [(3, 3, 1, [])]
        assert indexes.notices == 1

    run(work)


def test_a_write_can_be_cancelled(clock: Clock) -> None:
    async def work(queue: ChangeQueue, indexes: Indexes) -> None:
        await queue.cancel()
        indexes.go_on.clear()
        queue.add(change())
        await queue.write_some(True)
        await asyncio.sleep(0)
        await queue.cancel()
        assert indexes.written == [] and indexes.notices == 1

    run(work)
