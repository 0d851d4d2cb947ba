"""Bodies of the routes about batches: OpenAI's fields, and the owner of each batch."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from modelyard.protocol.bounds import Metadata
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.files import ExpiresAfter

BatchStatus = Literal[
    "validating", "failed", "in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"
]


class NewBatch(DeferredModel):
    """Body of `POST /v1/batches`."""

    input_file_id: str = Field(max_length=100)
    """Id of a stored file with purpose `batch`, in which each line is a JSON object with `custom_id`, `method`, `url` and
    `body`."""
    endpoint: str = Field(max_length=100)
    """The path that all requests of the batch have, such as `/v1/chat/completions`."""
    completion_window: str = Field("24h", pattern=r"^[1-9][0-9]{0,6}[smhd]$")
    """How long the batch may take: a number with `s`, `m`, `h` or `d`, at most 30 days. Requests that are unanswered after it
    expire."""
    metadata: Metadata | None = None
    """The caller's own notes, which are returned with the batch."""
    output_expires_after: ExpiresAfter | None = None
    """When the output files are deleted; if left out, they are kept."""


class BatchProblem(DeferredModel):
    """Why a batch failed."""

    code: str
    """Stable code of the problem."""
    line: int | None = None
    """Number of the line of the input file, from 1; null for a problem of the whole batch."""
    message: str
    param: str | None = None
    """The field that is wrong; null if no single field is."""


class BatchProblems(DeferredModel):
    """The reasons for which a batch failed."""

    object: Literal["list"] = "list"
    data: list[BatchProblem]
    """The first 1,000; if there are more, the last entry says so, and all are in the batch's `error_file_id`."""


class BatchCounts(DeferredModel):
    """Numbers of requests of a batch, by their state."""

    total: int
    """All requests of the batch; 0 until the input file is checked."""
    completed: int
    """Requests that were answered without an error."""
    failed: int
    """Requests that were answered with an error."""


class CachedTokens(DeferredModel):
    """Breakdown of the prompts' tokens."""

    cached_tokens: int


class ReasoningTokens(DeferredModel):
    """Breakdown of the answers' tokens."""

    reasoning_tokens: int


class BatchUsage(DeferredModel):
    """Tokens of all requests of a batch, as counted by the models."""

    input_tokens: int
    input_tokens_details: CachedTokens
    output_tokens: int
    output_tokens_details: ReasoningTokens
    total_tokens: int


class BatchInfo(DeferredModel):
    """A batch."""

    id: str
    object: Literal["batch"] = "batch"
    endpoint: str
    model: str | None
    """The model that all requests name; null if they name several, and until the input file is checked."""
    input_file_id: str
    completion_window: str
    status: BatchStatus
    errors: BatchProblems | None
    """Why the batch failed; null unless its `status` is `failed`."""
    output_file_id: str | None
    """Id of the file with the answers, in the order of the input file; null until the batch has ended, and if no request
    succeeded."""
    error_file_id: str | None
    """Id of the file with the requests that failed or were not answered; null until the batch has ended, or if there are none."""
    request_counts: BatchCounts
    usage: BatchUsage | None
    """null until the batch has ended."""
    metadata: dict[str, str] | None
    created_at: int
    """Unix time in seconds, like all times below. A time is null until that state is reached."""
    in_progress_at: int | None
    expires_at: int
    """When the completion window ends."""
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
