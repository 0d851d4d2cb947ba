"""Jobs as rows: asking for work on documents, seeing how far it is, cancelling it. `ingest.py` does the work."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

import msgspec
from sqlalchemy import Select, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import JobNotFound
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.knowledge.documents import rows, splitter
from modelyard.knowledge.documents.bases import BaseSettings, chunking_of
from modelyard.knowledge.documents.loaders import VERSION as LOADERS
from modelyard.knowledge.documents.splitter import Chunking

PROBLEMS = 100
"""Failed documents that a view of a job names."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A document that a job could not index."""

    document: str
    error: str


@dataclass(frozen=True, slots=True)
class Remark:
    """What a job left out of a document that it indexed."""

    document: str
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class JobView:
    """How far a job is."""

    id: str
    base: str
    kind: str
    state: str
    error: str
    total: int
    """Documents, unchanged ones included."""
    done: int
    unchanged: int
    failed: int
    cancelled: int
    chunks: int
    embedded: int
    """Chunks that had to be embedded; the others were known."""
    created_at: float
    finished_at: float | None
    problems: Sequence[Problem] = ()
    remarks: Sequence[Remark] = ()
    """Once it is finished: documents that it read and did not read whole; `PROBLEMS` at most."""
    working: Mapping[str, str] = field(default_factory=dict)
    """Document → what is done with it now."""
    waiting: str = ""
    """Why nothing is done now: a model that does not answer, and how it is launched. It goes on by itself."""

    @property
    def finished(self) -> bool:
        """Whether nothing more will happen."""
        return self.state != rows.RUNNING


def chunking_for(base_chunking: Mapping[str, Any], document: KnowledgeDocument) -> Chunking:
    """How a document is cut: as its base says, unless it was given its own way."""
    return chunking_of(document.chunking if document.chunking is not None else base_chunking)


def fingerprint(document: KnowledgeDocument, generation: int, chunking: Chunking, model: str | None, ocr: bool) -> str:
    """Of everything that a document's chunks are made from."""
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


