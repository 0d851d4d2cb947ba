"""Jobs on documents as rows: creates, views and cancels them. `worker.py` carries them out."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import msgspec
from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from modelyard.core.access import LOCAL
from modelyard.core.errors import JobNotFound, ModelyardError
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.jobs.rows import move, older, state_event
from modelyard.jobs.service import new_id
from modelyard.jobs.types import ACTIVE, JobProgress, JobState
from modelyard.knowledge.documents import rows, splitter
from modelyard.knowledge.documents.bases import BaseSettings, chunking_of
from modelyard.knowledge.documents.loaders import VERSION as LOADERS
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState

WORDS = {IndexingKind.ADD: "add", IndexingKind.REINDEX: "reindex"}
"""Job kinds → the names that the routes of a base use."""
PROBLEMS = 100
"""Maximum number of failed documents in a view of a job."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A document that a job could not index."""

    document: str
    error: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Notes about a document that a job has indexed: what its loader did not read."""

    document: str
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class JobView:
    """The state of a job."""

    id: str
    base: str
    kind: str
    state: str
    error: str
    total: int
    """Number of documents, including unchanged ones."""
    done: int
    unchanged: int
    failed: int
    cancelled: int
    chunks: int
    embedded: int
    """Number of chunks that had to be embedded; the others had vectors already."""
    created_at: float
    finished_at: float | None
    problems: Sequence[Problem] = ()
    remarks: Sequence[Remark] = ()
    """Of a finished job: notes about documents that were not read completely; at most `PROBLEMS`."""
    working: Mapping[str, str] = field(default_factory=dict)
    """Document → its current step."""
    waiting: str = ""
    """Why the job waits: the model that does not answer, and how to launch it. The job continues by itself."""

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state != JobState.RUNNING


def chunking_for(base_chunking: Mapping[str, Any], document: KnowledgeDocument) -> Chunking:
    """The chunk settings of a document: its own, else those of its base."""
    return chunking_of(document.chunking if document.chunking is not None else base_chunking)


def fingerprint(document: KnowledgeDocument, generation: int, chunking: Chunking, model: str | None, ocr: bool) -> str:
    """A hash of everything that a document's chunks depend on."""
    parts = (
        document.hash,
        PurePosixPath(document.name).suffix.lower(),
        splitter.key(chunking),
        LOADERS,
        generation,
        model or "",
        ocr,
    )
    return hashlib.sha256(repr(parts).encode()).hexdigest()


