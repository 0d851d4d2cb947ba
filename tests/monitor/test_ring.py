"""The ring of samples: what was written is read until it is too old or there is no room for it; memory is limited."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from modelyard.gateway.middleware.tally import Tallies
from modelyard.monitor.ring import Ring, Sample
from modelyard.monitor.series import SeriesRecorder

samples = st.tuples(st.integers(0, 4), st.integers(0, 255), st.integers(1, 1000).map(float))
writes = st.lists(st.tuples(st.integers(0, 3), st.lists(samples, max_size=12)), max_size=60)


def read(ring: Ring, first: int, last: int) -> dict[int, list[Sample]]:
    found = ring.read(first, last)
    slots: dict[int, list[Sample]] = {slot: [] for slot, _, _ in found.slots}
    for slot, series, kind, value in found.of_kinds(range(256)):
        slots[slot].append((series, kind, value))
    return slots


@given(writes, st.integers(0, 30), st.integers(0, 30))
def test_a_ring_reads_what_was_written_as_far_back_as_it_reaches(
    given_writes: list[tuple[int, list[Sample]]], first: int, length: int
) -> None:
    ring, slot, model = Ring(step=1, slots=20, limit=50), 0, dict[int, list[Sample]]()
    for ahead, batch in given_writes:
        slot += ahead
        ring.write(slot, batch)
        model.setdefault(slot, []).extend(batch)
    found = read(ring, first, first + length)
    kept = [each for each in sorted(model) if slot - 20 < each]
    while sum(len(model[each]) for each in kept) > 50:
        kept.pop(0)
    assert found == {each: model[each] for each in kept if first <= each <= first + length}


def test_only_the_wanted_kinds_are_read() -> None:
    ring = Ring(step=1, slots=4, limit=100)
    ring.write(7, [(1, 3, 1.0), (2, 4, 2.0), (1, 4, 3.0)])
    assert list(ring.read(7, 7).of_kinds({4})) == [(7, 2, 4, 2.0), (7, 1, 4, 3.0)]


def test_a_clock_that_is_set_back_writes_into_the_newest_slot() -> None:
    ring = Ring(step=1, slots=4, limit=100)
    ring.write(7, [(1, 1, 1.0)])
    ring.write(5, [(1, 1, 2.0)])
    assert read(ring, 0, 9) == {7: [(1, 1, 1.0), (1, 1, 2.0)]}


def test_the_rings_of_a_server_take_20_megabytes_at_most_and_little_at_first() -> None:
    series = SeriesRecorder(Tallies(), list)
    assert series.fine.size + series.coarse.size < 200_000
    for ring in (series.fine, series.coarse):
        batch = [(0, 0, 1.0)] * (ring.limit // 4)
        for slot in range(6):
            ring.write(slot, batch)
        assert len(ring.read(0, 5).slots) == 4
    assert 15_000_000 < series.fine.size + series.coarse.size <= 20_000_000
