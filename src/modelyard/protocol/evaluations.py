"""Bodies of the routes about evaluation sets, which hold questions that measure how well a knowledge base is searched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from modelyard.protocol.bounds import Few, Many
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body, Mode
from modelyard.protocol.lists import ListPage


class Relevant(Body):
    """A description of chunks that answer a question. A hit must satisfy every field that is set."""

    document: str | None = Field(None, max_length=1000)
    """Name of a document."""
    page: int | None = Field(None, ge=1)
    """Page of the document, from 1."""
    text: str | None = Field(None, max_length=20_000)
    """Text that the chunk must contain; white space, letter case and character width are ignored."""
    chunk_id: int | None = Field(None, ge=1)
    """Id of a chunk; re-indexing gives chunks new ids."""
    grade: int = Field(1, ge=0, le=1000)
    """Degree of relevance; higher is better."""


class QuestionBody(Body):
    """A question, and which chunks answer it."""

    question: str = Field(min_length=1, max_length=10_000)
    relevant: Annotated[list[Relevant], Field(max_length=100, fail_fast=True)]
    """Empty for a question that nothing in the base answers."""


class CreateEvaluationSet(Body):
    """Body of `POST …/evaluations`."""

    name: str = Field(max_length=200)
    questions: Few[QuestionBody] = Field(default_factory=list)


class RenameEvaluationSet(Body):
    """Body of `PATCH …/evaluations/{set}`."""

    name: str = Field(max_length=200)


class NewQuestions(Body):
    """Body of `POST …/evaluations/{set}/questions`."""

    questions: Annotated[Few[QuestionBody], Field(min_length=1)]


class QuestionNumbers(Body):
    """Body of `POST …/evaluations/{set}/questions/delete`."""

    ids: Annotated[Many[int], Field(min_length=1)]


class ImportQuestions(Body):
    """Body of `POST …/evaluations/{set}/import`."""

    text: str = Field(max_length=20_000_000)
    """The file. JSON lines have `question` and `relevant`; CSV has the columns `question`, `document`, `page`, `text`, `chunk_id`
    and `grade`, and rows with the same question belong together."""
    format: Literal["jsonl", "csv"] = "jsonl"


class EvaluationBody(DeferredModel):
    """Base of answers whose fields have docstrings."""


class QuestionsImported(EvaluationBody):
    """Answer of `POST …/evaluations/{set}/import`."""

    added: int
    """Number of questions that were added."""
    wrong: dict[str, str]
    """Number of a line, or of a row below the header → what is wrong with it. If there is any, nothing is added."""


class QuestionInfo(EvaluationBody):
    """A question of an evaluation set."""

    id: int
    object: Literal["knowledge_base.evaluation.question"] = "knowledge_base.evaluation.question"
    question: str
    relevant: list[Relevant]
    created_at: float
    """Unix time."""


class QuestionList(ListPage):
    """Answer of `GET …/evaluations/{set}/questions`, in the order in which they were added."""

    data: list[QuestionInfo]


class EvaluationSetInfo(EvaluationBody):
    """An evaluation set."""

    id: str
    object: Literal["knowledge_base.evaluation"] = "knowledge_base.evaluation"
    name: str
    questions: int
    """Number of its questions."""
    created_at: float
    """Unix time."""


class EvaluationSetList(ListPage):
    """Answer of `GET …/evaluations`, by name."""

    data: list[EvaluationSetInfo]


class RunSettingBody(Body):
    """Search settings to measure."""

    mode: Mode = "hybrid"
    rerank: bool = False
    """Whether the rerank model ranks the hits."""
    rerank_model: str | None = Field(None, max_length=200)
    """Uid of the rerank model, in place of the base's."""
    min_score: float = Field(0.0, ge=0, le=1)
    """Hits with a lower score are left out."""


class StartRun(Body):
    """Body of `POST …/evaluations/{set}/runs`."""

    settings: Annotated[list[RunSettingBody], Field(max_length=8, fail_fast=True)] = Field(default_factory=list)
    """Search settings to measure; if empty, each search mode of the base, and its rerank model."""


class RunMeasures(EvaluationBody):
    """Measures of the first ten hits, each from 0 to 1; means over the questions that have an answer in the base. Null if there
    are no such questions."""

    hit_1: float | None = None
    """Fraction of the questions whose first hit is relevant."""
    hit_5: float | None = None
    """Fraction of the questions with a relevant hit among the first five."""
    recall_5: float | None = None
    """Fraction of the relevant chunks that are among the first five hits."""
    mrr: float | None = None
    """Mean reciprocal rank: 1 divided by the rank of the first relevant hit, 0 if none of the ten is relevant."""
    ndcg_10: float | None = None
    """Normalised discounted cumulative gain of the ten hits, with grades as gains."""


class SettingResult(RunSettingBody):
    """The measures of one search setting."""

    measures: RunMeasures
    milliseconds: float
    """Median duration of a search in milliseconds."""
    failed: int
    """Number of questions for which the search failed; they count in no measure."""


class SearchOutcome(EvaluationBody):
    """The search of one question with one setting."""

    rank: int | None
    """Rank of the first relevant hit, from 1; null if none of the first ten is relevant."""
    hits: int
    """Number of hits."""
    measures: RunMeasures
    milliseconds: float
    """Duration of the search in milliseconds."""
    error: str
    """Why the search failed; empty if it did not."""


class RunResult(EvaluationBody):
    """One question of a run, and its search with each setting."""

    id: int
    question: str
    answerable: bool
    """Whether the question has an answer in the base."""
    outcomes: list[SearchOutcome]
    """One search for each setting of the run, in the run's order."""


class MeasureDifference(EvaluationBody):
    """The difference of one measure between two runs, over the questions that both have."""

    mean: float
    """Mean of this run's values minus those of the other run."""
    low: float
    """Lower end of the 95 % confidence interval (bootstrap over questions)."""
    high: float
    """Upper end of the 95 % confidence interval."""
    p: float
    """Two-sided p-value of the paired randomization test."""
    better: int
    """Number of questions for which this run's value is better."""
    worse: int
    """Number of questions for which it is worse."""
    equal: int
    """Number of questions for which it is equal."""


class RunInfo(EvaluationBody):
    """A finished run."""

    id: str
    """Id of the run, and of the job that carried it out."""
    object: Literal["knowledge_base.evaluation.run"] = "knowledge_base.evaluation.run"
    questions: int
    """Number of questions in the run."""
    settings: list[SettingResult]
    created_at: float
    """Unix time in seconds at which the run started."""
    finished_at: float
    """Unix time in seconds."""


class RunList(ListPage):
    """Answer of `GET …/evaluations/{set}/runs`, newest first."""

    data: list[RunInfo]


class RunDetail(RunInfo):
    """A run with its results for each question."""

    results: list[RunResult]
    differences: dict[str, MeasureDifference] | None = None
    """If the request has `against`: name of each measure → its difference between this run and the other one."""


def relevant_json(relevant: list[Relevant]) -> list[dict[str, Any]]:
    """What answers a question, without what is not set."""
    return [each.model_dump(exclude_none=True, exclude_unset=True) for each in relevant]
