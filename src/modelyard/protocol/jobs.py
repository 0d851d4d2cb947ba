"""Bodies of the routes about jobs, and the parameters of the kinds of job that can be made by name."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.lists import ListPage


class JobProblem(DeferredModel):
    """Why a job failed."""

    code: str
    """As in the errors of all routes."""
    message: str


class JobProgressInfo(DeferredModel):
    """How far a job is."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    done: int
    total: int | None
    """null while nobody knows how much there is to do."""
    unit: str
    """What both count: `bytes`, `documents`, `steps`."""
    message: str
    """For people: what is done now, or what the job waits for."""


class JobInfo(DeferredModel):
    """One job."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["job"] = "job"
    id: str
    kind: str
    state: Literal["queued", "running", "waiting", "paused", "done", "failed", "cancelled"]
    """`waiting`: it runs, and cannot go on until something else happens; `progress.message` says what."""
    progress: JobProgressInfo
    owner: str
    """Owner id of who asked for it."""
    parameters: dict[str, Any]
    result: dict[str, Any] | None
    error: JobProblem | None
    """Why it failed, or why its last run did."""
    attempts: int
    """Runs that have failed."""
    pausable: bool
    """Whether it can be paused, and resumed when it is paused or has failed."""
    repeatable: bool
    """Whether `POST /v1/jobs` with its kind and parameters makes one like it."""
    created_at: float
    """Unix time."""
    started_at: float | None
    """Unix time of the last start."""
    finished_at: float | None
    """Unix time."""


class JobList(ListPage):
    """Answer of `GET /v1/jobs`, newest first."""

    data: list[JobInfo]


class CreateJob(DeferredModel):
    """Body of `POST /v1/jobs`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    kind: str = Field(min_length=1, max_length=40)
    """`download` or `engine_install`."""
    parameters: Fields[Any] = {}
    """What to do; each kind has its own. Those of `download` are the body of `POST /v1/cache/models`."""


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

    model_config = ConfigDict(use_attribute_docstrings=True)

    seq: int | None
    """Its number, which is the `id` of the event, too. null for progress, which is a snapshot."""
    type: str
    """`state`, `progress`, or what the job reports, such as `metrics`."""
    at: float
    """Unix time."""
    data: dict[str, Any]


class EngineInstall(DeferredModel):
    """Parameters of a job of the kind `engine_install`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    engine: str = Field(min_length=1, max_length=100)
    upgrade: bool = False
    """Make the environment anew although it is there, from the lock file of this Modelyard."""
