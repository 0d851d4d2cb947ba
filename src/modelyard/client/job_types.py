"""TypedDicts of background jobs."""

from __future__ import annotations

from typing import Any, TypedDict


class JobProgressDict(TypedDict):
    """The progress of a job."""

    done: int
    total: int | None
    unit: str
    message: str


class JobProblemDict(TypedDict):
    """Why a job failed."""

    code: str
    message: str


class JobDict(TypedDict):
    """One background job."""

    object: str
    id: str
    kind: str
    state: str
    progress: JobProgressDict
    owner: str
    parameters: dict[str, Any]
    result: dict[str, Any] | None
    error: JobProblemDict | None
    attempts: int
    pausable: bool
    repeatable: bool
    created_at: float
    started_at: float | None
    finished_at: float | None


class JobEventDict(TypedDict):
    """An event of a job. `seq` is None for progress."""

    seq: int | None
    type: str
    at: float
    data: dict[str, Any]
