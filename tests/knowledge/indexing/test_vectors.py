"""Vectors of texts: which are embedded, how many at a time, and what is stored."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

import pytest

from modelyard.core.errors import UpstreamFailed
from modelyard.db.session import Database
from modelyard.knowledge.indexing import vectors
from modelyard.knowledge.indexing.vectors import Vectors, as_vector, unit
from tests.knowledge.room import Models


def test_rows_have_the_length_one_and_zeros_stay() -> None:
    rows = unit([[3.0, 4.0], [0.0, 0.0], [-2.0, 0.0]])
    assert rows.dtype.str == "<f4" and rows.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [-1, 0]]
    assert as_vector(None) is None
    stored = as_vector(rows[2].tobytes())
    assert stored is not None and list(stored) == [-1.0, 0.0]


class Lengths(Models):
    """Embeds a text as its length and one."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []

    async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.batches.append(list(texts))
        return [[float(len(text)), 1.0] for text in texts]


def run(tmp_path: Path, work: Callable[[Vectors, Lengths], Awaitable[None]]) -> None:
    async def go() -> None:
        database, models = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"), Lengths()
        await database.open()
        try:
            await work(Vectors(database, models), models)
        finally:
            await database.close()

    asyncio.run(go())


def test_each_text_is_embedded_once_for_each_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert vectors.KEPT_AT_ONCE == 128
    monkeypatch.setattr(vectors, "KEPT_AT_ONCE", 2)

    async def work(store: Vectors, models: Lengths) -> None:
        assert await store.known("m", ["a"]) == {} and await store.ensure("m", {}) == ({}, [])
        done: list[int] = []
        found, embedded = await store.ensure("m", {"a": "x", "b": "xx", "c": "xxx"}, 2, done.append)
        assert (embedded, done, models.batches) == (["a", "b", "c"], [2, 3], [["x", "xx"], ["xxx"]])
        assert found["b"] == unit([[2.0, 1.0]]).tobytes() and await store.known("m", ["b", "z"]) == {"b": found["b"]}
        models.batches.clear()
        again, embedded = await store.ensure("m", {"c": "xxx", "d": "xxxx"})
        assert (embedded, models.batches) == (["d"], [["xxxx"]])
        assert set(again) == {"c", "d"} and again["c"] == found["c"]
        assert await store.known("other", ["a"]) == {}

    run(tmp_path, work)


def test_vectors_of_another_length_are_refused_and_not_stored(tmp_path: Path) -> None:
    async def work(store: Vectors, models: Lengths) -> None:
        with pytest.raises(UpstreamFailed, match="vectors of length 2 where the base has 3; re-index the base"):
            await store.ensure("m", {"a": "x"}, 3)
        assert await store.known("m", ["a"]) == {}
        assert (await store.ensure("m", {"a": "x"}, None))[1] == ["a"]

    run(tmp_path, work)
