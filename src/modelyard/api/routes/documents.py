"""Routes for the documents of a knowledge base, and for their chunks."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import File, Form, Path, Query, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse, Response

from modelyard.core.access import Owner
from modelyard.core.errors import BodyTooLarge, InvalidParameter, MalformedBody
from modelyard.db.tables import KnowledgeDocument
from modelyard.knowledge.documents.bases import chunking_of
from modelyard.knowledge.indexing.jobs import chunking_for
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol import knowledge as bodies
from modelyard.protocol.json_values import check_text
from modelyard.web.base_access import NamedBase
from modelyard.web.cursors import After, joined, numbers, page_of
from modelyard.web.deps import TheGrant, TheKnowledge
from modelyard.web.files import file_response, parts_of
from modelyard.web.knowledge_views import chunk_info, document_info, page
from modelyard.web.router import FILE, BodyKind, Router

router = Router("/v1/knowledge_bases/{base}", tags=["documents"], dependencies=[NamedBase])

RowId = Annotated[int, Path(ge=0, le=(1 << 63) - 1)]


def json_field(name: str, given: str | None) -> dict[str, Any] | None:
    """Parse the JSON object in a field of a form. Raises `InvalidParameter`."""
    if not given:
        return None
    try:
        found = check_text(name, given)
    except MalformedBody as error:
        raise InvalidParameter(name, f"it is no JSON: {error.message}") from None
    if not isinstance(found, dict):
        raise InvalidParameter(name, "it must be a JSON object.")
    return found


@router.post("/documents", scope="knowledge:write", body=BodyKind.DOCUMENTS)
async def upload(
    base: str,
    knowledge: TheKnowledge,
    grant: TheGrant,
    files: Annotated[list[UploadFile], File(description="One or many; `name` below stands for a single one's.")],
    name: Annotated[str | None, Form()] = None,
    metadata: Annotated[str | None, Form(description="A JSON object, for all of them.")] = None,
    chunking: Annotated[str | None, Form(description="A JSON object, in place of the base's.")] = None,
    modified_at: Annotated[float | None, Form(allow_inf_nan=False)] = None,
    index: Annotated[bool, Form(description="Index them in the background.")] = True,
) -> bodies.Uploaded:
    """Upload documents. Content that is stored already is not stored again."""
    row = await knowledge.bases.get(base)
    details, cut = json_field("metadata", metadata), json_field("chunking", chunking)
    if cut is not None:
        chunking_of(cut)
    if name is not None and len(files) != 1:
        raise InvalidParameter("name", "it can be used with a single file only.")
    if len(files) > knowledge.settings.max_documents:
        raise InvalidParameter("files", f"one upload may have at most {knowledge.settings.max_documents} documents.")
    kept: list[KnowledgeDocument] = []
    failed: dict[str, str] = {}
    for file in files:
        title = name or file.filename or ""
        try:
            put = await knowledge.documents.put(
                row, title, parts_of(file), details=details, chunking=cut, modified_at=modified_at
            )
            kept.append(put.row)
        except (BodyTooLarge, InvalidParameter) as error:
            failed[title] = error.message
    if failed and not kept and len(files) == 1:
        raise InvalidParameter("files", next(iter(failed.values())))
    job = None
    if index and kept:
        names = [each.name for each in kept]
        job = await knowledge.index(row, names, uploaded=True, owner=Owner.of(grant).id)
    now = await knowledge.documents.as_now(row, kept)
    return bodies.Uploaded(data=[document_info(each) for each in now], job=job, failed=failed)


@router.get("/documents", scope="knowledge:read")
async def list_documents(
    base: str,
    knowledge: TheKnowledge,
    state: str | None = None,
    name: str = "",
    contains: str = "",
    limit: int = 100,
    offset: int = 0,
    after: After = None,
) -> bodies.DocumentList:
    """Documents by name; `name` is a complete one, `contains` a part of one. `after` reads any page as fast as the first."""
    row = await knowledge.bases.get(base)
    if name:
        one = await knowledge.documents.get(row, name)
        return bodies.DocumentList(data=[document_info(one)], total=1)
    limit, offset = page(limit, offset)
    rows, total = await knowledge.documents.all(
        row, state=state, contains=contains, limit=limit + 1, offset=offset, after=after
    )
    found, more = page_of(rows, limit, lambda each: each.name)
    return bodies.DocumentList(data=[document_info(each) for each in found], total=total, **more)


@router.patch("/documents", scope="knowledge:write", body=BodyKind.TEXT)
async def configure_several(
    base: str, body: bodies.ChangeDocuments, knowledge: TheKnowledge
) -> bodies.DocumentsChanged:
    """Include documents in searches or exclude them, add to their metadata, or set how they are split."""
    row = await knowledge.bases.get(base)
    cut = None if body.chunking is None else body.chunking.model_dump(exclude_unset=True)
    if cut is not None:
        chunking_of(cut)
    missing = await knowledge.edits.configure_many(
        row, body.names, enabled=body.enabled, details=body.metadata, chunking=cut
    )
    return bodies.DocumentsChanged(changed=len(set(body.names)) - len(missing), missing=missing)


@router.post("/documents/delete", scope="knowledge:write", body=BodyKind.TEXT, audited=True)
async def delete_several(base: str, body: bodies.DocumentNames, knowledge: TheKnowledge) -> bodies.Deleted:
    """Delete documents by name, with everything derived from them."""
    missing = await knowledge.edits.delete(await knowledge.bases.get(base), body.names)
    return bodies.Deleted(deleted=[each for each in body.names if each not in missing], missing=missing)


@router.post("/documents/unindex", scope="knowledge:write", body=BodyKind.TEXT, audited=True)
async def unindex(base: str, body: bodies.DocumentNames, knowledge: TheKnowledge) -> bodies.Unindexed:
    """Remove documents from the index, and keep their files; `…/documents/index` brings them back."""
    missing = await knowledge.edits.unindex_many(await knowledge.bases.get(base), body.names)
    return bodies.Unindexed(unindexed=[each for each in body.names if each not in missing], missing=missing)


@router.post("/documents/index", scope="knowledge:write", body=BodyKind.TEXT)
async def index(base: str, body: bodies.DocumentNames, knowledge: TheKnowledge, grant: TheGrant) -> bodies.JobStarted:
    """Index stored documents, again or for the first time."""
    owner = Owner.of(grant).id
    job = await knowledge.index(await knowledge.bases.get(base), body.names, body.force, owner=owner)
    return bodies.JobStarted(job=job)


@router.post("/documents/preview", scope="knowledge:write", body=BodyKind.DOCUMENT)
async def preview_upload(
    base: str,
    knowledge: TheKnowledge,
    file: UploadFile,
    chunking: Annotated[str | None, Form(description="A JSON object, in place of the base's.")] = None,
) -> bodies.Preview:
    """The chunks that a file would have; the file is not stored."""
    row = await knowledge.bases.get(base)
    cut = chunking_of(json_field("chunking", chunking) or row.chunking)
    pieces = await knowledge.preview(file.filename or "", parts_of(file), cut)
    return bodies.Preview(data=[bodies.PieceInfo.model_validate(each, from_attributes=True) for each in pieces])


@router.get("/documents/{document}", scope="knowledge:read")
async def describe(base: str, document: RowId, knowledge: TheKnowledge) -> bodies.DocumentInfo:
    """A document by its id."""
    return document_info(await _row(knowledge, base, document))


@router.patch("/documents/{document}", scope="knowledge:write")
async def configure(
    base: str, document: RowId, body: bodies.ChangeDocument, knowledge: TheKnowledge
) -> bodies.DocumentInfo:
    """Include a document in searches or exclude it, or set its metadata."""
    row = await knowledge.bases.get(base)
    name = (await knowledge.documents.numbered(row, document)).name
    return document_info(await knowledge.edits.configure(row, name, enabled=body.enabled, details=body.metadata))


@router.delete("/documents/{document}", scope="knowledge:write", audited=True)
async def delete(base: str, document: RowId, knowledge: TheKnowledge) -> bodies.Deleted:
    """Delete a document with everything derived from it."""
    row = await knowledge.bases.get(base)
    name = (await knowledge.documents.numbered(row, document)).name
    await knowledge.edits.delete(row, [name])
    return bodies.Deleted(deleted=[name])


@router.get("/documents/{document}/content", scope="knowledge:read", response_class=FileResponse, responses=FILE)
async def content(base: str, document: RowId, knowledge: TheKnowledge, preview: bool = False) -> Response:
    """The document's bytes; `preview` lets a browser show them."""
    row = await _row(knowledge, base, document)
    return file_response(knowledge, row, preview)


