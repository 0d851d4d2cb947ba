"""Bodies of the routes about evaluation sets: questions that measure how well a knowledge base is searched."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Few, Many
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body, Mode
from modelyard.protocol.lists import ListPage


class Relevant(Body):
    """What answers a question. All that is set must hold of a hit."""

    document: str | None = Field(None, max_length=1000)
    """Name of a document."""
    page: int | None = Field(None, ge=1)
    text: str | None = Field(None, max_length=20_000)
    """Text that a chunk must contain; blanks, case and width do not count."""
    chunk_id: int | None = Field(None, ge=1)
    """Id of a chunk, which a new index changes."""
    grade: int = Field(1, ge=0, le=1000)
    """Relevance; higher is better."""


class QuestionBody(Body):
    """A question with what answers it."""

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

    model_config = ConfigDict(use_attribute_docstrings=True)


class QuestionsImported(EvaluationBody):
    """Answer of `POST …/evaluations/{set}/import`."""

    added: int
    wrong: dict[str, str]
    """Number of a line, or of a row without the header → what is wrong with it. Nothing is added if there is any."""


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
    """A search setting to measure."""

    mode: Mode = "hybrid"
    rerank: bool = False
    """Whether the rerank model ranks the hits."""
    rerank_model: str | None = Field(None, max_length=200)
    """In place of the base's."""
    min_score: float = Field(0.0, ge=0, le=1)


class StartRun(Body):
    """Body of `POST …/evaluations/{set}/runs`."""

    settings: Annotated[list[RunSettingBody], Field(max_length=8, fail_fast=True)] = Field(default_factory=list)
    """What to measure; if empty, every mode that the base has, and its rerank model."""


class RunMeasures(EvaluationBody):
    """Measures of the first ten hits, 0 to 1; means over questions that something answers. Null without such questions."""

    hit_1: float | None = None
    """Part of the questions whose first hit is relevant."""
    hit_5: float | None = None
    """Part of the questions with a relevant hit among the first five."""
    recall_5: float | None = None
    """Part of what is relevant that is among the first five."""
    mrr: float | None = None
    """1 divided by the place of the first relevant hit; 0 where none is among the ten."""
    ndcg_10: float | None = None
    """Discounted gain of the ten against that of the best order, grades as gains."""


class SettingResult(RunSettingBody):
    """What one setting reached."""

    measures: RunMeasures
    milliseconds: float
    """Median time of a search."""
    failed: int
    """Questions for which the search failed; they count in no measure."""


class SearchOutcome(EvaluationBody):
    """What one setting found for one question."""

    rank: int | None
    """Of the first relevant hit; null if none is among the first ten."""
    hits: int
    measures: RunMeasures
    milliseconds: float
    error: str
    """Why the search failed; empty if it did not."""


class RunResult(EvaluationBody):
    """What a run found for one question."""

    id: int
    question: str
    answerable: bool
    """Whether anything is relevant to it."""
    outcomes: list[SearchOutcome]
    """One for each setting of the run, in its order."""


class MeasureDifference(EvaluationBody):
    """The difference of one measure, over the questions that both runs have."""

    mean: float
    low: float
    """Lower end of the 95 % interval, by bootstrap over questions."""
    high: float
    p: float
    """Two-sided p-value of the paired randomization test."""
    better: int
    worse: int
    equal: int


class RunInfo(EvaluationBody):
    """A finished run."""

    id: str
    """Also the id of its job."""
    object: Literal["knowledge_base.evaluation.run"] = "knowledge_base.evaluation.run"
    questions: int
    settings: list[SettingResult]
    created_at: float
    """Unix time of its start."""
    finished_at: float
    """Unix time."""


class RunList(ListPage):
    """Answer of `GET …/evaluations/{set}/runs`, newest first."""

    data: list[RunInfo]


class RunDetail(RunInfo):
    """A run with what it found for each question."""

    results: list[RunResult]
    differences: dict[str, MeasureDifference] | None = None
    """With `against`: name of a measure → this run minus that one."""


def relevant_json(relevant: list[Relevant]) -> list[dict[str, Any]]:
    """What answers a question, without what is not set."""
    return [each.model_dump(exclude_none=True, exclude_unset=True) for each in relevant]
