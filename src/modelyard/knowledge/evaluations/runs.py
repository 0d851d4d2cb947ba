"""Measures search settings with the questions of an evaluation set, as a job of the kind `knowledge_evaluation`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import msgspec

from modelyard.core.access import KNOWLEDGE_WRITE
from modelyard.core.errors import InvalidParameter, ModelyardError
from modelyard.db.evaluation_tables import EvaluationQuestionRow, EvaluationRunRow
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase
from modelyard.jobs.running_job import RunningJob
from modelyard.jobs.service import Jobs, new_id
from modelyard.jobs.types import CoroutineWork, Job, JobKind, Recovery
from modelyard.knowledge.evaluations.sets import EvaluationSets
from modelyard.knowledge.search import metrics
from modelyard.knowledge.search.evaluation import difference
from modelyard.knowledge.search.judgments import JudgedQuestion, grades, judged, ranking
from modelyard.knowledge.search.search import Mode, Query
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol.hits import Hit

KIND = "knowledge_evaluation"
DEPTH = 10
"""Hits of each search."""
MEASURES = ("hit_1", "hit_5", "recall_5", "mrr", "ndcg_10")


class RunSetting(msgspec.Struct, frozen=True, omit_defaults=False):
    """How the questions of a run are searched for."""

    mode: Mode = Mode.HYBRID
    rerank: bool = False
    rerank_model: str | None = None
    min_score: float = 0.0


class EvaluationPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The parameters of a job."""

    base_id: int
    base: str
    """Name of the base when the job was made."""
    set_id: str
    set_name: str
    settings: list[RunSetting]


@dataclass(frozen=True, slots=True)
class QuestionOutcome:
    """What one search for one question found."""

    rank: int | None
    """Of the first relevant hit; None if there is none among the first ten."""
    measures: Mapping[str, float]
    milliseconds: float
    hits: int
    error: str = ""


class Evaluations:
    """Sets and runs. Jobs of an earlier run of the server wait until `connect` has been called."""

    def __init__(self, database: Database, jobs: Jobs) -> None:
        self.sets = EvaluationSets(database)
        self._jobs = jobs
        self._knowledge: asyncio.Future[KnowledgeService] = asyncio.get_running_loop().create_future()
        work = CoroutineWork(self._run)
        jobs.register(JobKind(name=KIND, scope=KNOWLEDGE_WRITE, work=work, recovery=Recovery.RESTART, at_once=1))

    def connect(self, knowledge: KnowledgeService) -> None:
        """Let jobs run, with the bases of this service."""
        self._knowledge.set_result(knowledge)

    async def submit(self, base: KnowledgeBase, id: str, settings: Sequence[RunSetting], owner: str) -> str:
        """Start a run and return the id of its job. Without settings, all that the base has are measured.

        Raises `EvaluationNotFound` or `InvalidParameter`.
        """
        row = await self.sets.get(base, id)
        if not await self.sets.count(id):
            raise InvalidParameter("set", f"the evaluation set '{row.name}' has no questions.")
        settings = list(settings) or usual_settings(base)
        for each in settings:
            _check_setting(base, each)
        plan = EvaluationPlan(base_id=base.id, base=base.name, set_id=id, set_name=row.name, settings=list(settings))
        job = self._jobs.submit(Job(id=new_id(), kind=KIND, owner=owner, parameters=msgspec.to_builtins(plan)))
        await self._jobs.written()
        return job.id

    async def _run(self, running: RunningJob) -> Mapping[str, Any]:
        plan = msgspec.convert(dict(running.parameters), EvaluationPlan)
        knowledge = await asyncio.shield(self._knowledge)
        base = await knowledge.bases.numbered(plan.base_id, plan.base)
        questions = await self.sets.questions(base, plan.set_id)
        began = time.time()
        running.progress(done=0, total=len(questions), unit="questions", message="")
        outcomes = []
        for done, row in enumerate(questions, 1):
            question = judged(str(row.id), row.question, list(row.relevant))
            outcomes.append([await _outcome(knowledge, base, question, each) for each in plan.settings])
            running.progress(done=done)
        columns = list(zip(*outcomes, strict=True))
        settings = [
            {**msgspec.to_builtins(each), **_summary(column)}
            for each, column in zip(plan.settings, columns, strict=True)
        ]
        await self.sets.keep(
            EvaluationRunRow(
                id=running.id,
                set_id=plan.set_id,
                questions=len(questions),
                settings=settings,
                results=[_result(row, each) for row, each in zip(questions, outcomes, strict=True)],
                created_at=began,
                finished_at=time.time(),
            )
        )
        return {"set": plan.set_id, "run": running.id, "settings": settings}


