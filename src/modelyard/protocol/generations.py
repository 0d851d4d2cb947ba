"""Bodies of the routes about generations: answers that the server completes, whether or not the client stays connected."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.deferred import DeferredModel

KeptState = Literal["running", "completed", "failed", "stopped", "interrupted"]
KeptPath = Literal["/v1/chat/completions", "/v1/completions"]
"""Inference paths whose answers can be streamed."""


class NewGeneration(DeferredModel):
    """Body of `POST /v1/generations`."""

    url: KeptPath = "/v1/chat/completions"
    """The inference path that would answer `body` directly, as in a line of a batch."""
    body: Fields[Any] = Field(min_length=1)
    """The request. Its answer is always streamed, and ends with `usage`."""


class GenerationProblem(DeferredModel):
    """Why a generation failed."""

    code: str
    """Stable code of the error, as in the errors of all routes."""
    message: str


class GenerationInfo(DeferredModel):
    """An answer that the server completes, whether or not the client stays connected."""

    object: Literal["generation"] = "generation"
    id: str
    kind: str
    """`request` for generations of `POST /v1/generations`."""
    state: KeptState
    """`stopped`: the owner stopped it; `interrupted`: the server ended while it ran. Both keep the events that they have."""
    details: dict[str, Any]
    """For a `request`: its `url` and `model`."""
    created_at: float
    """Unix time in seconds."""
    ended_at: float | None
    """Unix time in seconds; null while it runs."""
    events: int
    """Number of the newest event."""
    bytes: int
    """Size of all events in bytes."""
    error: GenerationProblem | None
    owner: str
    """Owner id of the user or key that created it; an administrator sees all generations."""


class GenerationList(DeferredModel):
    """Answer of `GET /v1/generations`, newest first."""

    object: Literal["list"] = "list"
    data: list[GenerationInfo]


class GenerationDeleted(DeferredModel):
    """Answer of `DELETE /v1/generations/{generation_id}`."""

    id: str
    object: Literal["generation"] = "generation"
    deleted: Literal[True] = True


class GenerationEventInfo(DeferredModel):
    """An event of a generation."""

    number: int
    """From 1, without gaps; also the `id` of the server-sent event."""
    type: str
    """`chunk`: a chunk of the streamed answer; `end`: the last event."""
    at: float
    """Unix time in seconds."""
    data: dict[str, Any]
    """For `chunk`, the chunk in OpenAI's form; for `end`, `state` and `error`."""
