"""Runs of an evaluation set: which settings are measured, what is measured of a question, and how two runs are compared."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import EvaluationNotFound, InvalidParameter
from modelyard.db.evaluation_tables import EvaluationRunRow
from modelyard.db.tables import KnowledgeBase
from modelyard.jobs.types import JobState
from modelyard.knowledge.evaluations.exchange import NewQuestion
from modelyard.knowledge.evaluations.runs import (
    MEASURES,
    Evaluations,
    RunSetting,
    _check_setting,
    _measured,
    _summary,
    compared,
    usual_settings,
)
from modelyard.knowledge.search.judgments import judged
from modelyard.knowledge.search.search import Mode
from modelyard.protocol.hits import Hit
from tests.jobs.board import board
from tests.knowledge.room import Models, room, written

LEXICAL, VECTOR, HYBRID = RunSetting(Mode.LEXICAL), RunSetting(Mode.VECTOR), RunSetting(Mode.HYBRID)


def base(**more: Any) -> KnowledgeBase:
    return KnowledgeBase(id=1, name="b", **more)


@pytest.mark.parametrize(
    ("more", "settings"),
    [
        ({}, [LEXICAL]),
        ({"rerank_model": "r"}, [LEXICAL, RunSetting(Mode.LEXICAL, rerank=True)]),
        ({"embedding_model": "e"}, [LEXICAL, VECTOR, HYBRID]),
        (
            {"embedding_model": "e", "rerank_model": "r"},
            [LEXICAL, VECTOR, HYBRID, RunSetting(Mode.HYBRID, rerank=True)],
        ),
    ],
)
def test_the_usual_settings_are_all_that_a_base_has(more: dict[str, Any], settings: list[RunSetting]) -> None:
    assert usual_settings(base(**more)) == settings
    for each in settings:
        _check_setting(base(**more), each)


@pytest.mark.parametrize(
    ("more", "setting", "words"),
    [
        ({}, VECTOR, "no embedding model, so it has no mode 'vector'"),
        ({}, HYBRID, "no embedding model, so it has no mode 'hybrid'"),
        ({}, RunSetting(Mode.LEXICAL, rerank=True), "no rerank model"),
        ({"embedding_model": "e"}, RunSetting(rerank=True), "no rerank model"),
        ({"embedding_model": "e"}, HYBRID, None),
        ({}, RunSetting(Mode.LEXICAL, rerank=True, rerank_model="r"), None),
        ({"rerank_model": "r"}, RunSetting(Mode.LEXICAL, rerank=True), None),
        ({}, RunSetting(Mode.LEXICAL, rerank_model="r"), None),
    ],
)
def test_a_setting_needs_the_models_of_its_base(more: dict[str, Any], setting: RunSetting, words: str | None) -> None:
    if words is None:
        _check_setting(base(**more), setting)
        return
    with pytest.raises(InvalidParameter, match=words) as error:
        _check_setting(base(**more), setting)
    assert error.value.param == "settings"


def hits(*documents: str) -> list[Hit]:
    return [
        Hit(
            chunk_id=number,
            knowledge_base="b",
            document_id=number,
            document=name,
            page=None,
            start=None,
            end=None,
            heading="",
            text="words",
        )
        for number, name in enumerate(documents, 1)
    ]


@pytest.mark.parametrize(
    ("found", "rank", "measures"),
    [
        (("a", "x"), 1, (1, 1, 0.5, 1.0)),
        (("x", "a", "b"), 2, (0, 1, 1.0, 0.5)),
        (("x",) * 5 + ("a",), 6, (0, 0, 0.0, 0.166667)),
        (("x",) * 4 + ("a", "b"), 5, (0, 1, 0.5, 0.2)),
        (("x",), None, (0, 0, 0.0, 0.0)),
        ((), None, (0, 0, 0.0, 0.0)),
    ],
)
def test_a_question_is_measured_by_the_places_of_its_answers(
    found: tuple[str, ...], rank: int | None, measures: tuple[float, ...]
) -> None:
    outcome = _measured(judged("1", "q", ["a", "b"]), hits(*found), 1.23456)
    assert (outcome.rank, outcome.hits, outcome.milliseconds, outcome.error) == (rank, len(found), 1.235, "")
    assert tuple(outcome.measures[name] for name in MEASURES[:4]) == measures
    assert set(outcome.measures) == set(MEASURES)


def test_the_order_of_grades_is_measured_over_ten_places() -> None:
    question = judged("1", "q", {"a": 2, "b": 1})
    assert _measured(question, hits("a", "b"), 0).measures["ndcg_10"] == 1.0
    assert _measured(question, hits("b", "a"), 0).measures["ndcg_10"] == 0.859719  # (1 + 2/log2 3) / (2 + 1/log2 3)
    assert _measured(question, hits(*"x" * 9, "a"), 0).measures["ndcg_10"] > 0
    assert _measured(question, hits(*"x" * 10, "a"), 0).measures["ndcg_10"] == 0


def test_a_question_that_nothing_answers_has_no_measures() -> None:
    outcome = _measured(judged("1", "q", []), hits("a", "b"), 2.0)
    assert (outcome.rank, outcome.measures, outcome.hits, outcome.milliseconds) == (None, {}, 2, 2.0)


def test_the_means_of_a_setting_leave_out_what_was_not_measured() -> None:
    answered = [
        _measured(judged("1", "q", ["a"]), hits(*found), took) for found, took in ((("a",), 1.0), (("x", "a"), 5.0))
    ]
    unanswerable = _measured(judged("2", "q", []), hits("a"), 3.0)
    failed = type(unanswerable)(None, {}, 0.0, 0, "no model")
    found = _summary([*answered, unanswerable, failed])
    assert found["measures"]["mrr"] == 0.75 and found["measures"]["hit_1"] == 0.5
    assert (found["milliseconds"], found["failed"]) == (3.0, 1)
    assert _summary([failed, failed]) == {"measures": {}, "milliseconds": 0.0, "failed": 2}


def run(*outcomes: tuple[int, str, list[dict[str, float]]], settings: int = 1) -> EvaluationRunRow:
    """A run whose questions have an id, a text, and the measures of each setting."""
    results = [
        {"id": id, "question": text, "outcomes": [{"measures": each} for each in measures]}
        for id, text, measures in outcomes
    ]
    return EvaluationRunRow(settings=[{}] * settings, results=results)


def test_runs_are_compared_over_the_questions_that_both_have() -> None:
    first = run(
        (1, "one", [{"mrr": 0.0}, {"mrr": 1.0}]),
        (2, "two", [{"mrr": 0.5, "hit_1": 1.0}, {"mrr": 0.5}]),
        (3, "was otherwise", [{"mrr": 1.0}, {"mrr": 1.0}]),
        settings=2,
    )
    second = run(
        (1, "one", [{"mrr": 1.0, "hit_1": 1.0}]),
        (2, "two", [{"mrr": 0.5, "hit_1": 0.0}]),
        (3, "three", [{"mrr": 0.0}]),
        (4, "four", [{"mrr": 0.0}]),
    )
    found = compared(first, second, 0, 0)
    assert set(found) == {"mrr", "hit_1"}
    mrr = found["mrr"]
    assert (mrr.mean, mrr.better, mrr.worse, mrr.equal) == (0.5, 1, 0, 1)
    assert (found["hit_1"].mean, found["hit_1"].worse, found["hit_1"].equal) == (-1.0, 1, 0)
    assert compared(first, second, 1, 0)["mrr"].mean == 0.0
    for before, after in ((2, 0), (0, 1)):
        with pytest.raises(InvalidParameter, match="no such setting"):
            compared(first, second, before, after)


QUESTIONS = [
    NewQuestion("lake", [{"text": "deep in January"}]),
    NewQuestion("river", [{"document": "absent.txt"}]),
    NewQuestion("mountain", []),
]


def test_a_run_searches_with_each_setting_and_keeps_what_it_found(settings: Settings) -> None:
    class Failing(Models):
        async def rerank(self, model: str, query: str, texts: Any) -> Any:
            raise InvalidParameter("model", f"'{model}' fails.")

    async def go() -> None:
        async with room(settings, Failing()) as knowledge, board(settings, settings.database) as made:
            evaluations = Evaluations(knowledge.bases._database, made.jobs)
            there = await written(knowledge)
            with pytest.raises(EvaluationNotFound):
                await evaluations.submit(there, "nothing", [], "ann")
            empty = await evaluations.sets.create(there, "empty", [])
            with pytest.raises(InvalidParameter, match="'empty' has no questions"):
                await evaluations.submit(there, empty.id, [], "ann")
            kept = await evaluations.sets.create(there, "set", QUESTIONS)
            with pytest.raises(InvalidParameter, match="no embedding model"):
                await evaluations.submit(there, kept.id, [LEXICAL, VECTOR], "ann")
            chosen = [LEXICAL, RunSetting(Mode.LEXICAL, min_score=1.0), RunSetting(Mode.LEXICAL, True, "reranker")]
            usual = await evaluations.submit(there, kept.id, [], "ann")
            waiting = await evaluations.submit(there, kept.id, chosen, "ann")
            evaluations.connect(knowledge)
            await made.until(usual, JobState.DONE)
            job = await made.until(waiting, JobState.DONE)
            assert (job.owner, job.progress.done, job.progress.total, job.progress.unit) == ("ann", 3, 3, "questions")
            row = await evaluations.sets.run(there, kept.id, waiting)
            assert job.result == {"set": kept.id, "run": waiting, "settings": row.settings}
            assert row.questions == 3 and 1e9 < row.created_at <= row.finished_at
            plain, strict, failing = row.settings
            assert {name: plain[name] for name in ("mode", "rerank", "rerank_model", "min_score")} == {
                "mode": "lexical", "rerank": False, "rerank_model": None, "min_score": 0.0,
            }  # fmt: skip
            assert plain["measures"] == {**dict.fromkeys(MEASURES, 0.5)} and plain["failed"] == 0
            assert strict["min_score"] == 1.0 and strict["measures"] == dict.fromkeys(MEASURES, 0.0)
            assert (failing["rerank_model"], failing["measures"], failing["failed"]) == ("reranker", {}, 2)
            results: Any = row.results
            assert [each["question"] for each in results] == ["lake", "river", "mountain"]
            assert [each["answerable"] for each in results] == [True, True, False]
            assert [each["outcomes"][0]["rank"] for each in results] == [1, None, None]
            assert [each["outcomes"][0]["hits"] for each in results] == [1, 1, 0]
            assert [bool(each["outcomes"][2]["error"]) for each in results] == [True, True, False]
            assert "'reranker' fails" in results[0]["outcomes"][2]["error"]
            assert len((await evaluations.sets.run(there, kept.id, usual)).settings) == 1

    asyncio.run(go())
