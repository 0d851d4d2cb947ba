"""Routes of the files of vector stores and of batches of them, as OpenAI has them: documents, and jobs that index them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query as Parameter
from fastapi import Response

from modelyard.core.access import READ, WRITE
from modelyard.core.errors import FileBatchNotFound, InvalidParameter, JobNotFound
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.indexing.jobs import JobView
from modelyard.knowledge.service import KnowledgeService
from modelyard.knowledge.vector_stores.files import FilesPage, replaced
from modelyard.knowledge.vector_stores.stores import store_id
from modelyard.protocol import vector_stores as bodies
from modelyard.web.deps import TheGrant, TheKnowledge, TheParts
from modelyard.web.list_queries import ListQuery, TheTwoSidedQuery
from modelyard.web.router import BodyKind, Router
from modelyard.web.vector_store_views import BATCH, file_batch_info, store_file_info, store_file_page
from modelyard.web.vector_stores import StoreAccess, attached

router = Router("/v1/vector_stores/{vector_store_id}", tags=["vector stores"])

Status = Annotated[bodies.FileStatus | None, Parameter(alias="filter")]
POLL = {"openai-poll-after-ms": "250"}
"""Header that tells OpenAI's clients in how many milliseconds to ask again."""


@router.post("/files", scope="knowledge:write")
async def create_store_file(
    vector_store_id: str, body: bodies.NewStoreFile, parts: TheParts, grant: TheGrant
) -> bodies.StoreFileInfo:
    """Make a document of a stored file. It is indexed in the background."""
    base = await StoreAccess(parts.knowledge, grant).base(vector_store_id, WRITE)
    [row], _ = await attached(parts, grant, base, [body])
    return store_file_info(base, row)


@router.get("/files", scope="knowledge:read")
async def list_store_files(
    vector_store_id: str,
    knowledge: TheKnowledge,
    grant: TheGrant,
    query: TheTwoSidedQuery,
    status: Status = None,
) -> bodies.StoreFilePage:
    """The documents of a store by the time of their creation, whoever stored them."""
    base = await StoreAccess(knowledge, grant).base(vector_store_id)
    page = FilesPage(limit=query.limit, ascending=query.ascending, status=status)
    return await _page(knowledge, base, page, query)


async def _page(
    knowledge: KnowledgeService, base: KnowledgeBase, page: FilesPage, query: ListQuery
) -> bodies.StoreFilePage:
    """A page between two files. Raises `StoreFileNotFound` for a cursor that is none of the store's files."""
    names = {"after": query.after, "before": query.before}
    ids = {
        param: (await knowledge.store_files.named(base, name, param)).id
        for param, name in names.items()
        if name is not None
    }
    rows, more = await knowledge.store_files.page(base, page.between(ids.get("after"), ids.get("before")))
    unsearchable = await knowledge.store_files.unsearchable([row.id for row in rows])
    return store_file_page(base, rows, more, unsearchable)


@router.get("/files/{file_id}", scope="knowledge:read")
async def describe_store_file(
    vector_store_id: str, file_id: str, knowledge: TheKnowledge, grant: TheGrant, response: Response
) -> bodies.StoreFileInfo:
    """A file of a store: how far it is indexed, and why it could not be."""
    base = await StoreAccess(knowledge, grant).base(vector_store_id)
    response.headers.update(POLL)
    row = await knowledge.store_files.named(base, file_id)
    return store_file_info(base, row, await knowledge.store_files.unsearchable([row.id]))


