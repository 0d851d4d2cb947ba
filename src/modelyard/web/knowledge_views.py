"""Converts rows of knowledge bases, documents and chunks to response bodies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelyard.core.access import BASE, Grant
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.documents.bases import Counts, chunking_of
from modelyard.knowledge.indexing.jobs import JobView, builtins
from modelyard.knowledge.indexing.probes import probe_of
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol import knowledge as bodies
from modelyard.protocol.knowledge_jobs import KnowledgeJobInfo
from modelyard.protocol.models import KnowledgeModel

MOST = 10_000
"""Maximum rows in one answer."""
FARTHEST = 1 << 40


def page(limit: int, offset: int) -> tuple[int, int]:
    """Limit and offset of a list request, clamped to valid values."""
    return min(max(limit, 1), MOST), min(max(offset, 0), FARTHEST)


def chunking_info(given: Mapping[str, Any]) -> bodies.ChunkingBody:
    """The chunk settings, with defaults filled in."""
    return bodies.ChunkingBody.model_validate(msgspec.to_builtins(chunking_of(given)))


def base_info(row: KnowledgeBase, counts: Counts, jobs: Sequence[str], warnings: Sequence[str] = ()) -> bodies.BaseInfo:
    """A base and how much is in it."""
    probe = probe_of(row)
    return bodies.BaseInfo(
        id=row.id,
        name=row.name,
        description=row.description,
        language=row.language,
        embedding_model=row.embedding_model,
        rerank_model=row.rerank_model,
        chat_model=row.chat_model,
        mode="hybrid" if row.embedding_model else "lexical",
        dimension=row.dimension,
        chunking=chunking_info(row.chunking),
        prompts=row.prompts,
        generation=row.generation,
        documents=counts.documents,
        chunks=counts.chunks,
        bytes=counts.bytes,
        states=dict(counts.states),
        jobs=list(jobs),
        probe=None if probe is None else bodies.ProbeInfo.model_validate(msgspec.to_builtins(probe)),
        warnings=list(warnings),
        created_at=row.created_at,
    )


def knowledge_model(row: KnowledgeBase) -> KnowledgeModel:
    """A base in the form of an entry in a list of models."""
    return KnowledgeModel(
        id=BASE + row.name,
        created=int(row.created_at),
        knowledge_base=row.name,
        model_description=row.description,
    )


async def readable(knowledge: KnowledgeService, grant: Grant | None, after: str | None = None) -> list[KnowledgeBase]:
    """Every base that the key may read, by name, or those behind a name."""
    return [each for each in await knowledge.bases.all(after=after) if grant is None or grant.sees_base(each.name)]


def job_info(view: JobView) -> KnowledgeJobInfo:
    """A job and its progress."""
    return KnowledgeJobInfo.model_validate(builtins(view))


def document_info(row: KnowledgeDocument) -> bodies.DocumentInfo:
    """A document."""
    return bodies.DocumentInfo(
        id=row.id,
        name=row.name,
        size=row.size,
        hash=row.hash,
        state=row.state,
        error=row.error,
        notes=row.notes.split("\n") if row.notes else [],
        enabled=row.enabled,
        edited=row.edited,
        chunks=row.chunks,
        characters=row.characters,
        version=row.version,
        metadata=row.details,
        chunking=None if row.chunking is None else chunking_info(row.chunking),
        modified_at=row.modified_at,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def chunk_info(row: KnowledgeChunk) -> bodies.ChunkInfo:
    """A chunk."""
    return bodies.ChunkInfo(
        id=row.id,
        document_id=row.document_id,
        position=row.position,
        text=row.text,
        start=row.start,
        end=row.end,
        page=row.page,
        heading=row.heading,
        enabled=row.enabled,
        edited=row.edited,
    )
