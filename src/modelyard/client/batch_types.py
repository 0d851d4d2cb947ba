"""TypedDicts of batches."""

from __future__ import annotations

from typing import TypedDict


class BatchProblemDict(TypedDict):
    """A wrong line of a batch's input, or another reason why it failed."""

    code: str
    line: int | None
    message: str
    param: str | None


class BatchProblemsDict(TypedDict):
    """Everything that is wrong with a batch."""

    object: str
    data: list[BatchProblemDict]


class BatchCountsDict(TypedDict):
    """How many requests of a batch are answered."""

    total: int
    completed: int
    failed: int


class CachedTokensDict(TypedDict):
    """Details of the tokens of prompts."""

    cached_tokens: int


class ReasoningTokensDict(TypedDict):
    """Details of the tokens of answers."""

    reasoning_tokens: int


class BatchUsageDict(TypedDict):
    """The tokens of a batch."""

    input_tokens: int
    input_tokens_details: CachedTokensDict
    output_tokens: int
    output_tokens_details: ReasoningTokensDict
    total_tokens: int


class BatchDict(TypedDict):
    """A batch."""

    id: str
    object: str
    endpoint: str
    model: str | None
    input_file_id: str
    completion_window: str
    status: str
    errors: BatchProblemsDict | None
    output_file_id: str | None
    error_file_id: str | None
    request_counts: BatchCountsDict
    usage: BatchUsageDict | None
    metadata: dict[str, str] | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    owner: str


class BatchPageDict(TypedDict):
    """Some batches; `last_id` is the `after` of the next page."""

    object: str
    data: list[BatchDict]
    first_id: str | None
    last_id: str | None
    has_more: bool