def usual_settings(base: KnowledgeBase) -> list[RunSetting]:
    """Every mode that a base has, and the last of them with its rerank model."""
    modes = [Mode.LEXICAL, Mode.VECTOR, Mode.HYBRID] if base.embedding_model else [Mode.LEXICAL]
    found = [RunSetting(mode) for mode in modes]
    return [*found, RunSetting(modes[-1], rerank=True)] if base.rerank_model else found


def compared(first: EvaluationRunRow, second: EvaluationRunRow, before: int, after: int) -> dict[str, Any]:
    """The differences in each measure between a setting of one run and one of another, over the questions that both have.

    Raises `InvalidParameter` for settings that a run does not have.
    """
    if before >= len(first.settings) or after >= len(second.settings):
        raise InvalidParameter("setting", "the run has no such setting.")
    known: dict[Any, Any] = {each["id"]: each for each in first.results}
    pairs: dict[str, list[float]] = {}
    for each in second.results:
        old: Any = known.get(each["id"])
        new: Any = each
        if old is None or old["question"] != new["question"]:
            continue
        olds, news = old["outcomes"][before]["measures"], new["outcomes"][after]["measures"]
        for name in MEASURES:
            if name in olds and name in news:
                pairs.setdefault(name, []).append(news[name] - olds[name])
    return {name: difference(values) for name, values in pairs.items()}


def _check_setting(base: KnowledgeBase, setting: RunSetting) -> None:
    if setting.mode is not Mode.LEXICAL and base.embedding_model is None:
        raise InvalidParameter("settings", f"'{base.name}' has no embedding model, so it has no mode '{setting.mode}'.")
    if setting.rerank and not (setting.rerank_model or base.rerank_model):
        raise InvalidParameter("settings", f"'{base.name}' has no rerank model, and the setting names none.")


async def _outcome(
    knowledge: KnowledgeService, base: KnowledgeBase, question: JudgedQuestion, setting: RunSetting
) -> QuestionOutcome:
    """Search for a question. An error of a model is part of the outcome, so that one failure does not cost a run."""
    query = Query(
        text=question.text,
        bases=[base],
        k=DEPTH,
        mode=setting.mode,
        rerank=setting.rerank,
        rerank_model=setting.rerank_model,
        min_score=setting.min_score,
    )
    began = time.perf_counter()
    try:
        result = await knowledge.search.search(query)
    except ModelyardError as error:
        return QuestionOutcome(None, {}, 0.0, 0, error.message)
    took = 1000 * (time.perf_counter() - began)
    return _measured(question, result.hits, took)


def _measured(question: JudgedQuestion, hits: Sequence[Hit], took: float) -> QuestionOutcome:
    ids = ranking(question, [msgspec.structs.asdict(each) for each in hits])
    relevant = grades(question)
    rank = next((place for place, id in enumerate(ids, 1) if id in relevant), None)
    if not relevant:
        return QuestionOutcome(None, {}, round(took, 3), len(hits))
    ranked, judgments = {"": ids}, {"": relevant}
    measures = {
        "hit_1": metrics.hit_at(ranked, judgments, 1)[""],
        "hit_5": metrics.hit_at(ranked, judgments, 5)[""],
        "recall_5": metrics.recall_at(ranked, judgments, 5)[""],
        "mrr": metrics.reciprocal_rank(ranked, judgments)[""],
        "ndcg_10": metrics.ndcg_at(ranked, judgments, DEPTH)[""],
    }
    return QuestionOutcome(rank, {name: round(value, 6) for name, value in measures.items()}, round(took, 3), len(hits))


def _summary(outcomes: Sequence[QuestionOutcome]) -> dict[str, Any]:
    """The means of a setting's measures, and its median time."""
    measured = [each for each in outcomes if each.measures]
    means = {name: sum(each.measures[name] for each in measured) / len(measured) for name in MEASURES if measured}
    return {
        "measures": {name: round(value, 6) for name, value in means.items()},
        "milliseconds": round(median([each.milliseconds for each in outcomes if not each.error] or [0.0]), 3),
        "failed": sum(bool(each.error) for each in outcomes),
    }


def _result(row: EvaluationQuestionRow, outcomes: Sequence[QuestionOutcome]) -> dict[str, Any]:
    each = [
        {
            "rank": outcome.rank,
            "hits": outcome.hits,
            "measures": dict(outcome.measures),
            "milliseconds": outcome.milliseconds,
            "error": outcome.error,
        }
        for outcome in outcomes
    ]
    return {"id": row.id, "question": row.question, "answerable": bool(row.relevant), "outcomes": each}
