"""Reads, splits, embeds and commits documents. Unchanged chunks are neither embedded nor written again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from modelyard.core.errors import DocumentUnreadable
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blobs
from modelyard.knowledge.documents.loaders.base import LoadLimits
from modelyard.knowledge.documents.loaders.reader_process import Readers
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState
from modelyard.knowledge.indexing.batch import Batch, PreparedDocument
from modelyard.knowledge.indexing.commit import BY_WORDS, IndexChange, commit, waiting_tasks
from modelyard.knowledge.indexing.index_pool import IndexPool
from modelyard.knowledge.indexing.jobs import chunking_for, fingerprint
from modelyard.knowledge.indexing.vectors import Vectors
from modelyard.knowledge.types import Chunk, CutDocument, indexed_text

READING = 0.5
"""Seconds of reading after which a batch is written with the documents read so far."""


@dataclass(frozen=True, slots=True)
class IndexingOutcome:
    """The result of tasks. A task in neither field still waits, or had nothing to do."""

    change: IndexChange | None = None
    unreadable: dict[int, DocumentUnreadable] = field(default_factory=dict)
    """Task → the error of its unreadable document."""


class IndexingPipeline:
    """Carries out the tasks of jobs. Raises the errors of the embedding model."""

    def __init__(
        self, database: Database, blobs: Blobs, indexes: IndexPool, vectors: Vectors, limits: LoadLimits, ocr: bool
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._indexes = indexes
        self._vectors = vectors
        self._limits = limits
        self._ocr = ocr
        self._readers = Readers()
        self.stages: dict[int, str] = {}
        """Document → its current step, for people."""
        self.writing: set[int] = set()
        """Tasks that must not be cancelled now, because their commit has to reach an index."""

    async def close(self) -> None:
        """End the processes that read documents."""
        await self._readers.close()

    async def cut(self, document: KnowledgeDocument, chunking: Chunking) -> CutDocument:
        """Read a document and split it into chunks. Raises `DocumentUnreadable`."""
        path = self._blobs.path(document.hash)
        if not path.exists():
            raise DocumentUnreadable(document.name, "its file is gone; upload it again.")
        return await self._readers.cut(path, document.name, chunking, self._limits, self._ocr)

    async def read(self, path: Path, name: str) -> str:
        """The text of a file that is no document of a base. Raises `DocumentUnreadable`."""
        return (await self._readers.cut(path, name, Chunking(), self._limits, self._ocr)).text

    async def preview(self, document: KnowledgeDocument, chunking: Chunking) -> Sequence[Chunk]:
        """The chunks that a document would have. Raises `DocumentUnreadable`."""
        return (await self.cut(document, chunking)).chunks

    async def index(self, numbers: Sequence[int], by_words: bool = False) -> IndexingOutcome:
        """Carry out tasks of one job, each for a different document; no other code may work on these documents meanwhile.

        Documents read within `READING` seconds are written together; the others still wait. With `by_words` chunks are
        written without vectors, and all tasks still wait.
        """
        batch = await self._begin(numbers, by_words)
        if batch is None:
            return IndexingOutcome()
        documents = batch.documents
        try:
            unreadable = await self._read(batch)
            if not batch.documents:
                return IndexingOutcome(unreadable=unreadable)
            vectors = await self._embed(batch)
            self._all_are(batch, "writing")
            self.writing.update(prepared.task.id for prepared in batch.documents)
            return IndexingOutcome(await commit(self._database, batch, vectors), unreadable)
        finally:
            for prepared in documents:
                self.stages.pop(prepared.row.id, None)
                self.writing.discard(prepared.task.id)

    async def model_of(self, number: int) -> str | None:
        """The embedding model that a task needs; None if it needs none or was deleted."""
        async with self._database.session() as session:
            task = await session.get(KnowledgeTask, number)
            job = None if task is None else await session.get(KnowledgeJob, task.job_id)
            base = None if job is None else await session.get(KnowledgeBase, job.base_id)
            if job is None or base is None:
                return None
            return (
                await rows.embedding_of(
                    session, base.id, base.generation if job.kind == IndexingKind.ADD else job.generation
                )
            )[0]

    async def _begin(self, numbers: Sequence[int], by_words: bool) -> Batch | None:
        """The batch of the tasks that have something to do, or None; the other tasks are finished at once."""
        async with self._database.session() as session:
            found = await waiting_tasks(session, numbers)
            if not found:
                return None
            job = await session.get_one(KnowledgeJob, found[0][0].job_id)
            base = await session.get_one(KnowledgeBase, job.base_id)
            if job.kind == IndexingKind.ADD:
                job.generation = base.generation  # the base may have been re-indexed while this task waited
            model, dimension = await rows.embedding_of(session, base.id, job.generation)
            batch = Batch(job, base, model, dimension, by_words)
            settings = job.settings.get("chunking") if job.kind == IndexingKind.REINDEX else None
            usual = settings if isinstance(settings, dict) else base.chunking
            for task, document in found:
                chunking = chunking_for(usual, document)
                mark = fingerprint(document, job.generation, chunking, model, self._ocr)
                if document.fingerprint == mark and not task.force and document.state != DocumentState.FAILED:
                    task.state, task.chunks, document.state = TaskState.UNCHANGED, document.chunks, DocumentState.READY
                    continue
                if by_words:
                    mark = BY_WORDS + mark[len(BY_WORDS) :]
                if document.fingerprint != mark or not by_words:
                    batch.documents.append(PreparedDocument(task, document, chunking, mark))
        return batch

    async def _read(self, batch: Batch) -> dict[int, DocumentUnreadable]:
        """Read and split the documents of a batch; unreadable ones, and those not read in time, are removed from it."""
        ready: list[PreparedDocument] = []
        unreadable: dict[int, DocumentUnreadable] = {}
        until = time.monotonic() + READING
        for prepared in batch.documents:
            if ready and time.monotonic() > until:
                break
            try:
                if batch.job.kind == IndexingKind.REINDEX and prepared.row.edited and not prepared.task.force:
                    prepared.chunks = await self._as_edited(prepared.row, batch.base)
                else:
                    self.stages[prepared.row.id] = "reading"
                    prepared.cut = await self.cut(prepared.row, prepared.chunking)
                    prepared.chunks = prepared.cut.chunks
                ready.append(prepared)
            except DocumentUnreadable as error:
                if not await self._replaced(prepared.row):
                    unreadable[prepared.task.id] = error
        batch.documents = ready
        return unreadable

    async def _replaced(self, document: KnowledgeDocument) -> bool:
        """Whether another upload replaced a document's file while it was read. Its task then indexes the new one."""
        query = select(KnowledgeDocument.hash).where(KnowledgeDocument.id == document.id)
        async with self._database.session() as session:
            return await session.scalar(query) != document.hash

    async def _as_edited(self, document: KnowledgeDocument, base: KnowledgeBase) -> list[Chunk]:
        """The chunks of a document as edited by users, for a new generation."""
        query = select(KnowledgeChunk).where(
            KnowledgeChunk.document_id == document.id, KnowledgeChunk.generation == base.generation
        )
        async with self._database.session() as session:
            found = await session.scalars(query.order_by(KnowledgeChunk.position))
            return [
                Chunk(
                    row.text,
                    row.start,
                    row.end,
                    row.page,
                    [(offset, page) for offset, page in row.page_breaks],
                    row.heading,
                    row.position,
                    row.enabled,
                    row.edited,
                    row.extra,
                )
                for row in found
            ]

    async def _embed(self, batch: Batch) -> dict[str, bytes]:
        """The vectors of all chunks by the hash of their text; empty without a model, or if it does not answer."""
        texts = await asyncio.to_thread(_texts_by_hash, batch)
        if batch.model is None or batch.by_words or not texts:
            return {}

        def note(done: int) -> None:
            self._all_are(batch, f"embedding {done} of {len(texts)}")

        note(0)
        vectors, made = await self._vectors.ensure(batch.model, texts, batch.dimension, note)
        left = set(made)
        for prepared in batch.documents:
            hashes = {chunk.hash for chunk in prepared.chunks} & left
            prepared.embedded = len(hashes)
            left -= hashes
        if batch.dimension is None:
            self.writing.update(prepared.task.id for prepared in batch.documents)
            await self._note_dimension(batch, len(next(iter(vectors.values()))) // 4)
        return vectors

    async def _note_dimension(self, batch: Batch, dimension: int) -> None:
        """Store the length of a generation's vectors, when it has its first ones."""
        async with self._database.session() as session:
            if batch.job.kind == IndexingKind.REINDEX:
                job = await session.get_one(KnowledgeJob, batch.job.id)
                job.settings = {**job.settings, "dimension": dimension}
            else:
                (await session.get_one(KnowledgeBase, batch.base.id)).dimension = dimension
        await self._indexes.reopen(batch.base.id, batch.job.generation)

    def _all_are(self, batch: Batch, stage: str) -> None:
        for prepared in batch.documents:
            self.stages[prepared.row.id] = stage


def _texts_by_hash(batch: Batch) -> dict[str, str]:
    """The text of each hash. Not on the event loop: ten thousand chunks take 30 ms."""
    return {
        chunk.hash: indexed_text(chunk.heading, chunk.text) for prepared in batch.documents for chunk in prepared.chunks
    }
