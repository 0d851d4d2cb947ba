"""TypedDicts of answers that the server makes to the end, whether or not their client stays."""

from __future__ import annotations

from typing import Any, TypedDict


class GenerationProblemDict(TypedDict):
    """Why a generation failed."""

    code: str
    message: str


class GenerationDict(TypedDict):
    """An answer that the server makes to the end."""

    object: str
    id: str
    kind: str
    state: str
    details: dict[str, Any]
    created_at: float
    ended_at: float | None
    events: int
    bytes: int
    error: GenerationProblemDict | None
    owner: str


class GenerationEventDict(TypedDict):
    """An event of a generation."""

    number: int
    type: str
    at: float
    data: dict[str, Any]
