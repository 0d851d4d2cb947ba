"""Bodies of the routes about batches: OpenAI's, with the owner of a batch beside its fields."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Metadata
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.files import ExpiresAfter

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]


class NewBatch(DeferredModel):
    """Body of `POST /v1/batches`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    input_file_id: str = Field(max_length=100)
    """A file with purpose `batch`; each line is a JSON object with `custom_id`, `method`, `url` and `body`."""
    endpoint: str = Field(max_length=100)
    """The path of all its requests, such as `/v1/chat/completions`."""
    completion_window: str = Field("24h", pattern=r"^[1-9][0-9]{0,6}[smhd]$")
    """After which time it ends with what is answered by then: a number with `s`, `m`, `h` or `d`, 30 days at most."""
    metadata: Metadata | None = None
    """Notes, which the batch keeps."""
    output_expires_after: ExpiresAfter | None = None
    """When its output files are deleted; they stay if it is left out."""


class BatchProblem(DeferredModel):
    """Why a batch failed."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    code: str
    line: int | None = None
    """Number of the wrong line, from 1; null for a problem of the whole batch."""
    message: str
    param: str | None = None
    """The field that is wrong."""


class BatchProblems(DeferredModel):
    """Everything that is wrong with a batch."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    data: list[BatchProblem]
    """The first 1,000; if there are more, the last entry says so, and all are in the batch's `error_file_id`."""


class BatchCounts(DeferredModel):
    """How many requests of a batch are answered."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    total: int
    """0 until the input is checked."""
    completed: int
    failed: int
    """Requests that were answered with an error."""


class CachedTokens(DeferredModel):
    """Details of the tokens of prompts."""

    cached_tokens: int


class ReasoningTokens(DeferredModel):
    """Details of the tokens of answers."""

    reasoning_tokens: int


class BatchUsage(DeferredModel):
    """The tokens of a batch, as its models counted them."""

    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int


class BatchInfo(DeferredModel):
    """A batch."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None
    """The model of its requests; null if they name several, and until the input is checked."""
    input_file_id: str
    completion_window: str
    status: BatchStatus
    errors: BatchProblems | None
    output_file_id: str | None
    """The answers, in the order of the input; null until the batch has ended, and if there are none."""
    error_file_id: str | None
    """The requests that were answered with an error or not answered; null until it has ended, and if there are none."""
    request_counts: BatchCounts
    usage: BatchUsage | None
    """null until the batch has ended."""
    metadata: dict[str, str] | None
    created_at: int
    """Unix time, like all that follow."""
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    owner: str
    """Owner id of the user or key that created it; an administrator sees all batches."""


class BatchPage(DeferredModel):
    """Answer of `GET /v1/batches`."""

    object: Literal["list"] = "list"
    data: list[BatchInfo]
    first_id: str | None
    last_id: str | None
    has_more: bool
