"""Converts bases, documents and hits to the bodies of vector stores."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from modelyard.db.tables import KnowledgeBase, KnowledgeDocument
from modelyard.jobs.types import JobState
from modelyard.knowledge.documents.bases import Counts
from modelyard.knowledge.indexing.jobs import JobView, chunking_for
from modelyard.knowledge.vector_stores import files, stores
from modelyard.protocol import vector_stores as bodies
from modelyard.protocol.hits import Hit

BATCH = "vsfb_"
BATCH_STATES: Mapping[str, bodies.FileStatus] = {
    JobState.RUNNING: "in_progress",
    JobState.DONE: "completed",
    JobState.FAILED: "failed",
    JobState.CANCELLED: "cancelled",
}


def store_info(base: KnowledgeBase, counts: Counts, busy: bool = False) -> bodies.VectorStoreInfo:
    """A base as a vector store; it is `busy` while a job indexes its documents."""
    settings = stores.store_settings(base)
    found = dict.fromkeys(("in_progress", "completed", "failed", "cancelled"), 0)
    for state, number in counts.states.items():
        found[files.STATUSES[state]] += number
    end = stores.expires_at(base)
    expiry = None if settings.days is None else bodies.StoreExpiry(anchor="last_active_at", days=settings.days)
    return bodies.VectorStoreInfo(
        id=stores.store_id(base.id),
        created_at=int(base.created_at),
        name=base.name,
        description=base.description,
        usage_bytes=counts.bytes,
        file_counts=bodies.FileCounts(**found, total=counts.documents),
        status="expired"
        if stores.has_expired(base)
        else "in_progress"
        if busy or found["in_progress"]
        else "completed",
        expires_after=expiry,
        expires_at=None if end is None else int(end),
        last_active_at=int(base.used_at),
        metadata=dict(settings.metadata),
    )


def store_file_info(
    base: KnowledgeBase, row: KnowledgeDocument, unsearchable: Collection[int] = ()
) -> bodies.StoreFileInfo:
    """A document as a file of a vector store; `unsearchable` has the ids of documents that searches may not find yet."""
    most, overlap = files.chunking_in_tokens(chunking_for(base.chunking, row))
    status = files.STATUSES[row.state]
    if status == "completed" and row.id in unsearchable:
        status = "in_progress"
    error = None
    if status == "failed":
        error = bodies.StoreFileError(code=files.error_code(row.error), message=row.error)
    return bodies.StoreFileInfo(
        id=files.file_id(row),
        created_at=int(row.created_at),
        usage_bytes=row.size,
        vector_store_id=stores.store_id(base.id),
        status=status,
        last_error=error,
        attributes=files.attributes(row),
        chunking_strategy=bodies.ChunkingInfo(
            static=bodies.StaticSizesInfo(max_chunk_size_tokens=most, chunk_overlap_tokens=overlap)
        ),
    )


def store_file_page(
    base: KnowledgeBase, rows: Sequence[KnowledgeDocument], more: bool, unsearchable: Collection[int] = ()
) -> bodies.StoreFilePage:
    """A page of documents as one of files."""
    data = [store_file_info(base, row, unsearchable) for row in rows]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return bodies.StoreFilePage(data=data, first_id=first, last_id=last, has_more=more)


def file_batch_info(base: KnowledgeBase, view: JobView) -> bodies.FileBatchInfo:
    """An indexing job as a batch of files."""
    completed, over = view.done + view.unchanged, view.done + view.unchanged + view.failed + view.cancelled
    if not view.finished and view.done and over == view.total:
        completed -= 1  # searches find the last documents when the job has ended; OpenAI's client looks at the counts
    counts = bodies.FileCounts(
        completed=completed,
        failed=view.failed,
        cancelled=view.cancelled,
        in_progress=view.total - completed - view.failed - view.cancelled,
        total=view.total,
    )
    status = BATCH_STATES[view.state]
    if status == "in_progress" and view.total and not counts.in_progress:
        status = "completed"  # nothing is left to be found, and the job ends in a moment
    return bodies.FileBatchInfo(
        id=BATCH + view.id,
        created_at=int(view.created_at),
        vector_store_id=stores.store_id(base.id),
        status=status,
        file_counts=counts,
    )


def store_hit(hit: Hit, row: KnowledgeDocument) -> bodies.StoreHit:
    """A hit, with the document that it is in."""
    return bodies.StoreHit(
        file_id=files.file_id(row),
        filename=files.filename(row),
        score=round(hit.score, 6),
        attributes=files.attributes(row),
        content=[bodies.StoreText(text=hit.text)],
    )