class Jobs:
    """The rows of jobs and their tasks."""

    def __init__(self, database: Database, ocr: bool) -> None:
        self._database = database
        self.ocr = ocr

    @retried
    async def add(
        self, base: KnowledgeBase, names: Sequence[str], force: bool = False, present_only: bool = False
    ) -> str:
        """A job that indexes these documents; what has not changed is done at once.

        Raises `KnowledgeBaseNotFound`, and `DocumentNotFound` unless those that are there are enough.
        """
        async with self._database.writing() as session:
            base = await rows.present(session, base)
            documents = await rows.documents_named(session, base, list(dict.fromkeys(names)), present_only)
            job = _job(base, rows.ADD, base.generation)
            session.add(job)
            await session.flush()
            for each in documents:
                task = KnowledgeTask(job_id=job.id, document_id=each.id, force=force, state=rows.WAITING, error="")
                if not force and self._unchanged(base, each):
                    task.state, task.chunks = rows.UNCHANGED, each.chunks
                else:
                    each.state, each.error = rows.WAITING, ""
                session.add(task)
        return job.id

    def _unchanged(self, base: KnowledgeBase, document: KnowledgeDocument) -> bool:
        if document.state != rows.READY:
            return False
        chunking = chunking_for(base.chunking, document)
        mark = fingerprint(document, base.generation, chunking, base.embedding_model, self.ocr)
        return document.fingerprint == mark

    @retried
    async def reindex(self, base: KnowledgeBase, settings: BaseSettings, force: bool = False) -> str:
        """A job that makes the next generation of a base, of all documents that are indexed.

        Raises `KnowledgeBaseNotFound` or `KnowledgeBaseBusy`.
        """
        changed = {k: v for k, v in settings.fields().items() if k in ("embedding_model", "chunking")}
        async with self._database.writing() as session:
            base = await rows.held(session, base)
            await _clear_beyond(session, base)
            past = select(func.max(KnowledgeJob.generation)).where(KnowledgeJob.base_id == base.id)
            newest = max(base.generation, await session.scalar(past) or 0)
            job = _job(base, rows.REINDEX, newest + 1)  # never again the number of one that was given up
            job.settings = {"embedding_model": base.embedding_model, "chunking": base.chunking, **changed}
            session.add(job)
            await session.flush()
            asked = select(KnowledgeDocument).where(
                KnowledgeDocument.base_id == base.id, KnowledgeDocument.state != rows.STORED
            )
            for each in await session.scalars(asked.order_by(KnowledgeDocument.id)):
                session.add(KnowledgeTask(job_id=job.id, document_id=each.id, force=force, error=""))
        return job.id

    @retried
    async def cancel(self, name: str) -> tuple[int, int] | None:
        """Let a job do no more; what it has done into the present generation stays. Raises `JobNotFound`.

        The base and the generation that will never be, where the job was to make one.
        """
        async with self._database.freeing() as session:
            job = await rows.job_named(session, name, for_update=True)
            if job.state != rows.RUNNING:
                return None
            await end(session, job, rows.CANCELLED)
        return (job.base_id, job.generation) if job.kind == rows.REINDEX else None

    async def running(self, base: KnowledgeBase) -> Sequence[str]:
        """Ids of a base's jobs that are not finished."""
        asked = select(KnowledgeJob.id).where(KnowledgeJob.base_id == base.id, KnowledgeJob.state == rows.RUNNING)
        async with self._database.session() as session:
            return (await session.scalars(asked)).all()

    async def all(self, base: KnowledgeBase, limit: int = 50) -> Sequence[JobView]:
        """The last jobs of a base, newest first."""
        asked = select(KnowledgeJob.id).where(KnowledgeJob.base_id == base.id)
        async with self._database.session() as session:
            names = (await session.scalars(asked.order_by(KnowledgeJob.created_at.desc()).limit(limit))).all()
        return [await self.view(name) for name in names]

    async def outcomes(self, name: str) -> Sequence[tuple[str, str, str]]:
        """Name, state of its task and error of each document of a job, in the order in which they are taken up."""
        asked = (
            select(KnowledgeDocument.name, KnowledgeTask.state, KnowledgeTask.error)
            .join(KnowledgeTask, KnowledgeTask.document_id == KnowledgeDocument.id)
            .where(KnowledgeTask.job_id == name)
            .order_by(KnowledgeTask.id)
        )
        async with self._database.session() as session:
            return [(title, state, error) for title, state, error in (await session.execute(asked)).all()]

    async def view(self, name: str, working: Mapping[int, str] | None = None, waiting: str = "") -> JobView:
        """How far a job is. `working` has what is done now with each document. Raises `JobNotFound`."""
        working = dict(working or {})  # it changes meanwhile
        async with self._database.session() as session:
            job = await rows.job_named(session, name)
            base = await session.get(KnowledgeBase, job.base_id)
            if base is None:  # it was deleted just now, and the job with it
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
            failed = named.where(KnowledgeTask.job_id == name, KnowledgeTask.state == rows.FAILED).limit(PROBLEMS)
            problems = [Problem(*each) for each in (await session.execute(failed)).all()]
            remarks = [] if job.state == rows.RUNNING else await _remarks(session, name)
            now: dict[str, str] = {}
            if working:
                current = select(KnowledgeDocument.id, KnowledgeDocument.name).join(KnowledgeTask)
                current = current.where(KnowledgeTask.job_id == name, KnowledgeDocument.id.in_(list(working)))
                now = {title: working[number] for number, title in (await session.execute(current)).all()}
        count = {state: each[0] for state, each in states.items()}
        return JobView(
            id=job.id,
            base=base.name,
            kind=job.kind,
            state=job.state,
            error=job.error,
            total=sum(count.values()),
            done=count.get(rows.DONE, 0),
            unchanged=count.get(rows.UNCHANGED, 0),
            failed=count.get(rows.FAILED, 0),
            cancelled=count.get(rows.CANCELLED, 0),
            chunks=sum(int(each[1]) for each in states.values()),
            embedded=sum(int(each[2]) for each in states.values()),
            created_at=job.created_at,
            finished_at=job.finished_at,
            problems=problems,
            remarks=remarks,
            working=now,
            waiting=waiting if job.state == rows.RUNNING else "",
        )


async def _remarks(session: AsyncSession, name: str) -> list[Remark]:
    """Notes of the documents that a job read."""
    noted = (
        select(KnowledgeDocument.name, KnowledgeDocument.notes)
        .join(KnowledgeTask, KnowledgeTask.document_id == KnowledgeDocument.id)
        .where(KnowledgeTask.job_id == name, KnowledgeTask.state == rows.DONE, KnowledgeDocument.notes != "")
        .order_by(KnowledgeTask.id)
        .limit(PROBLEMS)
    )
    return [Remark(title, notes.split("\n")) for title, notes in (await session.execute(noted)).all()]


