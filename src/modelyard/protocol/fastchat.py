"""Answers of the routes that FastChat's controller and workers have."""

from __future__ import annotations

from modelyard.protocol.deferred import DeferredModel


class FastchatModels(DeferredModel):
    """Names of models."""

    models: list[str]


class FastchatAddress(DeferredModel):
    """Address of the worker that serves a model; empty if none serves it now."""

    address: str


class FastchatStatus(DeferredModel):
    """The state of one worker, or the sum of all workers."""

    model_names: list[str]
    speed: int
    """Number of replicas that are ready."""
    queue_length: int
    """Number of answers in progress."""


class FastchatDetails(DeferredModel):
    """What a worker reports about its model."""

    context_length: int
    """Maximum number of tokens of prompt and answer."""


class FastchatFailure(DeferredModel):
    """An error in FastChat's form: a sentence in place of the generated text, and a number."""

    text: str
    error_code: int


class FastchatUsage(DeferredModel):
    """Numbers of tokens of a prompt and its answer."""

    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class FastchatText(FastchatFailure):
    """The text generated so far. `error_code` is 0."""

    usage: FastchatUsage
    finish_reason: str | None


class FastchatCount(DeferredModel):
    """The number of tokens of a text."""

    count: int
    error_code: int


class FastchatVectors(DeferredModel):
    """One vector for each text."""

    embedding: list[list[float]]
    token_num: int
