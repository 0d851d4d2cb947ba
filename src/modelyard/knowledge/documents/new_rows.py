"""Rows of new documents and chunks."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.documents.blobs import Blob
from modelyard.knowledge.documents.states import DocumentState
from modelyard.knowledge.types import indexed_text, text_hash


def new_document(base: KnowledgeBase, name: str, blob: Blob, source: str | None = None) -> KnowledgeDocument:
    """Create the row of a new document, which is not indexed yet; `source` is the id of the stored file that it is made of."""
    now = time.time()
    return KnowledgeDocument(
        base_id=base.id,
        name=name,
        hash=blob.hash,
        size=blob.size,
        source_file_id=source,
        details={},
        loaded_names=[],
        state=DocumentState.STORED,
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


def chunk_with_text(row: KnowledgeChunk, text: str) -> KnowledgeChunk:
    """A copy of a chunk with another text. It keeps its span, which is its origin in the document."""
    return KnowledgeChunk(
        base_id=row.base_id,
        document_id=row.document_id,
        generation=row.generation,
        position=row.position,
        text=text,
        hash=text_hash(indexed_text(row.heading, text)),
        start=row.start,
        end=row.end,
        page=row.page,
        heading=row.heading,
        extra=row.extra,
    )


async def insert_chunk(
    session: AsyncSession,
    document: KnowledgeDocument,
    generation: int,
    text: str,
    position: int | None,
    extra: Mapping[str, Any],
) -> KnowledgeChunk:
    """Add a chunk written by a user, at the end of a document or before the chunk at `position`."""
    siblings = (KnowledgeChunk.document_id == document.id, KnowledgeChunk.generation == generation)
    last = await session.scalar(select(func.max(KnowledgeChunk.position)).where(*siblings))
    place = (-1 if last is None else last) + 1 if position is None else position
    behind = update(KnowledgeChunk).where(*siblings, KnowledgeChunk.position >= place)
    await session.execute(
        behind.values(position=KnowledgeChunk.position + 1), execution_options={"synchronize_session": False}
    )
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
    document.chunks, document.edited, document.state = document.chunks + 1, True, DocumentState.READY
    return row
