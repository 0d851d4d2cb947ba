"""Types of jobs and of kinds of jobs. Frozen data; `runner.py` runs jobs, `store.py` stores them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from modelyard.core.access import LOCAL, Owner
from modelyard.core.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.jobs.running_job import RunningJob


class JobState(StrEnum):
    """`queued → running → done | failed | cancelled`; a running job may be `waiting`, and one of some kinds `paused`."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """It runs and cannot continue until something else happens, which `JobProgress.message` names."""
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
ACTIVE = frozenset({JobState.RUNNING, JobState.WAITING})


class Recovery(StrEnum):
    """What happens at the next start of the server to a job that was running when the server ended."""

    RESUME = "resume"
    """It is queued again, and keeps its progress."""
    RESTART = "restart"
    """It is queued again, and its progress is reset."""
    FAIL = "fail"
    """It fails with `JobLost`."""


@dataclass(frozen=True, slots=True)
class JobProgress:
    """The progress of a job."""

    done: int = 0
    total: int | None = None
    """None while it is unknown."""
    unit: str = ""
    """The unit of `done` and `total`: `bytes`, `documents`, `steps`."""
    message: str = ""
    """A sentence for people about the current step, or about what the job waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The state of one job at one moment."""

    id: str
    kind: str
    owner: str = LOCAL
    """Owner id of the caller who created it."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """Data that its kind stores with it, besides the parameters."""
    state: JobState = JobState.QUEUED
    progress: JobProgress = JobProgress()
    result: Mapping[str, Any] | None = None
    error: ModelyardError | None = None
    """Why the job, or its last run, failed; None if none has failed."""
    attempts: int = 0
    """Number of failed runs."""
    retry_at: float = 0.0
    """Monotonic time before which it does not run again. It is not stored: after a restart of the server the job runs at once."""
    created_at: float = 0.0
    """Unix time."""
    started_at: float | None = None
    """Unix time of the last start."""
    finished_at: float | None = None
    """Unix time."""

    @property
    def finished(self) -> bool:
        """Whether it is in a final state."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job."""

    seq: int | None
    """Later events have greater numbers; None for a snapshot of progress, which is sent again after every reconnect."""
    type: str
    data: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """How to start the process of a job. Its output is the job's log; lines of JSON report progress (see `output.py`)."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL when it is paused or cancelled."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """The end of a job's process, with the output that it reported."""

    exit_code: int | None
    problem: str
    """Why the host could not run it, or stopped it; empty otherwise."""
    lines: Sequence[str]
    """The last lines of its output that are no reports."""
    result: Mapping[str, Any] | None = None
    error: ModelyardError | None = None

    @property
    def reason(self) -> str:
        """Why it ended, for people: `problem`, else its last line, else its exit code."""
        words = [line for line in self.lines if line.strip()]
        return self.problem or (words[-1] if words else f"it ended with exit code {self.exit_code}")


@dataclass(frozen=True, slots=True)
class ProcessWork:
    """Work that a child process does, under the runtime's shim."""

    plan: Callable[[Job], Awaitable[ProcessPlan]]
    """Called at each start. The job fails without a further attempt if this raises a `ModelyardError`."""
    conclude: Callable[[Job, ProcessEnd], Mapping[str, Any] | None] | None = None
    """Returns the result of a process that ended, or raises the error of the job. Without it, exit code 0 means success."""


@dataclass(frozen=True, slots=True)
class CoroutineWork:
    """Work in this process. Its task is cancelled when the job is paused or cancelled, and when the server ends."""

    run: Callable[[RunningJob], Awaitable[Mapping[str, Any] | None]]
    cancel: Callable[[Job], Awaitable[None]] | None = None
    """Asks the work to stop; the work then calls `RunningJob.cancelled`. Without it, the task is cancelled at once."""


@dataclass(frozen=True, slots=True)
class WorkerWork:
    """Work that a package's own worker does, for many jobs at once. That worker writes the rows, with `rows.py`."""

    cancel: Callable[[Job], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A kind of job. Packages register theirs with `Jobs.register`."""

    name: str
    scope: str
    """The scope that a key needs to create, pause, resume or cancel such a job."""
    work: ProcessWork | CoroutineWork | WorkerWork
    recovery: Recovery
    at_once: int | None = None
    """Maximum number of jobs of this kind that run at the same time; None for no limit."""
    attempts: int = 1
    hopeless: frozenset[str] = frozenset()
    """Codes of errors after which no further attempt is made, because it would fail in the same way."""
    pausable: bool = False
    """Whether such a job can be paused, and resumed after it was paused or has failed."""
    body: type[BaseModel] | None = None
    """The parameters in `POST /v1/jobs`; None for kinds that have their own route."""
    submit: Callable[[Any, Owner], Awaitable[str]] | None = None
    """Creates a job from a `body` for an owner, and returns its id."""
    check_removable: Callable[[Job], None] | None = None
    """Raises `Conflict` if something else needs the unfinished job, so that it must not be cancelled."""
    on_state: Callable[[Job], None] | None = None
    """Called after every change of a job's state; never for `WorkerWork`."""
    look: Callable[[Job], Awaitable[Job]] | None = None
    """Returns an unfinished job with its current progress, for kinds that do not report it."""