class IndexingJobs:
    """The rows of jobs on documents and their tasks."""

    def __init__(self, database: Database, ocr: bool) -> None:
        self._database = database
        self.ocr = ocr

    @retried
    async def add(
        self,
        base: KnowledgeBase,
        names: Sequence[str],
        force: bool = False,
        present_only: bool = False,
        owner: str = LOCAL,
    ) -> str:
        """Create a job that indexes these documents; unchanged ones are done at once.

        Raises `KnowledgeBaseNotFound`, and `DocumentNotFound` for a missing one, unless `present_only`.
        """
        async with self._database.writing() as session:
            base = await rows.present(session, base)
            documents = await rows.documents_named(session, base, list(dict.fromkeys(names)), present_only)
            job = await _add(session, base, IndexingKind.ADD, base.generation, owner)
            for each in documents:
                task = KnowledgeTask(job_id=job.id, document_id=each.id, force=force, state=TaskState.WAITING, error="")
                if not force and self._unchanged(base, each):
                    task.state, task.chunks = TaskState.UNCHANGED, each.chunks
                else:
                    each.state, each.error = DocumentState.WAITING, ""
                session.add(task)
        return job.id

    def _unchanged(self, base: KnowledgeBase, document: KnowledgeDocument) -> bool:
        if document.state != DocumentState.READY:
            return False
        chunking = chunking_for(base.chunking, document)
        mark = fingerprint(document, base.generation, chunking, base.embedding_model, self.ocr)
        return document.fingerprint == mark

    @retried
    async def reindex(
        self, base: KnowledgeBase, settings: BaseSettings, force: bool = False, owner: str = LOCAL
    ) -> str:
        """Create a job that builds the next generation of a base, from all indexed documents.

        Raises `KnowledgeBaseNotFound` or `KnowledgeBaseBusy`.
        """
        changed = {k: v for k, v in settings.fields().items() if k in ("embedding_model", "chunking")}
        async with self._database.writing() as session:
            base = await rows.held(session, base)
            await _clear_beyond(session, base)
            past = select(func.max(KnowledgeJob.generation)).where(KnowledgeJob.base_id == base.id)
            newest = max(base.generation, await session.scalar(past) or 0)
            # the number of a cancelled generation is not used again
            job = await _add(session, base, IndexingKind.REINDEX, newest + 1, owner)
            job.settings = {"embedding_model": base.embedding_model, "chunking": base.chunking, **changed}
            query = select(KnowledgeDocument).where(
                KnowledgeDocument.base_id == base.id, KnowledgeDocument.state != DocumentState.STORED
            )
            for each in await session.scalars(query.order_by(KnowledgeDocument.id)):
                session.add(KnowledgeTask(job_id=job.id, document_id=each.id, force=force, error=""))
        return job.id

    @retried
    async def cancel(self, name: str) -> tuple[int, int] | None:
        """Cancel a job. Its results in the present generation stay. Raises `JobNotFound`.

        Returns the base and the generation that will not be completed, if the job was building one.
        """
        async with self._database.freeing() as session:
            job = await rows.job_named(session, name, for_update=True)
            if job.state not in ACTIVE:
                return None
            await end(session, job, JobState.CANCELLED)
        return (job.base_id, job.generation) if job.kind == IndexingKind.REINDEX else None

    async def running(self, base: KnowledgeBase) -> Sequence[str]:
        """Ids of a base's unfinished jobs."""
        query = select(KnowledgeJob.id).where(KnowledgeJob.base_id == base.id, KnowledgeJob.state.in_(ACTIVE))
        async with self._database.session() as session:
            return (await session.scalars(query)).all()

    async def all(
        self, base: KnowledgeBase, limit: int = 50, after: tuple[float, str] | None = None
    ) -> Sequence[JobView]:
        """The latest jobs of a base, newest first; `after` is time of creation and id of the last job of the page before."""
        query = select(KnowledgeJob.id).where(KnowledgeJob.base_id == base.id)
        if after is not None:
            query = query.where(older(KnowledgeJob, after))
        query = query.order_by(KnowledgeJob.created_at.desc(), KnowledgeJob.id).limit(limit)
        async with self._database.session() as session:
            names = (await session.scalars(query)).all()
        return [await self.view(name) for name in names]

    async def outcomes(self, name: str) -> Sequence[tuple[str, str, str]]:
        """Name, task state and error of each document of a job, in the order of processing."""
        query = (
            select(KnowledgeDocument.name, KnowledgeTask.state, KnowledgeTask.error)
            .join(KnowledgeTask, KnowledgeTask.document_id == KnowledgeDocument.id)
            .where(KnowledgeTask.job_id == name)
            .order_by(KnowledgeTask.id)
        )
        async with self._database.session() as session:
            return [(title, state, error) for title, state, error in (await session.execute(query)).all()]

    async def view(self, name: str, working: Mapping[int, str] | None = None, waiting: str = "") -> JobView:
        """The state of a job. `working` has the current step of each document. Raises `JobNotFound`."""
        working = dict(working or {})  # a copy, because it changes meanwhile
        async with self._database.session() as session:
            job = await rows.job_named(session, name)
            base = await session.get(KnowledgeBase, job.base_id)
            if base is None:  # it was deleted at this moment, and the job with it
                raise JobNotFound(name)
            counted = (
                select(
                    KnowledgeTask.state,
                    func.count(),
                    func.coalesce(func.sum(KnowledgeTask.chunks), 0),
                    func.coalesce(func.sum(KnowledgeTask.embedded), 0),
                )
                .where(KnowledgeTask.job_id == name)
                .group_by(KnowledgeTask.state)
            )
            states = {state: (n, c, e) for state, n, c, e in (await session.execute(counted)).all()}
            named = select(KnowledgeDocument.name, KnowledgeTask.error).join(
                KnowledgeTask, KnowledgeTask.document_id == KnowledgeDocument.id
            )
            failed = named.where(KnowledgeTask.job_id == name, KnowledgeTask.state == TaskState.FAILED).limit(PROBLEMS)
            problems = [Problem(*each) for each in (await session.execute(failed)).all()]
            running = job.state in ACTIVE
            remarks = [] if running else await _remarks(session, name)
            now: dict[str, str] = {}
            if working:
                current = select(KnowledgeDocument.id, KnowledgeDocument.name).join(KnowledgeTask)
                current = current.where(KnowledgeTask.job_id == name, KnowledgeDocument.id.in_(list(working)))
                now = {title: working[number] for number, title in (await session.execute(current)).all()}
        count = {state: each[0] for state, each in states.items()}
        return JobView(
            id=job.id,
            base=base.name,
            kind=WORDS[IndexingKind(job.kind)],
            state=JobState.RUNNING if running else job.state,
            error="" if running else job.error,
            total=sum(count.values()),
            done=count.get(TaskState.DONE, 0),
            unchanged=count.get(TaskState.UNCHANGED, 0),
            failed=count.get(TaskState.FAILED, 0),
            cancelled=count.get(TaskState.CANCELLED, 0),
            chunks=sum(int(each[1]) for each in states.values()),
            embedded=sum(int(each[2]) for each in states.values()),
            created_at=job.created_at,
            finished_at=job.finished_at,
            problems=problems,
            remarks=remarks,
            working=now,
            waiting=waiting if running else "",
        )


