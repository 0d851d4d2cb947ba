"""Answers about tokens, and of models that compare and classify texts, as dicts."""

from __future__ import annotations

from typing import Any, TypedDict


class TokenizedDict(TypedDict):
    """The tokens of a text or a conversation."""

    count: int
    max_model_len: int | None
    tokens: list[int]
    token_strs: list[str] | None


class DetokenizedDict(TypedDict):
    """The text of tokens."""

    prompt: str


class TextScoreDict(TypedDict):
    """How much two texts have to do with each other."""

    index: int
    object: str
    score: float


class TextScoresDict(TypedDict):
    """The scores of pairs of texts, in their order."""

    id: str
    object: str
    created: int
    model: str
    data: list[TextScoreDict]
    usage: dict[str, int]


class ClassDict(TypedDict):
    """What a classifier makes of one text."""

    index: int
    label: str | None
    probs: list[float]
    num_classes: int
    scores: dict[str, float]
    multi_label: bool
    safe_labels: list[str] | None


class ClassesDict(TypedDict):
    """The classes of texts, in their order."""

    object: str
    model: str
    data: list[ClassDict]
    id: str | None
    created: int | None
    usage: dict[str, Any] | None


class ModerationDict(TypedDict):
    """The moderation of one input."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]


class ModerationsDict(TypedDict):
    """The moderations of inputs, in their order."""

    id: str
    model: str
    results: list[ModerationDict]
