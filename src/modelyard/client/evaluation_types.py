"""TypedDicts of the server's answers about evaluation sets of knowledge bases."""

from __future__ import annotations

from typing import TypedDict

from modelyard.client.knowledge_types import SearchMode


class RelevantDict(TypedDict):
    """What answers a question; all that is set must hold of a hit."""

    document: str | None
    page: int | None
    text: str | None
    chunk_id: int | None
    grade: int


class QuestionDict(TypedDict):
    """A question of an evaluation set."""

    id: int
    object: str
    question: str
    relevant: list[RelevantDict]
    created_at: float


class QuestionPageDict(TypedDict):
    """A page of questions."""

    object: str
    data: list[QuestionDict]
    has_more: bool
    next: str | None


class QuestionsImportedDict(TypedDict):
    """How many questions of a file were added, and what is wrong with which lines; then none was."""

    added: int
    wrong: dict[str, str]


class EvaluationSetDict(TypedDict):
    """An evaluation set."""

    id: str
    object: str
    name: str
    questions: int
    created_at: float


class RunMeasuresDict(TypedDict):
    """Measures of the first ten hits, 0 to 1; None without questions that something answers."""

    hit_1: float | None
    hit_5: float | None
    recall_5: float | None
    mrr: float | None
    ndcg_10: float | None


class SettingResultDict(TypedDict):
    """A search setting, and what it reached."""

    mode: SearchMode
    rerank: bool
    rerank_model: str | None
    min_score: float
    measures: RunMeasuresDict
    milliseconds: float
    failed: int


class SearchOutcomeDict(TypedDict):
    """What one setting found for one question; `rank` is that of the first relevant hit."""

    rank: int | None
    hits: int
    measures: RunMeasuresDict
    milliseconds: float
    error: str


class RunResultDict(TypedDict):
    """What a run found for one question, an outcome for each setting."""

    id: int
    question: str
    answerable: bool
    outcomes: list[SearchOutcomeDict]


class MeasureDifferenceDict(TypedDict):
    """The difference of one measure, with its 95 % interval and two-sided p-value."""

    mean: float
    low: float
    high: float
    p: float
    better: int
    worse: int
    equal: int


class RunDict(TypedDict):
    """A finished run."""

    id: str
    object: str
    questions: int
    settings: list[SettingResultDict]
    created_at: float
    finished_at: float


class RunDetailDict(RunDict):
    """A run with what it found for each question, and the differences from another."""

    results: list[RunResultDict]
    differences: dict[str, MeasureDifferenceDict] | None
