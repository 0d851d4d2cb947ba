"""Queries that several modules of this package use."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import ChunkNotFound, DocumentNotFound, JobNotFound, KnowledgeBaseBusy, KnowledgeBaseNotFound
from modelyard.core.names import composed, spellings
from modelyard.db.statements import batched
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob
from modelyard.jobs.types import ACTIVE
from modelyard.knowledge.documents.states import IndexingKind


def searchable(base_id: int, generation: int) -> Select[int]:
    """Select the ids of the chunks that searches find."""
    return (
        select(KnowledgeChunk.id)
        .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeChunk.document_id)
        .where(
            KnowledgeChunk.base_id == base_id,
            KnowledgeChunk.generation == generation,
            KnowledgeChunk.enabled.is_(True),
            KnowledgeDocument.enabled.is_(True),
        )
    )


async def rebuilding(session: AsyncSession, base_id: int) -> KnowledgeJob | None:
    """The job that re-indexes a base, if one is running."""
    return await session.scalar(
        select(KnowledgeJob).where(
            KnowledgeJob.base_id == base_id,
            KnowledgeJob.kind == IndexingKind.REINDEX,
            KnowledgeJob.state.in_(ACTIVE),
        )
    )


async def not_rebuilding(session: AsyncSession, base: KnowledgeBase) -> None:
    """Raise `KnowledgeBaseBusy` while a base is re-indexed, because a change of a chunk would be lost."""
    if (job := await rebuilding(session, base.id)) is not None:
        raise KnowledgeBaseBusy(base.name, job.id)


async def held(session: AsyncSession, base: KnowledgeBase) -> KnowledgeBase:
    """Lock a base and read it: until the transaction ends, no other one edits its chunks or begins a new generation.

    Raises `KnowledgeBaseNotFound`, and `KnowledgeBaseBusy` while it is re-indexed.
    """
    row = update(KnowledgeBase).where(KnowledgeBase.id == base.id)  # locks it: SQLite has no SELECT FOR UPDATE
    await session.execute(
        row.values(generation=KnowledgeBase.generation), execution_options={"synchronize_session": False}
    )
    found = await present(session, base)
    await not_rebuilding(session, found)
    return found


async def present(session: AsyncSession, base: KnowledgeBase) -> KnowledgeBase:
    """Read a base again. Raises `KnowledgeBaseNotFound` if it was deleted meanwhile."""
    found = await session.get(KnowledgeBase, base.id, populate_existing=True)
    if found is None:
        raise KnowledgeBaseNotFound(base.name)
    return found


async def embedding_of(session: AsyncSession, base_id: int, generation: int) -> tuple[str | None, int | None]:
    """The embedding model of a generation, and the length of its vectors if there are any."""
    base = await session.get_one(KnowledgeBase, base_id)
    if generation == base.generation:
        return base.embedding_model, base.dimension
    job = await rebuilding(session, base_id)
    if job is None or job.generation != generation:
        return None, None
    model, dimension = job.settings.get("embedding_model"), job.settings.get("dimension")
    return (str(model) if model else None), (dimension if isinstance(dimension, int) else None)


async def document_if_named(session: AsyncSession, base: KnowledgeBase, name: str) -> KnowledgeDocument | None:
    """A document by its name, if there is one."""
    named = KnowledgeDocument.name.in_(spellings([name]))
    return await session.scalar(select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id, named))


async def document_named(session: AsyncSession, base: KnowledgeBase, name: str) -> KnowledgeDocument:
    """A document by its name. Raises `DocumentNotFound`."""
    if (row := await document_if_named(session, base, name)) is None:
        raise DocumentNotFound(name, base.name)
    return row


async def documents_named(
    session: AsyncSession, base: KnowledgeBase, names: Sequence[str], present_only: bool = False
) -> list[KnowledgeDocument]:
    """Documents by their names, in that order. Raises `DocumentNotFound`; with `present_only`, missing ones are skipped."""
    found: dict[str, KnowledgeDocument] = {}
    for some in batched(names):
        query = select(KnowledgeDocument).where(
            KnowledgeDocument.base_id == base.id, KnowledgeDocument.name.in_(spellings(some))
        )
        found |= {composed(row.name): row for row in await session.scalars(query)}
    missing = next((name for name in names if composed(name) not in found), None)
    if missing is not None and not present_only:
        raise DocumentNotFound(missing, base.name)
    return [found[composed(name)] for name in names if composed(name) in found]


def chunks_of(document: int, generation: int) -> Select[KnowledgeChunk]:
    """The chunks of a document in one generation."""
    return select(KnowledgeChunk).where(KnowledgeChunk.document_id == document, KnowledgeChunk.generation == generation)


async def chunk_numbered(session: AsyncSession, base: KnowledgeBase, number: int) -> KnowledgeChunk:
    """A chunk of the present generation by its id. Raises `ChunkNotFound`."""
    row = await session.get(KnowledgeChunk, number)
    if row is None or row.base_id != base.id or row.generation != base.generation:
        raise ChunkNotFound(number, base.name)
    return row


async def chunk_ids(session: AsyncSession, documents: Sequence[int], generation: int) -> list[int]:
    """Ids of the chunks of these documents in one generation."""
    query = select(KnowledgeChunk.id).where(
        KnowledgeChunk.document_id.in_(documents), KnowledgeChunk.generation == generation
    )
    return list(await session.scalars(query))


async def job_named(session: AsyncSession, name: str, for_update: bool = False) -> KnowledgeJob:
    """A job by its id. Raises `JobNotFound`."""
    row = await session.get(KnowledgeJob, name, with_for_update=True if for_update else None)
    if row is None:
        raise JobNotFound(name)
    return row
