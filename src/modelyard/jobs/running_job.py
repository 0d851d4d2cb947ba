"""The interface that a job's coroutine uses: the job's parameters, and methods to report progress and events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelyard.jobs import states
from modelyard.jobs.store import JobStore
from modelyard.jobs.types import ACTIVE, Job, JobState


class RunningJob:
    """A job, for the coroutine that carries it out."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self.id = job.id
        self.owner = job.owner
        self.parameters = job.parameters
        self._store = store

    def progress(self, **values: int | str | None) -> None:
        """Report `done`, `total`, `unit` or `message`. Values that are not given do not change."""
        job = self._store.live[self.id]
        self._store.put(replace(job, progress=replace(job.progress, **values)))  # type: ignore[arg-type]

    def event(self, type: str, data: Mapping[str, Any]) -> None:
        """Report an event, such as the metrics of a training step."""
        self._store.event(self.id, type, data)

    def waiting(self, reason: str) -> None:
        """Report that the job waits, and why; `running` reports that it continues."""
        self._move(JobState.WAITING, reason)

    def running(self) -> None:
        """Report that the job continues after it has waited."""
        self._move(JobState.RUNNING, "")

    def cancelled(self) -> None:
        """Report that the job has ended because it was cancelled; for work that has a `CoroutineWork.cancel`."""
        job = self._store.live[self.id]
        if job.state in ACTIVE:
            self._store.put(states.cancelled(job))

    def _move(self, state: JobState, message: str) -> None:
        job = self._store.live[self.id]
        if job.state in ACTIVE:
            self._store.put(replace(job, state=state, progress=replace(job.progress, message=message)))
