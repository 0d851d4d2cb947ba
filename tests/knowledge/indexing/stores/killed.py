"""A process that adds and removes in a loop until it is killed, and what must be true afterwards."""

from __future__ import annotations

import sys
from pathlib import Path

from modelyard.knowledge.indexing.stores.contract import name
from modelyard.knowledge.indexing.stores.embedded import EmbeddedStore
from modelyard.knowledge.types import Entry, Store

DIMENSION = 8
BATCH = 200


def made(number: int) -> Entry:
    """The entry of that number; each batch of them is a document."""
    vector = [1.0 if at == number % DIMENSION else 0.01 for at in range(DIMENSION)]
    return Entry(number, number // BATCH, f"common {name(number)} 数据", vector)


def run(folder: Path) -> None:
    """Add a batch and remove two thirds of the one before, saying after each what is there for sure and what is gone."""
    store = EmbeddedStore(folder, DIMENSION)
    start = (max(store.ids(), default=0) // BATCH + 1) * BATCH
    while True:
        gone = [number for number in range(start - BATCH, start) if number % 3]
        store.apply([made(number) for number in range(start, start + BATCH)], gone)
        sys.stdout.write(f"{start}\n")
        sys.stdout.flush()
        start += BATCH


def check(store: Store, lines: list[list[str]]) -> None:
    """Both halves have the same; what was said is there, except what the call that was cut short removes."""
    ids = store.ids()
    last = int(lines[-1][0])
    for (text,) in lines:
        start = int(text)
        kept = {n for n in range(start, start + BATCH) if n % 3 == 0 or start == last}
        if not kept <= ids:
            assert start == last, f"{len(kept - ids)} of {start} are lost"
            assert {n for n in kept if n % 3 == 0} <= ids, "lost what nobody removed"
            assert {n for n in range(start + BATCH, start + 2 * BATCH) if n in ids}, (
                "removed, but its batch is not there"
            )
        if start != last:
            assert not {n for n in range(start, start + BATCH) if n % 3} & ids, "back from the dead"
    everything = len(ids) + 10
    assert {n for n, _ in store.lexical("common", everything)} == ids
    assert {n for n, _ in store.nearest([1.0] * DIMENSION, everything)} == ids
    for number in sorted(ids)[-5:]:
        assert [n for n, _ in store.lexical(name(number), 5)] == [number]
        best = [n for n, _ in store.nearest(made(number).vector or [], everything, frozenset({number // BATCH}))]
        assert best[0] % DIMENSION == number % DIMENSION


if __name__ == "__main__":
    run(Path(sys.argv[1]))
