"""Vectors: of passages in portions that take a moment each; of questions together, remembered, and refused one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from modelyard.client import AsyncClient
from modelyard.core.errors import BadRequest, InternalError
from modelyard.knowledge.models import FIRST_TEXTS, TEXTS_AT_ONCE, ServedModels
from modelyard.knowledge.portions import SLOW


class Counting(ServedModels):
    """Models whose server is a few lines: a vector is the text's length; `long` ones are refused."""

    def __init__(self, seconds_per_text: float = 0.0) -> None:
        super().__init__(AsyncClient("http://unused"), clock=lambda: self.seconds)
        self.seconds = 0.0
        self._seconds_per_text = seconds_per_text
        self.sent: list[list[str]] = []
        self.broken = False

    async def _sent(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        self.sent.append(list(texts))
        await asyncio.sleep(0)
        self.seconds += self._seconds_per_text * len(texts)
        if self.broken:
            raise RuntimeError("a defect")
        if "long" in texts:
            raise BadRequest("too long")
        return [[float(len(text))] for text in texts]


def results(models: Counting, *queries: str) -> list[Any]:
    async def ask() -> list[Any]:
        return await asyncio.gather(*(models.embed_query("m", each) for each in queries), return_exceptions=True)

    return asyncio.run(ask())


def test_passages_of_a_quick_model_go_in_large_requests_and_keep_their_order() -> None:
    models, texts = Counting(), ["x" * size for size in range(1000)]
    assert asyncio.run(models.embed("m", texts)) == [[float(size)] for size in range(1000)]
    sizes = [len(each) for each in models.sent]
    assert sizes[0] == FIRST_TEXTS and sizes[-2] == max(sizes) == TEXTS_AT_ONCE and sum(sizes) == 1000
    assert asyncio.run(models.embed("m", [])) == []


def test_passages_of_a_slow_model_go_in_small_ones() -> None:
    models = Counting(seconds_per_text=0.9 * SLOW / 2)  # two requests are under way at once
    asyncio.run(models.embed("m", ["text"] * 50))
    assert {len(each) for each in models.sent[6:]} == {1}
    known = len(models.sent)
    asyncio.run(models.embed("another", ["text"] * 50))
    assert len(models.sent[known]) == FIRST_TEXTS


def test_after_a_refusal_no_more_is_sent() -> None:
    models = Counting()

    async def ask() -> None:
        with pytest.raises(BadRequest):
            await models.embed("m", ["long", *["text"] * 1000])
        sent = len(models.sent)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(models.sent) == sent

    asyncio.run(ask())


def test_questions_of_one_moment_go_together_and_are_remembered() -> None:
    models = Counting()
    assert results(models, "a", "bb", "bb", "ccc") == [[1.0], [2.0], [2.0], [3.0]]
    assert models.sent == [["a", "bb", "ccc"]]
    assert results(models, "bb", "dddd") == [[2.0], [4.0]] and models.sent[1:] == [["dddd"]]


def test_one_that_is_refused_is_no_harm_to_others() -> None:
    models = Counting()
    first, refused, last = results(models, "a", "long", "ccc")
    assert (first, last) == ([1.0], [3.0]) and isinstance(refused, BadRequest)
    assert results(models, "a") == [[1.0]] and len(models.sent) == 4


def test_nobody_waits_in_vain() -> None:
    models = Counting()
    models.broken = True
    assert all(isinstance(each, InternalError) for each in results(models, "a", "bb"))
    models.broken = False
    assert results(models, "a") == [[1.0]]
