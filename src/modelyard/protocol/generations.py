"""Bodies of the routes about answers that the server makes to the end, whether or not their client stays."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.deferred import DeferredModel

KeptState = Literal["running", "completed", "failed", "stopped", "interrupted"]
KeptPath = Literal["/v1/chat/completions", "/v1/completions"]
"""Inference paths whose answers can be streamed."""


class NewGeneration(DeferredModel):
    """Body of `POST /v1/generations`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: KeptPath = "/v1/chat/completions"
    """The path to which `body` would be sent otherwise, as in a line of a batch."""
    body: Fields[Any] = Field(min_length=1)
    """The request. The answer is always streamed, with `usage` at its end."""


class GenerationProblem(DeferredModel):
    """Why a generation failed."""

    code: str
    """As in the errors of all routes."""
    message: str


class GenerationInfo(DeferredModel):
    """An answer that the server makes to the end, whether or not its client stays."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["generation"] = "generation"
    id: str
    kind: str
    """`request` for those of `POST /v1/generations`."""
    state: KeptState
    """`stopped`: by its owner; `interrupted`: the server ended while it ran. Both keep all events there were."""
    details: dict[str, Any]
    """The `url` and the `model` of a request."""
    created_at: float
    """Unix time."""
    ended_at: float | None
    """Unix time."""
    events: int
    """The number of its newest event."""
    bytes: int
    """Size of its events."""
    error: GenerationProblem | None
    owner: str
    """Owner id of the user or key that began it; an administrator sees all."""


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

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    """From 1, without gaps; also the `id` of the server-sent event."""
    type: str
    """`chunk`: a chunk of the streamed answer; `end`: the last event."""
    at: float
    """Unix time."""
    data: dict[str, Any]
    """The chunk in OpenAI's form; of the last event `state` and `error`."""
