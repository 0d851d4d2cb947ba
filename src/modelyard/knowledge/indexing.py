"""One document from its bytes to its rows: read, cut, embed, commit. What is the same is not embedded or written again."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import DocumentUnreadable
from modelyard.db.session import Database
from modelyard.db.tables import (
    KnowledgeBase,
    KnowledgeChunk,
    KnowledgeDocument,
    KnowledgeJob,
    KnowledgeTask,
    KnowledgeText,
)
from modelyard.knowledge import rows
from modelyard.knowledge.blobs import Blobs
from modelyard.knowledge.indexes import Indexes
from modelyard.knowledge.jobs import chunking_for, fingerprint
from modelyard.knowledge.loaders.apart import Apart
from modelyard.knowledge.loaders.base import Limits
from modelyard.knowledge.splitter import Chunking, split
from modelyard.knowledge.types import Entry, Loaded, Piece
from modelyard.knowledge.vectors import Vectors, as_vector, text_hash


@dataclass(frozen=True, slots=True)
class Made:
    """What an index must learn of a document that was committed."""

    base: KnowledgeBase
    generation: int
    add: list[Entry] = field(default_factory=list)
    remove: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    """Chunks whose text is the same and whose place is not."""


@dataclass(slots=True)
class Work:
    """A task as it was read from the rows."""

    task: KnowledgeTask
    job: KnowledgeJob
    base: KnowledgeBase
    document: KnowledgeDocument
    chunking: Chunking
    model: str | None
    dimension: int | None
    mark: str
    """Fingerprint that the document will have."""


class Indexing:
    """Does a task. Raises `DocumentUnreadable`, and what the embedding model's server raises."""

    def __init__(
        self, database: Database, blobs: Blobs, indexes: Indexes, vectors: Vectors, limits: Limits, ocr: bool
    ) -> None:
        self._database = database
        self._blobs = blobs
        self._indexes = indexes
        self._vectors = vectors
        self._limits = limits
        self._ocr = ocr
        self._apart = Apart()
        self.stages: dict[int, str] = {}
        """Document → what is done with it now."""
        self.writing: set[int] = set()
        """Tasks that are not to be cancelled just now: what they commit, an index must learn."""
        self._under_way: dict[int, asyncio.Event] = {}
        """Document → set when the task that has it now is done."""

    async def close(self) -> None:
        """End the process that reads documents."""
        await self._apart.close()

    async def read(self, document: KnowledgeDocument) -> Loaded:
        """A document as it is read. Raises `DocumentUnreadable`."""
        path = self._blobs.path(document.hash)
        if not path.exists():
            raise DocumentUnreadable(document.name, "its file is gone; upload it again.")
        return await self._apart.load(path, document.name, self._limits, self._ocr)

    async def preview(self, document: KnowledgeDocument, chunking: Chunking) -> Sequence[Piece]:
        """The chunks that a document would have. Raises `DocumentUnreadable`."""
        return await asyncio.to_thread(split, await self.read(document), chunking)

    async def index(self, number: int) -> Made | None:
        """Do a task; None where there is nothing to tell an index."""
        work = await self._begin(number)
        if work is None:
            return None
        document = work.document.id
        while (other := self._under_way.get(document)) is not None:  # two uploads of one name: one after the other
            await other.wait()
            if (work := await self._begin(number)) is None:
                return None
        done = self._under_way[document] = asyncio.Event()
        try:
            return await self._made(work)
        finally:
            del self._under_way[document]
            done.set()

    async def _made(self, work: Work) -> Made | None:
        """Read, cut, embed and commit."""
        stages, document = self.stages, work.document.id
        try:
            if work.job.kind == rows.REINDEX and work.document.edited and not work.task.force:
                pieces, text = await self._as_edited(work), None
            else:
                stages[document] = "reading"
                loaded = await self.read(work.document)
                stages[document] = "splitting"
                pieces = [_values(each) for each in await asyncio.to_thread(split, loaded, work.chunking)]
                text = loaded.text
                work.document.details = {**loaded.metadata, **work.document.details}
            for each in pieces:
                each["hash"] = text_hash(each["text"])
            stages[document] = "embedding"
            vectors, embedded = await self._embedded(work, pieces)
            stages[document] = "writing"
            self.writing.add(work.task.id)
            return await self._commit(work, pieces, text, vectors, embedded)
        finally:
            stages.pop(document, None)
            self.writing.discard(work.task.id)

    async def _begin(self, number: int) -> Work | None:
        """What a task is about; None, and the task is done, where there is nothing to do."""
        async with self._database.session() as session:
            task = await session.get(KnowledgeTask, number)
            if task is None or task.state != rows.WAITING:
                return None
            job = await session.get_one(KnowledgeJob, task.job_id)
            base = await session.get_one(KnowledgeBase, job.base_id)
            document = await session.get_one(KnowledgeDocument, task.document_id)
            model, dimension = await rows.embedding_of(session, base.id, job.generation)
            if job.kind == rows.ADD and job.generation != base.generation:
                job.generation = base.generation  # it was indexed anew while this waited
                model, dimension = base.embedding_model, base.dimension
            chunking = chunking_for(base.chunking, document)
            if job.kind == rows.REINDEX:
                settings = job.settings.get("chunking")
                chunking = chunking_for(settings if isinstance(settings, dict) else base.chunking, document)
            mark = fingerprint(document, job.generation, chunking, model, self._ocr)
            if document.fingerprint == mark and not task.force and document.state != rows.FAILED:
                task.state, task.chunks, document.state = rows.UNCHANGED, document.chunks, rows.READY
                return None
            return Work(task, job, base, document, chunking, model, dimension, mark)

    async def _as_edited(self, work: Work) -> list[dict[str, Any]]:
        """The chunks as people left them, for a new generation."""
        names = ("position", "text", "start", "end", "page", "heading", "enabled", "edited", "extra")
        asked = select(KnowledgeChunk).where(
            KnowledgeChunk.document_id == work.document.id, KnowledgeChunk.generation == work.base.generation
        )
        async with self._database.session() as session:
            found = await session.scalars(asked.order_by(KnowledgeChunk.position))
            return [{name: getattr(each, name) for name in names} for each in found]

    async def _embedded(self, work: Work, pieces: Sequence[Mapping[str, Any]]) -> tuple[dict[str, bytes], int]:
        if work.model is None or not pieces:
            return {}, 0
        texts = {each["hash"]: each["text"] for each in pieces}

        def note(done: int) -> None:
            self.stages[work.document.id] = f"embedding {done} of {len(texts)}"

        vectors, embedded = await self._vectors.ensure(work.model, texts, work.dimension, note)
        if work.dimension is None:
            self.writing.add(work.task.id)
            await self._learn(work, len(next(iter(vectors.values()))) // 4)
        return vectors, embedded

    async def _learn(self, work: Work, dimension: int) -> None:
        """Note how long the vectors of a generation are, with its first."""
        async with self._database.session() as session:
            if work.job.kind == rows.REINDEX:
                job = await session.get_one(KnowledgeJob, work.job.id)
                job.settings = {**job.settings, "dimension": dimension}
            else:
                (await session.get_one(KnowledgeBase, work.base.id)).dimension = dimension
        await self._indexes.reopen(work.base.id, work.job.generation)

    async def _commit(
        self,
        work: Work,
        pieces: Sequence[dict[str, Any]],
        text: str | None,
        vectors: Mapping[str, bytes],
        embedded: int,
    ) -> Made | None:
        """Everything about the document in one transaction, unless it was deleted, changed or cancelled meanwhile."""
        generation = work.job.generation
        async with self._database.session() as session:
            task = await session.get(KnowledgeTask, work.task.id)
            document = await session.get(KnowledgeDocument, work.document.id)
            if task is None or task.state != rows.WAITING or document is None:
                return None
            if document.hash != work.document.hash:
                return None  # another upload came; this task does that one, when it is taken up again
            new, gone, moved = await _compared(session, document.id, generation, pieces)
            for row, values in moved:
                for name, value in values.items():
                    setattr(row, name, value)
            if gone:
                await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.id.in_(gone)))
            ids = await _inserted(session, work.base.id, document.id, generation, new)
            if text is not None:
                await session.merge(KnowledgeText(document_id=document.id, text=text))
                document.details, document.characters = work.document.details, len(text)
                if work.job.kind == rows.ADD or work.task.force:
                    document.edited = False
            document.state, document.error, document.fingerprint = rows.READY, "", work.mark
            document.chunks, document.updated_at = len(pieces), time.time()
            task.state, task.chunks, task.embedded = rows.DONE, len(pieces), embedded
            shown = document.enabled
        entries = [
            Entry(number, work.document.id, each["text"], as_vector(vectors.get(each["hash"])))
            for number, each in zip(ids, new, strict=True)
            if shown and each.get("enabled", True)
        ]
        return Made(work.base, generation, entries, gone, [row.id for row, _ in moved])