@router.get("/documents/{document}/text", scope="knowledge:read", response_class=PlainTextResponse)
async def text(base: str, document: RowId, knowledge: TheKnowledge) -> str:
    """The text of a document; spans of its chunks are character offsets in it."""
    return await knowledge.documents.text(await _row(knowledge, base, document))


@router.post("/documents/{document}/preview", scope="knowledge:write")
async def preview(base: str, document: RowId, body: bodies.PreviewRequest, knowledge: TheKnowledge) -> bodies.Preview:
    """The chunks that a document would have with other chunk settings."""
    row = await knowledge.bases.get(base)
    found = await knowledge.documents.numbered(row, document)
    cut = chunking_for(row.chunking, found)
    if body.chunking is not None:
        cut = chunking_of(body.chunking.model_dump(exclude_unset=True))
    pieces = await knowledge.indexing.preview(found, cut)
    return bodies.Preview(data=[bodies.PieceInfo.model_validate(each, from_attributes=True) for each in pieces])


@router.get("/documents/{document}/chunks", scope="knowledge:read")
async def chunks(
    base: str,
    document: RowId,
    knowledge: TheKnowledge,
    limit: int = 100,
    offset: int = 0,
    q: Annotated[str, Query(max_length=1000, description="A part of their text, in any case.")] = "",
    after: After = None,
) -> bodies.ChunkList:
    """A document's chunks, in order. `total` counts those that have `q`, if it is given."""
    row = await knowledge.bases.get(base)
    name = (await knowledge.documents.numbered(row, document)).name
    limit, offset = page(limit, offset)
    rows, total = await knowledge.documents.chunks(
        row, name, limit=limit + 1, offset=offset, contains=q, after=numbers(after)
    )
    found, more = page_of(rows, limit, lambda each: joined(each.position, each.id))
    return bodies.ChunkList(data=[chunk_info(each) for each in found], total=total, **more)


