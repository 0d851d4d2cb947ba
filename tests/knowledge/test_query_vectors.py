"""Vectors: of passages in portions that take a moment each; of questions together, remembered, and refused one by one.

What is longer than a model reads is read in parts, to rank it too.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import BadRequest, InternalError
from modelyard.knowledge.indexing.adaptive_size import SLOW
from modelyard.knowledge.models import FIRST_TEXTS, TEXTS_AT_ONCE, ModelReply, ServedModels, halves


async def unused(path: str, body: bytes) -> ModelReply:
    raise AssertionError(f"nothing is sent to {path} here")


class Counting(ServedModels):
    """Models whose server is a few lines: a vector is the text's length; `long` ones are refused."""

    def __init__(self, seconds_per_text: float = 0.0) -> None:
        super().__init__(unused, clock=lambda: self.seconds)
        self.seconds = 0.0
        self._seconds_per_text = seconds_per_text
        self.sent: list[list[str]] = []
        self.broken = False

    async def _embed(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        self.sent.append(list(texts))
        await asyncio.sleep(0)
        self.seconds += self._seconds_per_text * len(texts)
        if self.broken:
            raise RuntimeError("a defect")
        if "long" in texts:
            raise BadRequest("too long")
        return [[float(len(text))] for text in texts]


def results(models: Counting, *queries: str) -> list[Any]:
    """The vector of each query, as a list, or its error."""

    async def ask() -> list[Any]:
        return await asyncio.gather(*(models.embed_query("m", each) for each in queries), return_exceptions=True)

    return [each if isinstance(each, Exception) else list(each) for each in asyncio.run(ask())]


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


def test_after_a_refusal_no_more_is_embed() -> None:
    models = Counting()

    async def ask() -> None:
        with pytest.raises(BadRequest):
            await models.embed("m", ["long", *["text"] * 1000])
        sent = len(models.sent)
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(models.sent) == sent

    asyncio.run(ask())


class Narrow(Counting):
    """A model that refuses texts of more than so many characters; a vector says which letters a text has."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    async def _embed(self, model: str, texts: Sequence[str]) -> list[Sequence[float]]:
        await super()._embed(model, texts)
        if any(len(text) > self._most for text in texts):
            raise BadRequest(f"more than {self._most}")
        return [[float(text.count("a")), float(text.count("b"))] for text in texts]


def test_the_vector_of_a_long_text_is_the_mean_of_its_parts() -> None:
    text = "a" * 300 + "b" * 100
    short, long = asyncio.run(Narrow(100).embed("m", ["ab", text]))
    assert list(short) == [1, 1]
    assert long[0] / long[1] == pytest.approx(3) and long[0] ** 2 + long[1] ** 2 == pytest.approx(1)
    [vector] = results(Narrow(100), text)
    assert list(vector) == list(long)


@pytest.mark.parametrize(("long", "requests"), [(1, 12), (4, 17)])
def test_a_few_long_texts_do_not_make_a_request_of_each_text(long: int, requests: int) -> None:
    models = Narrow(100)
    every = 32 // long
    texts = ["b" * 160 if place % every == 3 else "a" * (place + 1) for place in range(32)]
    vectors = asyncio.run(models._together("m", texts, models._one))
    assert [list(vector) for vector in vectors] == [
        [0, 1] if "b" in text else [len(text), 0] for place, text in enumerate(texts)
    ]
    assert len(models.sent) <= requests


def test_what_is_refused_for_another_reason_is_soon_given_up() -> None:
    models = Narrow(-1)
    with pytest.raises(BadRequest, match="more than"):
        asyncio.run(models.embed("m", ["text " * 4000] * 64))
    assert len(models.sent) < 50
    assert isinstance(results(models, "text " * 2000)[0], BadRequest)


@given(st.text(min_size=2).filter(str.strip))
def test_halves_leave_nothing_out_but_blanks(text: str) -> None:
    parts = halves(text)
    assert all(part.strip() and len(part) < len(text) for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_a_text_is_halved_at_an_end() -> None:
    assert halves("One sentence. Another one, longer.") == ["One sentence. ", "Another one, longer."]
    assert halves("甲乙丙。丁戊己庚") == ["甲乙丙。", "丁戊己庚"]
    assert halves("aaaabbbb") == ["aaaa", "bbbb"]
    assert halves("aaaa    ") == ["aaaa"]


class Ranker(ServedModels):
    """A ranking model that refuses texts of more than 100 characters; a relevance is how many parts of a text are `a`."""

    def __init__(self) -> None:
        super().__init__(unused)
        self.sent: list[Sequence[str]] = []

    async def _rank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        self.sent.append(texts)
        if query == "wrong" or any(len(text) > 100 for text in texts):
            raise BadRequest("too long")
        return [text.count("a") / len(text) for text in texts]


def test_a_text_that_is_too_long_to_rank_counts_by_its_best_part() -> None:
    ranker, texts = Ranker(), ["ab", "b" * 300 + "a" * 100, "b" * 400, "a" * 30 + "b" * 10]
    assert asyncio.run(ranker.rerank("m", "?", texts)) == pytest.approx([0.5, 1, 0, 0.75])
    assert "ab" in ranker.sent[-1] and texts[3] in ranker.sent[-1]  # what is short stays whole
    with pytest.raises(BadRequest):
        asyncio.run(ranker.rerank("m", "wrong", texts))
    assert len(ranker.sent) < 15


def test_questions_of_one_moment_go_together_and_are_remembered() -> None:
    models = Counting()
    assert results(models, "a", "bb", "bb", "ccc") == [[1.0], [2.0], [2.0], [3.0]]
    assert models.sent == [["a", "bb", "ccc"]]
    assert results(models, "bb", "dddd") == [[2.0], [4.0]] and models.sent[1:] == [["dddd"]]


def test_a_refused_question_does_not_fail_the_others() -> None:
    models = Counting()
    first, refused, last = results(models, "a", "long", "ccc")
    assert (first, last) == ([1.0], [3.0]) and isinstance(refused, BadRequest)
    assert results(models, "a") == [[1.0]] and len(models.sent) == 4


def test_a_question_is_answered_or_refused_however_asking_ends() -> None:
    models = Counting()
    models.broken = True
    assert all(isinstance(each, InternalError) for each in results(models, "a", "bb"))
    models.broken = False
    assert results(models, "a") == [[1.0]]
