"""What was made of documents, written to their rows: everything about a document in one transaction, or nothing."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.session import Database
from modelyard.db.tables import (
    KnowledgeBase,
    KnowledgeChunk,
    KnowledgeDocument,
    KnowledgeJob,
    KnowledgeTask,
    KnowledgeText,
)
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.indexing.vectors import as_vector
from modelyard.knowledge.types import Entry

DEFAULTS = {"enabled": True, "edited": False, "extra": {}}
PORTION = 5000
"""Ids of one statement."""
BY_WORDS = "words:"
"""What the fingerprint of a document begins with whose chunks can be found by words and have no vectors yet."""


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
    """A task as it was read from the rows, and what was made of its document."""

    task: KnowledgeTask
    job: KnowledgeJob
    base: KnowledgeBase
    document: KnowledgeDocument
    chunking: Chunking
    model: str | None
    dimension: int | None
    mark: str
    """Fingerprint that the document will have."""
    text: str | None = None
    """What was read; None where the chunks are as people left them."""
    notes: Sequence[str] = ()
    """What was not read."""
    pieces: list[dict[str, Any]] = field(default_factory=list)
    """Columns of its chunks, in order."""
    embedded: int = 0
    """Chunks that had to be embedded."""
    by_words: bool = False
    """Whether its chunks are written without vectors; its task still waits then."""


@dataclass(slots=True)
class Change:
    """How the rows of a document differ from what was made of it."""

    work: Work
    task: KnowledgeTask
    document: KnowledgeDocument
    new: list[dict[str, Any]] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    moved: list[tuple[KnowledgeChunk, dict[str, Any]]] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """Of the new rows, in order."""


async def commit(database: Database, works: Sequence[Work], vectors: Mapping[str, bytes]) -> list[Made]:
    """Write documents of one job together, without those that were deleted, changed or cancelled meanwhile."""
    generation, by_task = works[0].job.generation, {work.task.id: work for work in works}
    async with database.writing() as session:
        changes = [
            Change(by_task[task.id], task, document)
            for task, document in await waiting(session, list(by_task), for_update=True)
            if document.hash == by_task[task.id].document.hash  # else another upload came: the task does that one later
        ]
        await _compare(session, changes, generation)
        await _write(session, changes, generation)
    return [_made(change, generation, vectors) for change in changes]


async def waiting(
    session: AsyncSession, numbers: Sequence[int], for_update: bool = False
) -> list[tuple[KnowledgeTask, KnowledgeDocument]]:
    """Those of these tasks that are not done, with their documents, by number."""
    asked = (
        select(KnowledgeTask, KnowledgeDocument)
        .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeTask.document_id)
        .where(KnowledgeTask.id.in_(numbers), KnowledgeTask.state == rows.WAITING)
        .order_by(KnowledgeTask.id)
    )
    found = await session.execute(asked.with_for_update() if for_update else asked)
    return [(task, document) for task, document in found.all()]


async def _compare(session: AsyncSession, changes: Sequence[Change], generation: int) -> None:
    """Find pieces that have no row yet, rows that have no piece any more, and rows that only move.

    A row that an index has without its vector is replaced: an index learns nothing more of an id that it has.
    """
    asked = select(KnowledgeChunk).where(
        KnowledgeChunk.document_id.in_([change.document.id for change in changes]),
        KnowledgeChunk.generation == generation,
    )
    there: dict[tuple[int, str], list[KnowledgeChunk]] = defaultdict(list)
    for row in await session.scalars(asked):
        there[row.document_id, row.hash].append(row)
    for change in changes:
        keeps = change.work.by_words or has_vectors(change.document)
        for position, piece in enumerate(change.work.pieces):
            piece.setdefault("position", position)
            rows_of = there.get((change.document.id, piece["hash"]), [])
            if keeps and (same := next((row for row in rows_of if row.enabled), None)):
                rows_of.remove(same)
                change.moved.append((same, {k: v for k, v in piece.items() if k not in ("text", "hash")}))
            else:
                change.new.append(piece)
    left: dict[int, list[int]] = defaultdict(list)
    for (document, _), rows_left in there.items():
        left[document] += [row.id for row in rows_left]
    for change in changes:
        change.gone = left[change.document.id]


async def _write(session: AsyncSession, changes: Sequence[Change], generation: int) -> None:
    for change in changes:
        for row, values in change.moved:
            for name, value in values.items():
                setattr(row, name, value)
    gone = [number for change in changes for number in change.gone]
    for first in range(0, len(gone), PORTION):
        those = KnowledgeChunk.id.in_(gone[first : first + PORTION])
        await session.execute(delete(KnowledgeChunk).where(those), execution_options={"synchronize_session": False})
    await _insert(session, [change for change in changes if change.new], generation)
    await _keep_texts(session, changes)
    for change in changes:
        _settle(change)


async def _insert(session: AsyncSession, changes: Sequence[Change], generation: int) -> None:
    """Insert new rows. Their ids are asked for afterwards, which takes a fraction of the time of `RETURNING`."""
    if not changes:
        return
    values = [
        {
            **DEFAULTS,
            **piece,
            "base_id": change.work.base.id,
            "document_id": change.document.id,
            "generation": generation,
        }
        for change in changes
        for piece in change.new
    ]
    await session.execute(insert(KnowledgeChunk.__table__), values)  # type: ignore[arg-type]
    asked = select(KnowledgeChunk.id, KnowledgeChunk.document_id, KnowledgeChunk.position, KnowledgeChunk.hash).where(
        KnowledgeChunk.document_id.in_([change.document.id for change in changes]),
        KnowledgeChunk.generation == generation,
    )
    old = {row.id for change in changes for row, _ in change.moved}
    ids: dict[tuple[int, int, str], list[int]] = defaultdict(list)
    for number, document, position, name in (await session.execute(asked)).all():
        if number not in old:
            ids[document, position, name].append(number)
    for change in changes:
        change.ids = [ids[change.document.id, piece["position"], piece["hash"]].pop() for piece in change.new]


async def _keep_texts(session: AsyncSession, changes: Iterable[Change]) -> None:
    texts = [(change.document.id, change.work.text) for change in changes if change.work.text is not None]
    if texts:
        documents = [document for document, _ in texts]
        await session.execute(delete(KnowledgeText).where(KnowledgeText.document_id.in_(documents)))
        values = [{"document_id": document, "text": text} for document, text in texts]
        await session.execute(insert(KnowledgeText.__table__), values)  # type: ignore[arg-type]


def _settle(change: Change) -> None:
    """What a document and its task say now."""
    work, task, document = change.work, change.task, change.document
    if work.text is not None:
        document.details, document.characters = work.document.details, len(work.text)
        document.notes = "\n".join(work.notes)
        if work.job.kind == rows.ADD or work.task.force:
            document.edited = False
    document.chunks, document.updated_at = len(work.pieces), time.time()
    if work.by_words:
        document.fingerprint = work.mark
        return
    document.state, document.error, document.fingerprint = rows.READY, "", work.mark
    task.state, task.chunks, task.embedded = rows.DONE, len(work.pieces), work.embedded


def has_vectors(document: KnowledgeDocument) -> bool:
    """Whether its chunks are in the index as they shall be, as far as its row says."""
    return bool(document.fingerprint) and not document.fingerprint.startswith(BY_WORDS)


def _made(change: Change, generation: int, vectors: Mapping[str, bytes]) -> Made:
    entries = [
        Entry(number, change.document.id, each["text"], as_vector(vectors.get(each["hash"])))
        for number, each in zip(change.ids, change.new, strict=True)
        if change.document.enabled and each.get("enabled", True)
    ]
    return Made(change.work.base, generation, entries, change.gone, [row.id for row, _ in change.moved])
