"""Jobs on documents as kinds of the one system of jobs; `worker.py` runs them, for many jobs at a time."""

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
    """Let jobs on documents be listed, followed and cancelled beside all others."""

    async def give_up(job: Job) -> None:
        await cancel(job.id)

    async def look(job: Job) -> Job:
        try:
            view = await worker.view(job.id)
        except JobNotFound:  # its base was deleted just now
            return job
        over = view.done + view.unchanged + view.failed
        message = view.waiting or ", ".join(f"{name}: {stage}" for name, stage in view.working.items())
        return replace(job, progress=JobProgress(over, view.total, "documents", message))

    for name in IndexingKind:
        work = WorkerWork(give_up)
        jobs.register(JobKind(name=name, scope=KNOWLEDGE_WRITE, work=work, recovery=Recovery.RESUME, look=look))
    worker.on_change = jobs.store.signal_worked
