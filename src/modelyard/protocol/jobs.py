"""Bodies of the routes about jobs, and the parameters of those kinds of job that callers may create."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.lists import ListPage


class JobProblem(DeferredModel):
    """Why a job failed."""

    code: str
    """Stable code of the error, as in the errors of all routes."""
    message: str


class JobProgressInfo(DeferredModel):
    """How far a job is."""

    done: int
    """Amount of work that is done, in `unit`."""
    total: int | None
    """Amount of all work, in `unit`; null while it is unknown."""
    unit: str
    """What `done` and `total` count: `bytes`, `documents`, `steps`."""
    message: str
    """A sentence for people: the present step, or what the job waits for."""


class JobInfo(DeferredModel):
    """One job."""

    object: Literal["job"] = "job"
    id: str
    kind: str
    state: Literal["queued", "running", "waiting", "paused", "done", "failed", "cancelled"]
    """`waiting`: the job has started and cannot continue until something else happens, which `progress.message` names."""
    progress: JobProgressInfo
    owner: str
    """Owner id of the user or key that created the job."""
    parameters: dict[str, Any]
    result: dict[str, Any] | None
    error: JobProblem | None
    """Why the job failed; for a job that is repeated, why its last attempt failed."""
    attempts: int
    """Number of attempts that have failed."""
    pausable: bool
    """Whether the job can be paused, and resumed after a pause or a failure."""
    repeatable: bool
    """Whether `POST /v1/jobs` with the job's kind and parameters creates another such job."""
    created_at: float
    """Unix time in seconds."""
    started_at: float | None
    """Unix time in seconds of the latest start."""
    finished_at: float | None
    """Unix time in seconds."""


class JobList(ListPage):
    """Answer of `GET /v1/jobs`, newest first."""

    data: list[JobInfo]


class CreateJob(DeferredModel):
    """Body of `POST /v1/jobs`."""

    kind: str = Field(min_length=1, max_length=40)
    """`download` or `engine_install`."""
    parameters: Fields[Any] = {}
    """Parameters of the job, which depend on its kind. Those of `download` are the body of `POST /v1/cache/models`."""


class JobLogs(DeferredModel):
    """Answer of `GET /v1/jobs/{id}/logs`: the last lines that the job's process printed."""

    object: Literal["list"] = "list"
    data: list[str]


class JobDeleted(DeferredModel):
    """Answer of `DELETE /v1/jobs/{id}`."""

    id: str
    deleted: Literal[True] = True


class JobEventInfo(DeferredModel):
    """One event of `GET /v1/jobs/{id}/events`."""

    seq: int | None
    """Number of the event, which is also the `id` of the server-sent event; null for `progress`, which is a snapshot."""
    type: str
    """`state`, `progress`, or a type that the job reports, such as `metrics`."""
    at: float
    """Unix time in seconds."""
    data: dict[str, Any]


class EngineInstall(DeferredModel):
    """Parameters of a job of the kind `engine_install`."""

    model_config = ConfigDict(extra="forbid")

    engine: str = Field(min_length=1, max_length=100)
    """Name of the engine."""
    upgrade: bool = False
    """Create the environment anew, even if it exists, from the lock file of this version of Modelyard."""