async def _remarks(session: AsyncSession, name: str) -> list[Remark]:
    """Notes of the documents that a job has read."""
    noted = (
        select(KnowledgeDocument.name, KnowledgeDocument.notes)
        .join(KnowledgeTask, KnowledgeTask.document_id == KnowledgeDocument.id)
        .where(KnowledgeTask.job_id == name, KnowledgeTask.state == TaskState.DONE, KnowledgeDocument.notes != "")
        .order_by(KnowledgeTask.id)
        .limit(PROBLEMS)
    )
    return [Remark(title, notes.split("\n")) for title, notes in (await session.execute(noted)).all()]


def next_jobs(held: Collection[str]) -> Select[str]:
    """Ids of the jobs with unfinished tasks, in the order in which they take turns."""
    other = aliased(KnowledgeJob)
    rebuilt = select(other.base_id).where(other.kind == IndexingKind.REINDEX, other.state.in_(ACTIVE))
    waiting = select(KnowledgeTask.id).where(
        KnowledgeTask.job_id == KnowledgeJob.id, KnowledgeTask.state == TaskState.WAITING
    )
    turn = func.row_number().over(partition_by=KnowledgeJob.base_id, order_by=KnowledgeJob.created_at)
    return (
        select(KnowledgeJob.id)
        .join(KnowledgeBase, KnowledgeBase.id == KnowledgeJob.base_id)
        .where(
            KnowledgeJob.state.in_(ACTIVE),
            (KnowledgeJob.kind == IndexingKind.REINDEX) | KnowledgeJob.base_id.not_in(rebuilt),
            KnowledgeJob.id.not_in(held),
            waiting.correlate(KnowledgeJob).exists(),
        )
        .order_by(KnowledgeBase.temporary.desc(), turn, KnowledgeJob.created_at)
    )


