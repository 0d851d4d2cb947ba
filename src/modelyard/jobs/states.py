"""How a job goes from one state to the next. Pure: each function takes a job and gives the job that follows."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelyard.core.errors import Conflict, JobLost, ModelyardError
from modelyard.jobs.types import ACTIVE, Job, JobKind, JobProgress, JobState, Recovery

BACKOFF_LIMIT = 60.0
"""Seconds between two attempts at most."""


def started(job: Job) -> Job:
    """A queued job begins."""
    return replace(job, state=JobState.RUNNING, started_at=time.time(), result=None)


def done(job: Job, result: Mapping[str, Any] | None) -> Job:
    """A job has succeeded."""
    progress = job.progress if job.progress.total is None else replace(job.progress, done=job.progress.total)
    return replace(job, state=JobState.DONE, result=result, error=None, progress=progress, finished_at=time.time())


def failed(job: Job, error: ModelyardError) -> Job:
    """A job has failed for good."""
    return replace(job, state=JobState.FAILED, error=error, finished_at=time.time())


def after_failure(job: Job, kind: JobKind, error: ModelyardError, backoff: float, now: float) -> Job:
    """A run has failed: the job is tried again later, with doubling pauses, unless that is hopeless or was the last attempt.

    `now` is monotonic.
    """
    attempts = job.attempts + 1
    job = replace(job, attempts=attempts)
    if attempts >= kind.attempts or error.code in kind.hopeless:
        return failed(job, error)
    pause = min(backoff * 2 ** (attempts - 1), BACKOFF_LIMIT)
    return replace(job, state=JobState.QUEUED, error=error, retry_at=now + pause)


def cancelled(job: Job) -> Job:
    """A job is given up. Raises `Conflict` for one that is finished."""
    _check_unfinished(job, "cancel")
    return replace(job, state=JobState.CANCELLED, finished_at=time.time())


def paused(job: Job, kind: JobKind) -> Job:
    """A job stops for now. Raises `Conflict` for one that is finished or whose kind cannot be paused."""
    _check_unfinished(job, "pause")
    _check_pausable(job, kind)
    return replace(job, state=JobState.PAUSED)


def resumed(job: Job, kind: JobKind) -> Job:
    """A job that was paused or has failed goes on; one that is under way does anyway. Raises `Conflict` for all others."""
    if job.state in ACTIVE or job.state is JobState.QUEUED:
        return job
    _check_pausable(job, kind)
    if job.state not in (JobState.PAUSED, JobState.FAILED):
        raise Conflict(f"The job '{job.id}' is {job.state}; there is nothing to resume.")
    return replace(job, state=JobState.QUEUED, attempts=0, retry_at=0.0, error=None, finished_at=None)


def recovered(job: Job, kind: JobKind | None) -> Job:
    """An unfinished job as it goes on when the server starts again; `kind` is None where nothing here runs such jobs."""
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
