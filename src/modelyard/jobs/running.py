"""What a job that runs in this process is given: what to do, and how to tell how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from modelyard.jobs import states
from modelyard.jobs.store import JobStore
from modelyard.jobs.types import ACTIVE, Job, JobState


class RunningJob:
    """One job while its coroutine runs."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self.id = job.id
        self.owner = job.owner
        self.parameters = job.parameters
        self._store = store

    def progress(self, **values: int | str | None) -> None:
        """Report `done`, `total`, `unit` or `message`; those that are left out stay as they were."""
        job = self._store.live[self.id]
        self._store.put(replace(job, progress=replace(job.progress, **values)))  # type: ignore[arg-type]

    def event(self, type: str, data: Mapping[str, Any]) -> None:
        """Report something that has happened, such as the metrics of a training step."""
        self._store.event(self.id, type, data)

    def waiting(self, reason: str) -> None:
        """The job cannot go on until something else happens; `running` says that it goes on."""
        self._move(JobState.WAITING, reason)

    def running(self) -> None:
        """The job goes on after it has waited."""
        self._move(JobState.RUNNING, "")

    def cancelled(self) -> None:
        """The job has ended because it was cancelled; for work that ends its jobs itself (`CoroutineWork.cancel`)."""
        job = self._store.live[self.id]
        if job.state in ACTIVE:
            self._store.put(states.cancelled(job))

    def _move(self, state: JobState, message: str) -> None:
        job = self._store.live[self.id]
        if job.state in ACTIVE:
            self._store.put(replace(job, state=state, progress=replace(job.progress, message=message)))
