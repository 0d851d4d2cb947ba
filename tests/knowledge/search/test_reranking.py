"""Rerank models that nobody named: they rank what they read, and a search waits for them only so long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import ModelNotReady
from modelyard.knowledge.answering.answer import KnowledgeQuestion, Sources
from modelyard.knowledge.answering.excerpts import excerpts
from modelyard.knowledge.indexing.probes import reading_test
from modelyard.knowledge.indexing.scripts import Script
from modelyard.knowledge.search.reranking import PAUSE, TEST_AGAIN, Ranker, ReadingResult, Reranking
from modelyard.knowledge.search.search import Query
from tests.knowledge.answering.hits import hit
from tests.knowledge.room import Models, room, written

ANSWERS = {(item.question, item.passage) for item in reading_test()}
SCRIPTS = {item.question: item.script for item in reading_test()}
LATIN, HAN = "Where is the river?", "河流在哪里"


class Reader(Models):
    """Finds the passages of the reading test in some scripts; of other texts, those with `deep`."""

    def __init__(self, *scripts: Script) -> None:
        super().__init__()
        self.scripts = scripts
        self.queries: list[str] = []
        self.slow = False
        self.failing = False

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        self.queries.append(query)
        if self.failing:
            raise ModelNotReady(model, "is loading")
        if self.slow:
            await asyncio.Event().wait()
        if query in SCRIPTS:
            return [float(SCRIPTS[query] in self.scripts and (query, text) in ANSWERS) for text in texts]
        return [0.9 if "deep" in text else 0.3 for text in texts]


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def take_test(reranking: Reranking, model: str = "r") -> None:
    """Wait for the reading test that the first query begins."""
    assert reranking.ranker(None, [model], LATIN, None) is None
    await asyncio.gather(*reranking._tests.values())


@pytest.mark.parametrize(
    ("named", "running", "rerank", "chosen"),
    [
        ("n", "r", None, Ranker("n", named=True)),
        ("n", "r", True, Ranker("n", named=True)),
        ("n", "r", False, None),
        (None, "r", None, Ranker("r", named=False)),
        (None, "r", True, Ranker("r", named=True)),
        (None, "r", False, None),
        (None, "xr", None, Ranker("r", named=False)),
        (None, "xr", True, Ranker("r", named=True)),
        (None, "x", None, None),
        (None, "x", True, Ranker("x", named=True)),
        (None, "", None, None),
        (None, "", True, None),
    ],
)
def test_the_named_model_goes_before_the_running_ones(
    named: str | None, running: str, rerank: bool | None, chosen: Ranker | None
) -> None:
    """Of the models that run, `r` reads the query."""

    async def go() -> None:
        reranking = Reranking(Reader(*Script), 1.0)
        await take_test(reranking)
        reranking._results["x"] = ReadingResult({}, time.monotonic())
        assert reranking.ranker(named, list(running), LATIN, rerank) == chosen

    asyncio.run(go())


@pytest.mark.parametrize(
    ("scripts", "used"), [((Script.LATIN,), [LATIN]), ((Script.LATIN, Script.HAN), [LATIN, HAN]), ((), [])]
)
def test_a_running_model_ranks_the_scripts_that_it_reads(scripts: tuple[Script, ...], used: list[str]) -> None:
    async def go() -> None:
        reranking = Reranking(Reader(*scripts), 1.0)
        await take_test(reranking)
        assert [text for text in (LATIN, HAN, "Где река?") if reranking.ranker(None, ["r"], text, None)] == used

    asyncio.run(go())


def test_without_time_for_it_a_running_model_takes_no_test() -> None:
    async def go() -> None:
        models = Reader(*Script)
        reranking = Reranking(models, 0)
        assert reranking.ranker(None, ["r"], LATIN, None) is None and not reranking._tests and not models.queries

    asyncio.run(go())


def test_a_model_that_fails_its_test_takes_it_again_later() -> None:
    async def go() -> None:
        models, clock = Reader(Script.LATIN), Clock()
        reranking = Reranking(models, 1.0, clock)
        models.failing = True
        await take_test(reranking)
        models.failing = False
        assert reranking.ranker(None, ["r"], LATIN, None) is None and not reranking._tests
        clock.now += TEST_AGAIN + 1
        await take_test(reranking)
        assert reranking.ranker(None, ["r"], LATIN, None) is not None
        await reranking.close()

    asyncio.run(go())


def test_a_model_that_is_too_slow_is_left_out_for_a_while() -> None:
    async def go() -> None:
        models, clock = Reader(Script.LATIN), Clock()
        reranking = Reranking(models, 0.01, clock)
        await take_test(reranking)
        models.slow = True
        hits = [hit("shallow", number=1), hit("deep", number=2)]
        ranker = reranking.ranker(None, ["r"], LATIN, None)
        assert ranker is not None
        found = await reranking.rank(ranker, None, LATIN, hits, strict=False)
        assert (found.hits, found.model) == (hits, None)
        assert found.notes == ["The hits were not ranked by 'r': it was too slow."]
        assert reranking.ranker(None, ["r"], LATIN, None) is None
        clock.now += PAUSE
        models.slow = False
        assert reranking.ranker(None, ["r"], LATIN, None) == ranker
        ranked = await reranking.rank(ranker, None, LATIN, hits, strict=False)
        assert [each.text for each in ranked.hits] == ["deep", "shallow"] and ranked.model == "r"

    asyncio.run(go())


def test_searches_and_answers_say_which_model_ranked_them(settings: Settings) -> None:
    async def go() -> None:
        models = Reader(Script.LATIN)
        models.rerank_models = ["r"]
        async with room(settings, models) as knowledge:
            base = await written(knowledge)
            query = Query(text="river lake shallow", bases=[base])
            assert not knowledge.search.asks_models(query), "it has not been tested"
            before = await knowledge.search.search(query)
            await asyncio.gather(*knowledge.search.reranking._tests.values())
            assert knowledge.search.asks_models(query)
            after = await knowledge.search.search(query)
            assert (before.rerank_model, after.rerank_model) == (None, "r")
            assert [each.scores.rerank for each in after.hits] == [0.9, 0.3]
            assert [each.chunk_id for each in after.hits] == [each.chunk_id for each in reversed(before.hits)]
            answers = knowledge.answering.answer(KnowledgeQuestion(text="Is the river shallow?", bases=[base]))
            [sources] = [event async for event in answers if isinstance(event, Sources)]
            assert sources.rerank_model == "r" and models.queries[-1] == "Is the river shallow?"
            found = await excerpts(knowledge.search, base, "river lake shallow")
            assert found.startswith("[1] a.txt\nThe lake is deep")

    asyncio.run(go())
