"""Answers of the routes that FastChat's controller and workers have."""

from __future__ import annotations

from pydantic import BaseModel


class FastchatModels(BaseModel):
    """Names of models."""

    models: list[str]


class FastchatAddress(BaseModel):
    """Where a model's worker is; empty for one that does not answer now."""

    address: str


class FastchatStatus(BaseModel):
    """The state of one worker, or of all together."""

    model_names: list[str]
    speed: int
    """Replicas that are ready."""
    queue_length: int
    """Answers in progress."""


class FastchatDetails(BaseModel):
    """What a worker says of its model."""

    context_length: int
    """Tokens."""


class FastchatFailure(BaseModel):
    """An error as FastChat has it: a sentence in the place of the text, and a number."""

    text: str
    error_code: int


class FastchatUsage(BaseModel):
    """Tokens that a text took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class FastchatText(FastchatFailure):
    """A text so far. `error_code` is 0."""

    usage: FastchatUsage
    finish_reason: str | None


class FastchatCount(BaseModel):
    """Tokens of a text."""

    count: int
    error_code: int


class FastchatVectors(BaseModel):
    """A vector for each text."""

    embedding: list[list[float]]
    token_num: int
