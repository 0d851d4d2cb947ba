"""Registers jobs on documents as job kinds of the package `jobs`; `worker.py` runs them, many at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace

from modelyard.core.access import KNOWLEDGE_WRITE
from modelyard.core.errors import JobNotFound
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import Job, JobKind, JobProgress, Recovery, WorkerWork
from modelyard.knowledge.documents.states import IndexingKind
from modelyard.knowledge.indexing.worker import IndexingWorker


def register(jobs: Jobs, worker: IndexingWorker, cancel: Callable[[str], Awaitable[None]]) -> None:
    """Register the kinds, so that these jobs are listed, followed and cancelled like all others."""

    async def give_up(job: Job) -> None:
        await cancel(job.id)

    async def look(job: Job) -> Job:
        try:
            view = await worker.view(job.id)
        except JobNotFound:  # its base was deleted at this moment
            return job
        over = view.done + view.unchanged + view.failed
        message = view.waiting or ", ".join(f"{name}: {stage}" for name, stage in view.working.items())
        return replace(job, progress=JobProgress(over, view.total, "documents", message))

    for name in IndexingKind:
        work = WorkerWork(give_up)
        jobs.register(JobKind(name=name, scope=KNOWLEDGE_WRITE, work=work, recovery=Recovery.RESUME, look=look))
    worker.on_change = jobs.store.signal_worked
