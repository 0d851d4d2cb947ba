"""The ring of recent changes: numbers, ids, bounds, waiting."""

from __future__ import annotations

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.event_ring import EventRing


def put(ring: EventRing, size: int = 1) -> int:
    return ring.publish("models", "model", json.dumps("x" * size).encode()).number


@given(
    most_events=st.integers(1, 8),
    most_bytes=st.integers(200, 1500),
    sizes=st.lists(st.integers(0, 400), max_size=30),
)
def test_a_reader_gets_every_later_event_or_learns_that_some_are_gone(
    most_events: int, most_bytes: int, sizes: list[int]
) -> None:
    ring = EventRing(most_events, most_bytes)
    frames = {}
    for size in sizes:
        number = put(ring, size)
        found = ring.after(number - 1)
        assert found is not None, "the newest event stays, however long it is"
        frames[number] = found[-1].frame
    kept = 0
    for number in range(len(sizes) + 1):
        events = ring.after(number)
        if events is not None:
            assert [event.number for event in events] == list(range(number + 1, len(sizes) + 1))
            assert all(event.frame == frames[event.number] for event in events)
            kept = max(kept, len(events))
    held = sum(len(frames[number]) for number in range(len(sizes) - kept + 1, len(sizes) + 1))
    assert kept <= most_events and (held <= most_bytes or kept == 1)


def test_an_event_is_a_server_sent_event_with_its_id() -> None:
    ring = EventRing()
    event = ring.publish("jobs", "job", b'{"a":1}')
    head, kind, data, *end = event.frame.decode().split("\n")
    assert (head, kind, end) == (f"id: {ring.epoch}-1", "event: job", ["", ""])
    body = json.loads(data.removeprefix("data: "))
    assert {**body, "at": None} == {
        "id": f"{ring.epoch}-1",
        "topic": "jobs",
        "type": "job",
        "at": None,
        "data": {"a": 1},
    }


def test_only_ids_of_this_run_have_a_number() -> None:
    ring = EventRing()
    put(ring)
    assert ring.number_of(ring.id_of(1)) == 1 and ring.number_of(ring.id_of(0)) == 0
    other = EventRing()
    strange = (
        "",
        "1",
        "-",
        f"{ring.epoch}-",
        f"{ring.epoch}-2",
        f"{ring.epoch}--1",
        f"{ring.epoch}-１",
        other.id_of(0),
    )
    assert [each for each in (*strange, f"{ring.epoch}-{'9' * 5000}") if ring.number_of(each) is not None] == []


@pytest.mark.parametrize("closes", [False, True])
def test_readers_wait_for_the_next_event_or_the_end(closes: bool) -> None:
    async def run() -> None:
        ring = EventRing()
        waiting = [asyncio.create_task(ring.wait(0)) for _ in range(3)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in waiting)
        if closes:
            ring.close()
        else:
            put(ring)
        await asyncio.wait_for(asyncio.gather(*waiting), 10)

    asyncio.run(run())
