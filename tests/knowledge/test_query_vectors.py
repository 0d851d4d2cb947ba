"""Vectors of questions: asked for together, remembered, and refused one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from modelyard.client import AsyncClient
from modelyard.core.errors import BadRequest, InternalError
from modelyard.knowledge.models import ServedModels


class Counting(ServedModels):
    """Models whose server is a few lines: a vector is the text's length; `long` ones are refused."""

    def __init__(self) -> None:
        super().__init__(AsyncClient("http://unused"))
        self.sent: list[list[str]] = []
        self.broken = False

    async def _sent(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        self.sent.append(list(texts))
        await asyncio.sleep(0)
        if self.broken:
            raise RuntimeError("a defect")
        if "long" in texts:
            raise BadRequest("too long")
        return [[float(len(text))] for text in texts]


def results(models: Counting, *queries: str) -> list[Any]:
    async def ask() -> list[Any]:
        return await asyncio.gather(*(models.embed_query("m", each) for each in queries), return_exceptions=True)

    return asyncio.run(ask())


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