async def _compared(
    session: AsyncSession, document: int, generation: int, pieces: Sequence[dict[str, Any]]
) -> tuple[list[dict[str, Any]], list[int], list[tuple[KnowledgeChunk, dict[str, Any]]]]:
    """Pieces that have no row yet, rows that have no piece any more, and rows that only move."""
    asked = select(KnowledgeChunk).where(
        KnowledgeChunk.document_id == document, KnowledgeChunk.generation == generation
    )
    there: dict[str, list[KnowledgeChunk]] = defaultdict(list)
    for row in await session.scalars(asked):
        there[row.hash].append(row)
    new, moved = [], []
    for position, piece in enumerate(pieces):
        piece.setdefault("position", position)
        if same := [row for row in there[piece["hash"]] if row.enabled]:
            there[piece["hash"]].remove(same[0])
            moved.append((same[0], {k: v for k, v in piece.items() if k not in ("text", "hash")}))
        else:
            new.append(piece)
    return new, [row.id for left in there.values() for row in left], moved


async def _inserted(
    session: AsyncSession, base: int, document: int, generation: int, pieces: Sequence[Mapping[str, Any]]
) -> list[int]:
    """Ids of new rows, in the order of the pieces."""
    if not pieces:
        return []
    common = {"base_id": base, "document_id": document, "generation": generation}
    defaults = {"enabled": True, "edited": False, "extra": {}}
    statement = insert(KnowledgeChunk).returning(KnowledgeChunk.id, sort_by_parameter_order=True)
    result = await session.scalars(statement, [{**defaults, **each, **common} for each in pieces])
    return list(result)


def _values(piece: Piece) -> dict[str, Any]:
    return {
        "text": piece.text,
        "start": piece.start,
        "end": piece.end,
        "page": piece.page,
        "heading": piece.heading,
    }
