"""Questions to the rows that several parts of this room ask."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import DocumentNotFound, JobNotFound, KnowledgeBaseBusy, KnowledgeBaseNotFound
from modelyard.core.names import composed, spellings
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"
WAITING, UNCHANGED = "waiting", "unchanged"
WORKING, READY, STORED = "working", "ready", "stored"
ADD, REINDEX = "add", "reindex"
PORTION = 1000
"""Names of one question."""


def searchable(base_id: int, generation: int) -> Select[int]:
    """Ids of the chunks that searches shall find."""
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
    """The job that indexes a base anew, if one runs."""
    return await session.scalar(
        select(KnowledgeJob).where(
            KnowledgeJob.base_id == base_id, KnowledgeJob.kind == REINDEX, KnowledgeJob.state == RUNNING
        )
    )


async def not_rebuilding(session: AsyncSession, base: KnowledgeBase) -> None:
    """Raises `KnowledgeBaseBusy` while a base is indexed anew: what changes a chunk now would be lost."""
    if (job := await rebuilding(session, base.id)) is not None:
        raise KnowledgeBaseBusy(base.name, job.id)


async def held(session: AsyncSession, base: KnowledgeBase) -> KnowledgeBase:
    """The base as it is now; nobody else changes its chunks by hand or begins a new generation until the transaction ends.

    Raises `KnowledgeBaseNotFound`, and `KnowledgeBaseBusy` while it is indexed anew.
    """
    row = update(KnowledgeBase).where(KnowledgeBase.id == base.id)  # locks it: SQLite has no SELECT FOR UPDATE
    await session.execute(
        row.values(generation=KnowledgeBase.generation), execution_options={"synchronize_session": False}
    )
    found = await present(session, base)
    await not_rebuilding(session, found)
    return found


async def present(session: AsyncSession, base: KnowledgeBase) -> KnowledgeBase:
    """The base as it is now. Raises `KnowledgeBaseNotFound` where it was deleted meanwhile."""
    found = await session.get(KnowledgeBase, base.id, populate_existing=True)
    if found is None:
        raise KnowledgeBaseNotFound(base.name)
    return found


async def embedding_of(session: AsyncSession, base_id: int, generation: int) -> tuple[str | None, int | None]:
    """The embedding model of a generation, and the length of its vectors once there is one."""
    base = await session.get_one(KnowledgeBase, base_id)
    if generation == base.generation:
        return base.embedding_model, base.dimension
    job = await rebuilding(session, base_id)
    if job is None or job.generation != generation:
        return None, None
    model, dimension = job.settings.get("embedding_model"), job.settings.get("dimension")
    return (str(model) if model else None), (dimension if isinstance(dimension, int) else None)


async def document_named(session: AsyncSession, base: KnowledgeBase, name: str) -> KnowledgeDocument:
    """A document by its name. Raises `DocumentNotFound`."""
    row = await session.scalar(
        select(KnowledgeDocument).where(
            KnowledgeDocument.base_id == base.id, KnowledgeDocument.name.in_(spellings([name]))
        )
    )
    if row is None:
        raise DocumentNotFound(name, base.name)
    return row


async def documents_named(
    session: AsyncSession, base: KnowledgeBase, names: Sequence[str], present_only: bool = False
) -> list[KnowledgeDocument]:
    """Documents by their names, in that order. Raises `DocumentNotFound`, unless those that are there are enough."""
    found: dict[str, KnowledgeDocument] = {}
    for first in range(0, len(names), PORTION):
        asked = select(KnowledgeDocument).where(
            KnowledgeDocument.base_id == base.id, KnowledgeDocument.name.in_(spellings(names[first : first + PORTION]))
        )
        found |= {composed(row.name): row for row in await session.scalars(asked)}
    missing = next((name for name in names if composed(name) not in found), None)
    if missing is not None and not present_only:
        raise DocumentNotFound(missing, base.name)
    return [found[composed(name)] for name in names if composed(name) in found]


async def chunk_ids(session: AsyncSession, documents: Sequence[int], generation: int) -> list[int]:
    """Ids of the chunks of these documents in one generation."""
    asked = select(KnowledgeChunk.id).where(
        KnowledgeChunk.document_id.in_(documents), KnowledgeChunk.generation == generation
    )
    return list(await session.scalars(asked))


async def job_named(session: AsyncSession, name: str, for_update: bool = False) -> KnowledgeJob:
    """A job by its id. Raises `JobNotFound`."""
    row = await session.get(KnowledgeJob, name, with_for_update=True if for_update else None)
    if row is None:
        raise JobNotFound(name)
    return row
