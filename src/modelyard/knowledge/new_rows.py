"""New rows of documents and chunks."""

from __future__ import annotations

import time

from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.blobs import Blob
from modelyard.knowledge.vectors import text_hash


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
