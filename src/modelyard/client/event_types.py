"""TypedDicts of the server's stream of events."""

from __future__ import annotations

from typing import Any, TypedDict


class PastEventDict(TypedDict):
    """Something that happened to a model, which may be gone."""

    id: int
    model_uid: str
    type: str
    at: float
    text: str


class ServerEventDict(TypedDict):
    """One event of the server. The dicts in `data` are those of the calls that list models, replicas, downloads and jobs."""

    id: str
    at: float
    topic: str
    type: str
    data: dict[str, Any]