def tasks_of(job: str) -> Select[int, int, int]:
    """Unfinished tasks of a job in their order: id, document and its size."""
    return (
        select(KnowledgeTask.id, KnowledgeTask.document_id, KnowledgeDocument.size)
        .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeTask.document_id)
        .where(KnowledgeTask.job_id == job, KnowledgeTask.state == TaskState.WAITING)
        .order_by(KnowledgeTask.id)
    )


async def end(session: AsyncSession, job: KnowledgeJob, state: JobState, error: ModelyardError | None = None) -> None:
    """Finish a job; its remaining tasks are cancelled."""
    move(session, job, state, error)
    counts = await counted(session, job.id)
    job.done, job.total, job.unit, job.message = counts.done, counts.total, counts.unit, ""
    waiting = select(KnowledgeTask.document_id).where(
        KnowledgeTask.job_id == job.id, KnowledgeTask.state == TaskState.WAITING
    )
    if job.kind == IndexingKind.ADD:
        await session.execute(
            update(KnowledgeDocument)
            .where(KnowledgeDocument.id.in_(waiting), KnowledgeDocument.state == DocumentState.WAITING)
            .values(state=DocumentState.CANCELLED)
        )
    await session.execute(
        update(KnowledgeTask)
        .where(KnowledgeTask.job_id == job.id, KnowledgeTask.state == TaskState.WAITING)
        .values(state=TaskState.CANCELLED)
    )
    if job.kind == IndexingKind.REINDEX and state != JobState.DONE:
        base = await session.get_one(KnowledgeBase, job.base_id)
        await _clear_beyond(session, base)
        await _as_before(session, base, job)


async def _clear_beyond(session: AsyncSession, base: KnowledgeBase) -> None:
    """Delete chunks of a generation that was never completed."""
    await session.execute(
        delete(KnowledgeChunk).where(KnowledgeChunk.base_id == base.id, KnowledgeChunk.generation > base.generation)
    )


async def _as_before(session: AsyncSession, base: KnowledgeBase, job: KnowledgeJob) -> None:
    """Reset documents to their state in the present generation."""
    there = select(func.count()).where(
        KnowledgeChunk.document_id == KnowledgeDocument.id, KnowledgeChunk.generation == base.generation
    )
    touched = select(KnowledgeTask.document_id).where(
        KnowledgeTask.job_id == job.id, KnowledgeTask.state == TaskState.DONE
    )
    await session.execute(
        update(KnowledgeDocument)
        .where(KnowledgeDocument.id.in_(touched))
        .values(fingerprint="", chunks=there.scalar_subquery()),
        execution_options={"synchronize_session": False},
    )


async def counted(session: AsyncSession, job: str) -> JobProgress:
    """The number of finished documents of a job, successful or not, and the total."""
    query = select(KnowledgeTask.state, func.count()).where(KnowledgeTask.job_id == job).group_by(KnowledgeTask.state)
    counts = {state: int(count) for state, count in (await session.execute(query)).all()}
    total = sum(counts.values())
    return JobProgress(
        total - counts.get(TaskState.WAITING, 0) - counts.get(TaskState.CANCELLED, 0), total, "documents"
    )


async def _add(session: AsyncSession, base: KnowledgeBase, kind: str, generation: int, owner: str) -> KnowledgeJob:
    """Insert the row of a job, so that tasks can refer to it."""
    now = time.time()
    job = KnowledgeJob(
        id=new_id(),
        base_id=base.id,
        kind=kind,
        generation=generation,
        settings={},
        owner=base.owner or owner,
        parameters={"base": base.name},
        state=JobState.RUNNING,
        created_at=now,
        started_at=now,
    )
    session.add(job)
    await session.flush()
    session.add(state_event(job.id, JobState.RUNNING, None))
    return job


def builtins(view: JobView) -> dict[str, Any]:
    """A view as JSON values."""
    made: dict[str, Any] = msgspec.to_builtins(view)
    return made
