"""How many requests a model gets: the number that keeps it busy is found, and halved and quartered when others need it."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass, field

import pytest

from modelyard.batches.pace import FIRST, MOST, SETTLED_SECONDS, YIELD_SECONDS, Climb, Pace, largest
from modelyard.batches.types import Capacity


def simulated(climb: Climb, slots: int, seconds: float, until: float, most: int = MOST) -> float:
    """A model with so many slots, each of which takes `seconds` for an answer; always `limit` requests are under way.

    Returns answers per second.
    """
    now, queue, running = 0.0, 0, list[float]()
    count = 0
    while now < until:
        while len(running) + queue < climb.limit:
            queue += 1
        while queue and len(running) < slots:
            queue -= 1
            heapq.heappush(running, now + seconds * (1 + 0.2 * (count % 5)))
            count += 1
        now = heapq.heappop(running)
        climb.answered(1, now, most)
    return count / now


@pytest.mark.parametrize("slots", [1, 2, 4, 16, 60])
def test_a_model_gets_as_many_requests_as_it_can_answer_at_once(slots: int) -> None:
    climb = Climb(FIRST)
    rate = simulated(climb, slots, 0.1, SETTLED_SECONDS)
    assert slots * 0.9 <= climb.limit <= slots * 2 + 1
    assert rate > 0.85 * slots / 0.14


def test_no_more_than_the_most_are_tried() -> None:
    climb = Climb(FIRST)
    simulated(climb, 1000, 0.1, 50, most=32)
    assert climb.limit <= 32


def test_a_refusal_halves_the_number_for_a_while() -> None:
    climb = Climb(8)
    climb.refused(100.0)
    assert climb.limit == 4
    for second in range(101, 150):
        for _ in range(20):
            climb.answered(1, second, MOST)
    assert climb.limit == 4
    climb.refused(150.0)
    climb.refused(150.0)
    climb.refused(150.0)
    assert climb.limit == 1


@dataclass
class Room:
    """A pace with a clock and a capacity of its own."""

    capacity: Capacity = field(default_factory=Capacity)
    now: float = 0.0
    pace: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.pace = Pace(lambda model: self.capacity, lambda: self.now)


def test_batches_hold_back_while_somebody_waits_and_a_moment_longer() -> None:
    room = Room(Capacity(replicas=2))
    assert room.pace.allowed("m") == 2 * FIRST * 9 // 8
    room.capacity = Capacity(replicas=2, waited_for=1)
    assert room.pace.allowed("m") == FIRST // 2
    room.capacity = Capacity(replicas=2)
    room.now = YIELD_SECONDS / 2
    assert room.pace.allowed("m") == FIRST // 2
    room.now = YIELD_SECONDS
    assert room.pace.allowed("m") == 2 * FIRST * 9 // 8


def test_where_a_replica_has_a_limit_some_of_it_is_left_to_others() -> None:
    assert largest(Capacity(replicas=2, most=4)) == 6
    assert largest(Capacity(most=1)) == 1
    assert Room(Capacity(most=4)).pace.allowed("m") == 3


def test_requests_wait_until_others_have_ended() -> None:
    async def go() -> None:
        room = Room(Capacity(most=2))
        await room.pace.enter("m")
        waiting = asyncio.create_task(room.pace.enter("m"))
        other = asyncio.create_task(room.pace.enter("n"))
        await other
        assert not waiting.done()
        room.pace.leave("m", 1)
        await waiting
        assert (room.pace.in_flight("m"), room.pace.in_flight("n")) == (1, 1)
        room.pace.refused("m")

    asyncio.run(go())


def test_names_of_models_that_are_not_used_are_forgotten() -> None:
    async def go() -> None:
        room = Room()
        await room.pace.enter("used")
        for number in range(1000):
            await room.pace.enter(f"nonsense {number}")
            room.pace.leave(f"nonsense {number}", None)
        assert len(room.pace._models) < 200 and room.pace.in_flight("used") == 1

    asyncio.run(go())
