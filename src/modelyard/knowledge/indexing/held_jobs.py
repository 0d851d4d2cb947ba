"""Jobs that wait because a model they need does not answer; the reason is stored in their documents."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from sqlalchemy import select, update

from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.jobs.rows import move
from modelyard.jobs.types import ACTIVE, JobState
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState
from modelyard.knowledge.indexing.jobs import tasks_of
from modelyard.knowledge.indexing.task_queue import DocumentTask

Absent = Callable[[str], str]
"""The reason why no model of a name answers, as a sentence; empty if one does."""


@dataclass(slots=True)
class Held:
    """A waiting job."""

    model: str
    reason: str
    past: int = 0
    """The last of its tasks whose document was indexed by words while the job waits."""


class HeldJobs:
    """The jobs that wait for each model. They continue when it answers, and whenever the server starts."""

    def __init__(self, database: Database) -> None:
        self.absent: Absent = lambda model: ""
        self._database = database
        self._jobs: dict[str, Held] = {}

    @property
    def jobs(self) -> frozenset[str]:
        """Ids of the waiting jobs."""
        return frozenset(self._jobs)

    def reason(self, job: str) -> str:
        """Why a job waits; empty if it does not."""
        found = self._jobs.get(job)
        return found.reason if found else ""

    async def hold(self, job: str, model: str) -> bool:
        """Let a job wait if its model does not answer, and store the reason in its documents. Returns whether it waits."""
        if not (reason := self.absent(model)):
            return False
        if job not in self._jobs:
            self._jobs[job] = Held(model, reason)
            await self._note(job, reason)
        return True

    async def by_words(self, busy: Collection[int]) -> DocumentTask | None:
        """The next task of a waiting job to index by words only; None if its document is `busy`."""
        for job, held in self._jobs.items():
            query = tasks_of(job).join(KnowledgeJob, KnowledgeJob.id == KnowledgeTask.job_id).limit(1)
            running = (KnowledgeJob.kind == IndexingKind.ADD) & KnowledgeJob.state.in_(ACTIVE)
            async with self._database.session() as session:
                found = (await session.execute(query.where(running, KnowledgeTask.id > held.past))).first()
            if found is not None and found[1] not in busy:
                held.past = found[0]
                return DocumentTask(found[0], job, found[1], found[2])
        return None

    def again(self, due: DocumentTask) -> None:
        """Record that this document is not indexed by words yet."""
        if (held := self._jobs.get(due.job)) is not None:
            held.past = min(held.past, due.task - 1)

    async def release(self) -> bool:
        """Continue the jobs whose model answers again. Returns whether there are any."""
        ready = [job for job, held in self._jobs.items() if not self.absent(held.model)]
        for job in ready:
            del self._jobs[job]
            await self._note(job, "")
        return bool(ready)

    @retried
    async def _note(self, job: str, reason: str) -> None:
        waiting = select(KnowledgeTask.document_id).where(
            KnowledgeTask.job_id == job, KnowledgeTask.state == TaskState.WAITING
        )
        change = update(KnowledgeDocument).where(
            KnowledgeDocument.id.in_(waiting), KnowledgeDocument.state == DocumentState.WAITING
        )
        async with self._database.writing() as session:
            row = await session.get(KnowledgeJob, job, with_for_update=True)
            if row is not None and row.state in ACTIVE:
                move(session, row, JobState.WAITING if reason else JobState.RUNNING)
                row.message = reason
            await session.execute(change.values(error=reason), execution_options={"synchronize_session": False})