@router.post("/documents/{document}/chunks", scope="knowledge:write", body=BodyKind.TEXT)
async def add_chunk(base: str, document: RowId, body: bodies.NewChunk, knowledge: TheKnowledge) -> bodies.ChunkInfo:
    """Add a chunk to a document. Only that chunk is embedded."""
    row = await knowledge.bases.get(base)
    name = (await knowledge.documents.numbered(row, document)).name
    return chunk_info(await knowledge.edits.add_chunk(row, name, body.text, body.position))


@router.patch("/chunks/{chunk}", scope="knowledge:write", body=BodyKind.TEXT)
async def edit_chunk(base: str, chunk: RowId, body: bodies.ChangeChunk, knowledge: TheKnowledge) -> bodies.ChunkInfo:
    """Change a chunk's text, or whether searches include it. Only that chunk is embedded; a new text has a new id."""
    row = await knowledge.bases.get(base)
    return chunk_info(await knowledge.edits.change_chunk(row, chunk, text=body.text, enabled=body.enabled))


@router.delete("/chunks/{chunk}", scope="knowledge:write")
async def delete_chunk(base: str, chunk: RowId, knowledge: TheKnowledge) -> bodies.Deleted:
    """Delete a chunk."""
    await knowledge.edits.remove_chunk(await knowledge.bases.get(base), chunk)
    return bodies.Deleted(deleted=[str(chunk)])


async def _row(knowledge: KnowledgeService, base: str, document: RowId) -> KnowledgeDocument:
    return await knowledge.documents.numbered(await knowledge.bases.get(base), document)