@router.post("/files/{file_id}", scope="knowledge:write")
async def change_store_file(
    vector_store_id: str, file_id: str, body: bodies.ChangeStoreFile, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.StoreFileInfo:
    """Replace the attributes of a file."""
    base = await StoreAccess(knowledge, grant).base(vector_store_id, WRITE)
    row = await knowledge.store_files.named(base, file_id)
    details = replaced(row, body.attributes)
    return store_file_info(base, await knowledge.edits.configure(base, row.name, details=details))


@router.delete("/files/{file_id}", scope="knowledge:write", audited=True)
async def delete_store_file(
    vector_store_id: str, file_id: str, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.StoreFileDeleted:
    """Delete the document of a file. The stored file stays."""
    base = await StoreAccess(knowledge, grant).base(vector_store_id, WRITE)
    row = await knowledge.store_files.named(base, file_id)
    await knowledge.edits.delete(base, [row.name])
    return bodies.StoreFileDeleted(id=file_id)


@router.get("/files/{file_id}/content", scope="knowledge:read")
async def store_file_content(
    vector_store_id: str, file_id: str, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.StoreFileContent:
    """The text that was read from a file."""
    base = await StoreAccess(knowledge, grant).base(vector_store_id)
    text = await knowledge.documents.text(await knowledge.store_files.named(base, file_id))
    return bodies.StoreFileContent(data=[bodies.StoreText(text=text)] if text else [])


@router.post("/file_batches", scope="knowledge:write", body=BodyKind.TEXT)
async def create_file_batch(
    vector_store_id: str, body: bodies.NewFileBatch, parts: TheParts, grant: TheGrant
) -> bodies.FileBatchInfo:
    """Make documents of stored files, which one job indexes in the background."""
    base = await StoreAccess(parts.knowledge, grant).base(vector_store_id, WRITE)
    if (body.files is None) == (body.file_ids is None):
        raise InvalidParameter("file_ids", "a batch has either file_ids or files.")
    items = body.files or [
        bodies.NewStoreFile(file_id=each, attributes=body.attributes, chunking_strategy=body.chunking_strategy)
        for each in body.file_ids or ()
    ]
    _, job = await attached(parts, grant, base, items)
    return file_batch_info(base, await parts.knowledge.worker.view(job))


@router.get("/file_batches/{batch_id}", scope="knowledge:read")
async def describe_file_batch(
    vector_store_id: str, batch_id: str, knowledge: TheKnowledge, grant: TheGrant, response: Response
) -> bodies.FileBatchInfo:
    """How many files of a batch are indexed."""
    base, view = await _batch(knowledge, grant, vector_store_id, batch_id)
    response.headers.update(POLL)
    return file_batch_info(base, view)


@router.post("/file_batches/{batch_id}/cancel", scope="knowledge:write")
async def cancel_file_batch(
    vector_store_id: str, batch_id: str, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.FileBatchInfo:
    """Cancel a batch. Files that it has indexed stay."""
    base, view = await _batch(knowledge, grant, vector_store_id, batch_id, WRITE)
    await knowledge.cancel(view.id)
    return file_batch_info(base, await knowledge.worker.view(view.id))


@router.get("/file_batches/{batch_id}/files", scope="knowledge:read")
async def list_batch_files(
    vector_store_id: str,
    batch_id: str,
    knowledge: TheKnowledge,
    grant: TheGrant,
    query: TheTwoSidedQuery,
    status: Status = None,
) -> bodies.StoreFilePage:
    """The files of a batch."""
    base, view = await _batch(knowledge, grant, vector_store_id, batch_id)
    page = FilesPage(limit=query.limit, ascending=query.ascending, status=status, job=view.id)
    return await _page(knowledge, base, page, query)


async def _batch(
    knowledge: KnowledgeService, grant: TheGrant, store: str, batch: str, level: str = READ
) -> tuple[KnowledgeBase, JobView]:
    """A store and an indexing job of it. Raises `VectorStoreNotFound` or `FileBatchNotFound`."""
    base = await StoreAccess(knowledge, grant).base(store, level)
    try:
        view = await knowledge.worker.view(batch.removeprefix(BATCH))
    except JobNotFound:
        raise FileBatchNotFound(batch, store_id(base.id)) from None
    if not batch.startswith(BATCH) or view.base != base.name:
        raise FileBatchNotFound(batch, store_id(base.id))
    return base, view
