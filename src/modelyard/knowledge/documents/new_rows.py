"""New rows of documents and chunks."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blob
from modelyard.knowledge.indexing.vectors import text_hash


def new_document(base: KnowledgeBase, name: str, blob: Blob, state: str) -> KnowledgeDocument:
    """A row for a document that was not there."""
    now = time.time()
    return KnowledgeDocument(
        base_id=base.id,
        name=name,
        hash=blob.hash,
        size=blob.size,
        details={},
        state=state,
        enabled=True,
        edited=False,
        fingerprint="",
        error="",
        notes="",
        chunks=0,
        characters=0,
        version=1,
        created_at=now,
        updated_at=now,
    )


def copied(row: KnowledgeChunk, text: str) -> KnowledgeChunk:
    """A chunk of another text at the same place. It keeps its span: that is where it came from."""
    return KnowledgeChunk(
        base_id=row.base_id,
        document_id=row.document_id,
        generation=row.generation,
        position=row.position,
        text=text,
        hash=text_hash(text),
        start=row.start,
        end=row.end,
        page=row.page,
        heading=row.heading,
        extra=row.extra,
    )


async def inserted(
    session: AsyncSession,
    document: KnowledgeDocument,
    generation: int,
    text: str,
    position: int | None,
    extra: Mapping[str, Any],
) -> tuple[KnowledgeChunk, Sequence[int]]:
    """A chunk that somebody wrote, at its document's end or before the one at `position`, and the chunks that moved for it."""
    of_it = (KnowledgeChunk.document_id == document.id, KnowledgeChunk.generation == generation)
    last = await session.scalar(select(func.max(KnowledgeChunk.position)).where(*of_it))
    place = (-1 if last is None else last) + 1 if position is None else position
    behind = update(KnowledgeChunk).where(*of_it, KnowledgeChunk.position >= place)
    moved = await session.scalars(behind.values(position=KnowledgeChunk.position + 1).returning(KnowledgeChunk.id))
    ids = moved.all()
    row = KnowledgeChunk(
        base_id=document.base_id,
        document_id=document.id,
        generation=generation,
        position=place,
        text=text,
        hash=text_hash(text),
        edited=True,
        enabled=True,
        heading="",
        extra=dict(extra),
    )
    session.add(row)
    document.chunks, document.edited, document.state = document.chunks + 1, True, rows.READY
    return row, ids
