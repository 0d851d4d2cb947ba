"""Writes a batch of documents to the rows: everything about a document in one transaction, or nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.session import Database
from modelyard.db.statements import batched
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeTask, KnowledgeText
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState
from modelyard.knowledge.indexing.batch import Batch, PreparedDocument
from modelyard.knowledge.indexing.vectors import as_vector
from modelyard.knowledge.types import Chunk, IndexEntry, indexed_text

BY_WORDS = "words:"
"""Prefix of the fingerprint of a document whose chunks can be found by words and have no vectors yet."""


@dataclass(slots=True)
class IndexChange:
    """Committed changes that have to be applied to the index of a generation."""

    base: KnowledgeBase
    generation: int
    add: list[IndexEntry] = field(default_factory=list)
    remove: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)
    """Chunks with an unchanged text and another position."""

    def extend(self, later: IndexChange) -> None:
        """Add a later change of the same generation."""
        self.base = later.base
        self.add += later.add
        self.remove += later.remove
        self.moved += later.moved


@dataclass(slots=True)
class _Difference:
    """The difference between the rows of a document and its new chunks."""

    prepared: PreparedDocument
    task: KnowledgeTask
    document: KnowledgeDocument
    new: list[tuple[int, Chunk]] = field(default_factory=list)
    """Chunks without a row, each with its position."""
    ids: list[int] = field(default_factory=list)
    """Ids of the rows of `new`, once they are written."""
    removed: list[int] = field(default_factory=list)
    moved: list[int] = field(default_factory=list)


async def commit(database: Database, batch: Batch, vectors: Mapping[str, bytes]) -> IndexChange:
    """Write a batch, except for documents that were deleted, changed or cancelled meanwhile."""
    by_task = {prepared.task.id: prepared for prepared in batch.documents}
    async with database.writing() as session:
        differences = [
            _Difference(by_task[task.id], task, document)
            for task, document in await waiting_tasks(session, list(by_task), for_update=True)
            if document.hash
            == by_task[task.id].row.hash  # otherwise there was another upload, which the task indexes later
        ]
        await _compare(session, batch, differences)
        await _write(session, batch, differences)
    return _change(batch, differences, vectors)


async def waiting_tasks(
    session: AsyncSession, numbers: Sequence[int], for_update: bool = False
) -> list[tuple[KnowledgeTask, KnowledgeDocument]]:
    """The unfinished tasks with these numbers, each with its document."""
    query = (
        select(KnowledgeTask, KnowledgeDocument)
        .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeTask.document_id)
        .where(KnowledgeTask.id.in_(numbers), KnowledgeTask.state == TaskState.WAITING)
        .order_by(KnowledgeTask.id)
    )
    found = await session.execute(query.with_for_update() if for_update else query)
    return [(task, document) for task, document in found.all()]


async def _compare(session: AsyncSession, batch: Batch, differences: Sequence[_Difference]) -> None:
    """Find chunks without a row and rows without a chunk; rows that only moved get their new position.

    A row that is in an index without its vector is replaced, because an index ignores updates of an id that it has.
    """
    query = select(KnowledgeChunk).where(
        KnowledgeChunk.document_id.in_([each.document.id for each in differences]),
        KnowledgeChunk.generation == batch.job.generation,
    )
    old: dict[int, dict[str, list[KnowledgeChunk]]] = defaultdict(lambda: defaultdict(list))
    for row in await session.scalars(query):
        old[row.document_id][row.hash].append(row)
    for each in differences:
        keeps = batch.by_words or has_vectors(each.document)
        left = old[each.document.id]
        for number, chunk in enumerate(each.prepared.chunks):
            position = number if chunk.position is None else chunk.position
            if keeps and (same := next((row for row in left[chunk.hash] if row.enabled), None)):
                left[chunk.hash].remove(same)
                each.moved.append(same.id)
                same.position, same.start, same.end = position, chunk.start, chunk.end
                same.page, same.heading = chunk.page, chunk.heading
                same.page_breaks = [list(each) for each in chunk.page_breaks]
            else:
                each.new.append((position, chunk))
        each.removed = [row.id for rows_left in left.values() for row in rows_left]


async def _write(session: AsyncSession, batch: Batch, differences: Sequence[_Difference]) -> None:
    for ids in batched([number for each in differences for number in each.removed]):
        removed = delete(KnowledgeChunk).where(KnowledgeChunk.id.in_(ids))
        await session.execute(removed, execution_options={"synchronize_session": False})
    await _insert(session, batch, [each for each in differences if each.new])
    texts = [
        {"document_id": each.document.id, "text": each.prepared.cut.text} for each in differences if each.prepared.cut
    ]
    if texts:
        old = KnowledgeText.document_id.in_([each["document_id"] for each in texts])
        await session.execute(delete(KnowledgeText).where(old))
        await session.execute(insert(KnowledgeText.__table__), texts)  # type: ignore[arg-type]
    for each in differences:
        _finish(batch, each)


async def _insert(session: AsyncSession, batch: Batch, differences: Sequence[_Difference]) -> None:
    """Insert new rows, and query their ids afterwards, which is much faster than `RETURNING`."""
    if not differences:
        return
    values = [
        {
            "base_id": batch.base.id,
            "document_id": each.document.id,
            "generation": batch.job.generation,
            "position": position,
            "text": chunk.text,
            "hash": chunk.hash,
            "start": chunk.start,
            "end": chunk.end,
            "page": chunk.page,
            "page_breaks": chunk.page_breaks,
            "heading": chunk.heading,
            "enabled": chunk.enabled,
            "edited": chunk.edited,
            "extra": chunk.extra,
        }
        for each in differences
        for position, chunk in each.new
    ]
    await session.execute(insert(KnowledgeChunk.__table__), values)  # type: ignore[arg-type]
    query = select(KnowledgeChunk.id, KnowledgeChunk.document_id, KnowledgeChunk.position, KnowledgeChunk.hash).where(
        KnowledgeChunk.document_id.in_([each.document.id for each in differences]),
        KnowledgeChunk.generation == batch.job.generation,
    )
    moved = {number for each in differences for number in each.moved}
    ids: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for number, document, position, name in (await session.execute(query)).all():
        if number not in moved:
            ids[document, position, name].append(number)
    for each in differences:
        each.ids = [ids[each.document.id, position, chunk.hash].pop() for position, chunk in each.new]


def _finish(batch: Batch, difference: _Difference) -> None:
    """Record the result in the rows of a document and its task."""
    prepared, task, document = difference.prepared, difference.task, difference.document
    if prepared.cut is not None:
        own = {key: value for key, value in document.details.items() if key not in document.loaded_names}
        document.details = {**prepared.cut.metadata, **own}
        document.loaded_names = [name for name in prepared.cut.metadata if name not in own]
        document.characters, document.notes = len(prepared.cut.text), "\n".join(prepared.cut.notes)
        if batch.job.kind == IndexingKind.ADD or task.force:
            document.edited = False
    document.chunks, document.updated_at = len(prepared.chunks), time.time()
    document.fingerprint = prepared.fingerprint
    if not batch.by_words:
        document.state, document.error = DocumentState.READY, ""
        task.state, task.chunks, task.embedded = TaskState.DONE, len(prepared.chunks), prepared.embedded


def has_vectors(document: KnowledgeDocument) -> bool:
    """Whether the chunks of a document are indexed with vectors, according to its row."""
    return bool(document.fingerprint) and not document.fingerprint.startswith(BY_WORDS)


def _change(batch: Batch, differences: Sequence[_Difference], vectors: Mapping[str, bytes]) -> IndexChange:
    change = IndexChange(batch.base, batch.job.generation)
    for each in differences:
        if each.document.enabled:
            change.add += [
                IndexEntry(
                    number,
                    each.document.id,
                    indexed_text(chunk.heading, chunk.text),
                    as_vector(vectors.get(chunk.hash)),
                )
                for number, (_, chunk) in zip(each.ids, each.new, strict=True)
                if chunk.enabled
            ]
        change.remove += each.removed
        change.moved += each.moved
    return change