def next_jobs(held: Collection[str]) -> Select[str]:
    """Ids of the jobs that have something to do, in the order in which they get their turns."""
    other = KnowledgeJob.__table__.alias()
    rebuilt = exists().where(
        other.c.base_id == KnowledgeJob.base_id, other.c.kind == rows.REINDEX, other.c.state == rows.RUNNING
    )
    waiting = exists().where(KnowledgeTask.job_id == KnowledgeJob.id, KnowledgeTask.state == rows.WAITING)
    turn = func.row_number().over(partition_by=KnowledgeJob.base_id, order_by=KnowledgeJob.created_at)
    return (
        select(KnowledgeJob.id)
        .join(KnowledgeBase, KnowledgeBase.id == KnowledgeJob.base_id)
        .where(
            KnowledgeJob.state == rows.RUNNING,
            (KnowledgeJob.kind == rows.REINDEX) | ~rebuilt,
            KnowledgeJob.id.not_in(held),
            waiting,
        )
        .order_by(KnowledgeBase.temporary.desc(), turn, KnowledgeJob.created_at)
    )


def tasks_of(job: str) -> Select[int, int, int]:
    """Tasks of a job that are to be done, in their order: id, document and its size."""
    return (
        select(KnowledgeTask.id, KnowledgeTask.document_id, KnowledgeDocument.size)
        .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeTask.document_id)
        .where(KnowledgeTask.job_id == job, KnowledgeTask.state == rows.WAITING)
        .order_by(KnowledgeTask.id)
    )


async def end(session: AsyncSession, job: KnowledgeJob, state: str, error: str = "") -> None:
    """Finish a job; what waits in it waits no longer."""
    job.state, job.error, job.finished_at = state, error, time.time()
    waiting = select(KnowledgeTask.document_id).where(
        KnowledgeTask.job_id == job.id, KnowledgeTask.state == rows.WAITING
    )
    if job.kind == rows.ADD:
        await session.execute(
            update(KnowledgeDocument)
            .where(KnowledgeDocument.id.in_(waiting), KnowledgeDocument.state == rows.WAITING)
            .values(state=rows.CANCELLED)
        )
    await session.execute(
        update(KnowledgeTask)
        .where(KnowledgeTask.job_id == job.id, KnowledgeTask.state == rows.WAITING)
        .values(state=rows.CANCELLED)
    )
    if job.kind == rows.REINDEX and state != rows.DONE:
        base = await session.get_one(KnowledgeBase, job.base_id)
        await _clear_beyond(session, base)
        await _as_before(session, base, job)


async def _clear_beyond(session: AsyncSession, base: KnowledgeBase) -> None:
    """Delete chunks of a generation that was never finished."""
    await session.execute(
        delete(KnowledgeChunk).where(KnowledgeChunk.base_id == base.id, KnowledgeChunk.generation > base.generation)
    )


async def _as_before(session: AsyncSession, base: KnowledgeBase, job: KnowledgeJob) -> None:
    """Let documents say again what there is of them in the present generation."""
    there = select(func.count()).where(
        KnowledgeChunk.document_id == KnowledgeDocument.id, KnowledgeChunk.generation == base.generation
    )
    touched = select(KnowledgeTask.document_id).where(KnowledgeTask.job_id == job.id, KnowledgeTask.state == rows.DONE)
    await session.execute(
        update(KnowledgeDocument)
        .where(KnowledgeDocument.id.in_(touched))
        .values(fingerprint="", chunks=there.scalar_subquery()),
        execution_options={"synchronize_session": False},
    )


def _job(base: KnowledgeBase, kind: str, generation: int) -> KnowledgeJob:
    return KnowledgeJob(
        id=secrets.token_hex(8),
        base_id=base.id,
        kind=kind,
        generation=generation,
        settings={},
        state=rows.RUNNING,
        error="",
        created_at=time.time(),
    )


def builtins(view: JobView) -> dict[str, Any]:
    """A view as JSON."""
    made: dict[str, Any] = msgspec.to_builtins(view)
    return made
