"""What a job is and what a kind of job says of itself. Frozen data; `runner.py` runs them, `store.py` keeps them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from modelyard.core.access import LOCAL, Owner
from modelyard.core.errors import ModelyardError

if TYPE_CHECKING:
    from modelyard.jobs.running import RunningJob


class JobState(StrEnum):
    """`queued → running → done | failed | cancelled`; a running job may be `waiting`, and one of some kinds `paused`."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    """It runs, and cannot go on until something else happens; its message says what."""
    PAUSED = "paused"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


FINISHED = frozenset({JobState.DONE, JobState.FAILED, JobState.CANCELLED})
ACTIVE = frozenset({JobState.RUNNING, JobState.WAITING})


class Recovery(StrEnum):
    """What becomes of a job that was running when the server ended, however it ended."""

    RESUME = "resume"
    """It is queued again and goes on where it broke off."""
    RESTART = "restart"
    """It is queued again and begins anew."""
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class JobProgress:
    """How far a job is."""

    done: int = 0
    total: int | None = None
    """None while nobody knows."""
    unit: str = ""
    """What both count: `bytes`, `documents`, `steps`."""
    message: str = ""
    """For people: what is done now, or what the job waits for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One job as it is at a moment."""

    id: str
    kind: str
    owner: str = LOCAL
    """Owner id of who asked for it."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    """What its kind keeps of it beside its parameters."""
    state: JobState = JobState.QUEUED
    progress: JobProgress = JobProgress()
    result: Mapping[str, Any] | None = None
    error: ModelyardError | None = None
    """Why it failed, or why its last run did; None while nothing went wrong."""
    attempts: int = 0
    """Runs that have failed."""
    retry_at: float = 0.0
    """Monotonic time before which it is not tried again. Not stored: a restart of the server tries at once."""
    created_at: float = 0.0
    """Unix time."""
    started_at: float | None = None
    """Unix time of the last start."""
    finished_at: float | None = None
    """Unix time."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in FINISHED


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened to a job. JobProgress has no number: it is a snapshot, and is sent anew to who reconnects."""

    seq: int | None
    type: str
    data: Mapping[str, Any]
    at: float


@dataclass(frozen=True, slots=True)
class ProcessPlan:
    """The process of a job. What it prints is its log; lines of JSON in it report progress (see `output.py`)."""

    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    grace: float = 10.0
    """Seconds between SIGTERM and SIGKILL when it is paused or cancelled."""


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How the process of a job ended, and what it had reported."""

    exit_code: int | None
    problem: str
    """Why the host gave it up; empty if it did not."""
    lines: Sequence[str]
    """The last lines that it printed for people."""
    result: Mapping[str, Any] | None = None
    error: ModelyardError | None = None

    @property
    def reason(self) -> str:
        """Why it ended, for people: its last line, if it printed one."""
        words = [line for line in self.lines if line.strip()]
        return self.problem or (words[-1] if words else f"it ended with exit code {self.exit_code}")


@dataclass(frozen=True, slots=True)
class ProcessWork:
    """Work in a process of its own, under the runtime's shim."""

    plan: Callable[[Job], Awaitable[ProcessPlan]]
    """Called at each start. Raises what makes every further attempt useless."""
    conclude: Callable[[Job, ProcessEnd], Mapping[str, Any] | None] | None = None
    """The result of a process that ended, where its exit code alone does not decide. Raises why it failed."""


@dataclass(frozen=True, slots=True)
class CoroutineWork:
    """Work in this process. Its task is cancelled when the job is paused or cancelled, and when the server ends."""

    run: Callable[[RunningJob], Awaitable[Mapping[str, Any] | None]]
    cancel: Callable[[Job], Awaitable[None]] | None = None
    """For work that has something to do before it is cancelled: lets the work know, which then ends the job by
    `RunningJob.cancelled`. Otherwise its task is cancelled at once."""


@dataclass(frozen=True, slots=True)
class WorkerWork:
    """Work that its package's own worker does, for many jobs at a time. That worker writes the rows, through `rows.py`."""

    cancel: Callable[[Job], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind:
    """A kind of job. Packages register theirs with `Jobs.register`."""

    name: str
    scope: str
    """What a key needs to make, pause, resume or cancel such a job."""
    work: ProcessWork | CoroutineWork | WorkerWork
    recovery: Recovery
    at_once: int | None = None
    """Jobs of this kind that run at the same time; None for any number."""
    attempts: int = 1
    hopeless: frozenset[str] = frozenset()
    """Codes of errors that another attempt would only meet again."""
    pausable: bool = False
    """Whether such a job can be paused, and one that has failed be resumed."""
    body: type[BaseModel] | None = None
    """Parameters as `POST /v1/jobs` takes them; None for kinds that have a route of their own."""
    submit: Callable[[Any, Owner], Awaitable[str]] | None = None
    """Makes the job of such a body, for an owner; returns its id."""
    check_removable: Callable[[Job], None] | None = None
    """Raises `Conflict` for an unfinished job that something else needs."""
    on_state: Callable[[Job], None] | None = None
    """Called after every change of a job's state, except those that a package's own worker writes."""
    look: Callable[[Job], Awaitable[Job]] | None = None
    """An unfinished job with its progress, where that can be looked at better than it is reported."""
