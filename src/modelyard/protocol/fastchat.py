"""Answers of the routes that FastChat's controller and workers have."""

from __future__ import annotations

from modelyard.protocol.deferred import DeferredModel


class FastchatModels(DeferredModel):
    """Names of models."""

    models: list[str]


class FastchatAddress(DeferredModel):
    """Where a model's worker is; empty for one that does not answer now."""

    address: str


class FastchatStatus(DeferredModel):
    """The state of one worker, or of all together."""

    model_names: list[str]
    speed: int
    """Replicas that are ready."""
    queue_length: int
    """Answers in progress."""


class FastchatDetails(DeferredModel):
    """What a worker says of its model."""

    context_length: int
    """Tokens."""


class FastchatFailure(DeferredModel):
    """An error as FastChat has it: a sentence in the place of the text, and a number."""

    text: str
    error_code: int


class FastchatUsage(DeferredModel):
    """Tokens that a text took."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class FastchatText(FastchatFailure):
    """A text so far. `error_code` is 0."""

    usage: FastchatUsage
    finish_reason: str | None


class FastchatCount(DeferredModel):
    """Tokens of a text."""

    count: int
    error_code: int


class FastchatVectors(DeferredModel):
    """A vector for each text."""

    embedding: list[list[float]]
    token_num: int
