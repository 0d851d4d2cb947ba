"""The transitions between the states of a job. Pure: each function takes a job and returns the job after the transition."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelyard.core.errors import Conflict, JobLost, ModelyardError
from modelyard.jobs.types import ACTIVE, Job, JobKind, JobProgress, JobState, Recovery

BACKOFF_LIMIT = 60.0
"""Maximum seconds between two attempts."""


def started(job: Job) -> Job:
    """The job when its run begins."""
    return replace(job, state=JobState.RUNNING, started_at=time.time(), result=None)


def done(job: Job, result: Mapping[str, Any] | None) -> Job:
    """The job when it has succeeded."""
    progress = job.progress if job.progress.total is None else replace(job.progress, done=job.progress.total)
    return replace(job, state=JobState.DONE, result=result, error=None, progress=progress, finished_at=time.time())


def failed(job: Job, error: ModelyardError) -> Job:
    """The job when it has failed and is not tried again."""
    return replace(job, state=JobState.FAILED, error=error, finished_at=time.time())


def after_failure(job: Job, kind: JobKind, error: ModelyardError, backoff: float, now: float) -> Job:
    """The job when one run has failed: queued again with a doubled pause, or failed if no further attempt is made.

    No further attempt follows the last of `JobKind.attempts`, or an error in `JobKind.hopeless`. `now` is monotonic time.
    """
    attempts = job.attempts + 1
    job = replace(job, attempts=attempts)
    if attempts >= kind.attempts or error.code in kind.hopeless:
        return failed(job, error)
    pause = min(backoff * 2 ** (attempts - 1), BACKOFF_LIMIT)
    return replace(job, state=JobState.QUEUED, error=error, retry_at=now + pause)


def cancelled(job: Job) -> Job:
    """The job when it is cancelled. Raises `Conflict` if it is finished."""
    _check_unfinished(job, "cancel")
    return replace(job, state=JobState.CANCELLED, finished_at=time.time())


def paused(job: Job, kind: JobKind) -> Job:
    """The job when it is paused. Raises `Conflict` if it is finished or its kind cannot be paused."""
    _check_unfinished(job, "pause")
    _check_pausable(job, kind)
    return replace(job, state=JobState.PAUSED)


def resumed(job: Job, kind: JobKind) -> Job:
    """The job when it is resumed: queued if it was paused or has failed, unchanged if it runs. Raises `Conflict` otherwise."""
    if job.state in ACTIVE or job.state is JobState.QUEUED:
        return job
    _check_pausable(job, kind)
    if job.state not in (JobState.PAUSED, JobState.FAILED):
        raise Conflict(f"The job '{job.id}' is {job.state}; there is nothing to resume.")
    return replace(job, state=JobState.QUEUED, attempts=0, retry_at=0.0, error=None, finished_at=None)


def recovered(job: Job, kind: JobKind | None) -> Job:
    """An unfinished job after a restart of the server; `kind` is None if this server has no such kind."""
    if kind is None:
        return failed(job, JobLost(job.id, f"this server has no jobs of the kind '{job.kind}'"))
    if job.state not in ACTIVE:
        return job
    if kind.recovery is Recovery.FAIL:
        return failed(job, JobLost(job.id, "the server ended while it ran"))
    progress = job.progress if kind.recovery is Recovery.RESUME else JobProgress()
    return replace(job, state=JobState.QUEUED, progress=progress)


def _check_unfinished(job: Job, verb: str) -> None:
    if job.finished:
        raise Conflict(f"The job '{job.id}' is {job.state}; there is nothing to {verb}.")


def _check_pausable(job: Job, kind: JobKind) -> None:
    if not kind.pausable:
        raise Conflict(f"A job of the kind '{kind.name}' cannot be paused or resumed; it can be cancelled.")
