"""Documents from their bytes to their rows: read, cut, embed, commit. What is the same is not embedded or written again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from modelyard.core.errors import DocumentUnreadable
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blobs
from modelyard.knowledge.documents.loaders.base import Limits
from modelyard.knowledge.documents.loaders.reader_process import Readers
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.indexing.commit import BY_WORDS, Made, Work, commit, waiting
from modelyard.knowledge.indexing.index_pool import Indexes
from modelyard.knowledge.indexing.jobs import chunking_for, fingerprint
from modelyard.knowledge.indexing.vectors import Vectors, text_hash
from modelyard.knowledge.types import Cut, Piece

READING = 0.5
"""Seconds after which no more documents are read before those that were are written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of tasks. Those that are not told of wait, or had nothing to do."""

    made: list[Made] = field(default_factory=list)
    unreadable: dict[int, DocumentUnreadable] = field(default_factory=dict)
    """Task → why its document cannot be read."""


class Indexing:
    """Does tasks. Raises what the embedding model's server raises."""

    def __init__(
        self, database: Database, blobs: Blobs, indexes: Indexes, vectors: Vectors, limits: Limits, ocr: bool
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._indexes = indexes
        self._vectors = vectors
        self._limits = limits
        self._ocr = ocr
        self._readers = Readers()
        self.stages: dict[int, str] = {}
        """Document → what is done with it now."""
        self.writing: set[int] = set()
        """Tasks that are not to be cancelled just now: what they commit, an index must learn."""

    async def close(self) -> None:
        """End the processes that read documents."""
        await self._readers.close()

    async def cut(self, document: KnowledgeDocument, chunking: Chunking) -> Cut:
        """A document as it is read and cut. Raises `DocumentUnreadable`."""
        path = self._blobs.path(document.hash)
        if not path.exists():
            raise DocumentUnreadable(document.name, "its file is gone; upload it again.")
        return await self._readers.cut(path, document.name, chunking, self._limits, self._ocr)

    async def preview(self, document: KnowledgeDocument, chunking: Chunking) -> Sequence[Piece]:
        """The chunks that a document would have. Raises `DocumentUnreadable`."""
        return (await self.cut(document, chunking)).pieces

    async def index(self, numbers: Sequence[int], by_words: bool = False) -> Outcome:
        """Do tasks of one job, each of another document; nothing else may work on these documents meanwhile.

        Those that are read in `READING` seconds are written together; the others still wait. With `by_words` their chunks are
        written without vectors, and all of the tasks still wait.
        """
        works, outcome = await self._begin(numbers, by_words), Outcome()
        try:
            ready = await self._cut(works, outcome)
            if ready:
                vectors = {} if by_words else await self._embedded(ready)
                self._all_are(ready, "writing")
                self.writing.update(work.task.id for work in ready)
                outcome.made.extend(await commit(self._database, ready, vectors))
            return outcome
        finally:
            for work in works:
                self.stages.pop(work.document.id, None)
                self.writing.discard(work.task.id)

    async def model_of(self, number: int) -> str | None:
        """The embedding model that a task needs; None where it needs none, or is gone."""
        async with self._database.session() as session:
            task = await session.get(KnowledgeTask, number)
            job = None if task is None else await session.get(KnowledgeJob, task.job_id)
            base = None if job is None else await session.get(KnowledgeBase, job.base_id)
            if job is None or base is None:
                return None
            return (
                await rows.embedding_of(session, base.id, base.generation if job.kind == rows.ADD else job.generation)
            )[0]

    def _all_are(self, works: Sequence[Work], stage: str) -> None:
        for work in works:
            self.stages[work.document.id] = stage

    async def _begin(self, numbers: Sequence[int], by_words: bool) -> list[Work]:
        """What tasks are about, without those that have nothing to do, which are done now."""
        works: list[Work] = []
        async with self._database.session() as session:
            found = await waiting(session, numbers)
            if not found:
                return []
            job = await session.get_one(KnowledgeJob, found[0][0].job_id)
            base = await session.get_one(KnowledgeBase, job.base_id)
            if job.kind == rows.ADD:
                job.generation = base.generation  # it may have been indexed anew while this waited
            model, dimension = await rows.embedding_of(session, base.id, job.generation)
            settings = job.settings.get("chunking") if job.kind == rows.REINDEX else None
            usual = settings if isinstance(settings, dict) else base.chunking
            for task, document in found:
                chunking = chunking_for(usual, document)
                mark = fingerprint(document, job.generation, chunking, model, self._ocr)
                if document.fingerprint == mark and not task.force and document.state != rows.FAILED:
                    task.state, task.chunks, document.state = rows.UNCHANGED, document.chunks, rows.READY
                    continue
                if by_words:
                    mark = BY_WORDS + mark[len(BY_WORDS) :]
                if document.fingerprint != mark or not by_words:
                    work = Work(task, job, base, document, chunking, model, dimension, mark, by_words=by_words)
                    works.append(work)
        return works

    async def _cut(self, works: Sequence[Work], outcome: Outcome) -> list[Work]:
        """Give works their pieces, as many as are read in time."""
        ready: list[Work] = []
        documents: list[tuple[Work, Cut]] = []
        until = time.monotonic() + READING
        for work in works:
            if ready and time.monotonic() > until:
                break
            if work.job.kind == rows.REINDEX and work.document.edited and not work.task.force:
                work.pieces = await self._as_edited(work)
            else:
                self.stages[work.document.id] = "reading"
                try:
                    documents.append((work, await self.cut(work.document, work.chunking)))
                except DocumentUnreadable as error:
                    if not await self._replaced(work):
                        outcome.unreadable[work.task.id] = error
                    continue
            ready.append(work)
        await asyncio.to_thread(_take, documents, ready)
        return ready

    async def _replaced(self, work: Work) -> bool:
        """Whether another upload came while the document was read, and took its file away: its task does that one next."""
        asked = select(KnowledgeDocument.hash).where(KnowledgeDocument.id == work.document.id)
        async with self._database.session() as session:
            return await session.scalar(asked) != work.document.hash

    async def _as_edited(self, work: Work) -> list[dict[str, Any]]:
        """The chunks as people left them, for a new generation."""
        names = ("position", "text", "start", "end", "page", "heading", "enabled", "edited", "extra")
        asked = select(KnowledgeChunk).where(
            KnowledgeChunk.document_id == work.document.id, KnowledgeChunk.generation == work.base.generation
        )
        async with self._database.session() as session:
            found = await session.scalars(asked.order_by(KnowledgeChunk.position))
            return [{name: getattr(each, name) for name in names} for each in found]

    async def _embedded(self, works: Sequence[Work]) -> dict[str, bytes]:
        """The vectors of all pieces by hash; none in a base without a model."""
        texts = {each["hash"]: each["text"] for work in works for each in work.pieces}
        first = works[0]
        if first.model is None or not texts:
            return {}

        def note(done: int) -> None:
            self._all_are(works, f"embedding {done} of {len(texts)}")

        note(0)
        vectors, made = await self._vectors.ensure(first.model, texts, first.dimension, note)
        left = set(made)
        for work in works:
            names = {each["hash"] for each in work.pieces} & left
            work.embedded = len(names)
            left -= names
        if first.dimension is None:
            self.writing.update(work.task.id for work in works)
            await self._learn(first, len(next(iter(vectors.values()))) // 4)
        return vectors

    async def _learn(self, work: Work, dimension: int) -> None:
        """Note how long the vectors of a generation are, with its first."""
        async with self._database.session() as session:
            if work.job.kind == rows.REINDEX:
                job = await session.get_one(KnowledgeJob, work.job.id)
                job.settings = {**job.settings, "dimension": dimension}
            else:
                (await session.get_one(KnowledgeBase, work.base.id)).dimension = dimension
        await self._indexes.reopen(work.base.id, work.job.generation)


def _take(documents: Sequence[tuple[Work, Cut]], works: Sequence[Work]) -> None:
    """What was read and cut, and the hashes of all pieces."""
    for work, cut in documents:
        work.text, work.notes = cut.text, cut.notes
        work.document.details = {**cut.metadata, **work.document.details}
        work.pieces = [_values(each) for each in cut.pieces]
    for work in works:
        for each in work.pieces:
            each["hash"] = text_hash(each["text"])


def _values(piece: Piece) -> dict[str, Any]:
    return {
        "text": piece.text,
        "start": piece.start,
        "end": piece.end,
        "page": piece.page,
        "heading": piece.heading,
    }
