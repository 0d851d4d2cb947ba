"""Routes for pages of PDF documents: their images, and where chunks stand on them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Path, Query, Request
from fastapi.responses import Response

from modelyard.knowledge.documents.pages import image_name
from modelyard.protocol import pages as bodies
from modelyard.web.base_access import NamedBase
from modelyard.web.deps import TheKnowledge
from modelyard.web.disconnects import while_connected
from modelyard.web.router import Router

router = Router("/v1/knowledge_bases/{base}", tags=["documents"], dependencies=[NamedBase])

RowId = Annotated[int, Path(ge=0, le=(1 << 63) - 1)]
PNG = "image/png"
CACHED = "private, max-age=3600"


@router.get(
    "/documents/{document}/pages/{page}",
    scope="knowledge:read",
    response_class=Response,
    responses={200: {"description": "The page.", "content": {PNG: {"schema": {"type": "string", "format": "binary"}}}}},
)
async def page_image(
    base: str,
    document: RowId,
    page: Annotated[int, Path(ge=1, le=1_000_000)],
    request: Request,
    knowledge: TheKnowledge,
    width: Annotated[int | None, Query(ge=16, le=4096, description="Pixels; instead of `scale`.")] = None,
    scale: Annotated[float, Query(ge=0.1, le=8, description="Pixels of a point, which is 1/72 inch.")] = 1.5,
    if_none_match: Annotated[str | None, Header(max_length=1000)] = None,
) -> Response:
    """A page of a PDF document as a PNG; no side has more than 4,096 pixels. Pages count from 1."""
    row = await knowledge.documents.numbered(await knowledge.bases.get(base), document)
    tag = f'"{row.hash[:32]}-{image_name(page, width, scale)}"'
    headers = {"etag": tag, "cache-control": CACHED, "x-content-type-options": "nosniff"}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    data = await while_connected(request, knowledge.pages.image(row, page, width, scale))
    return Response(data, media_type=PNG, headers=headers)


@router.get("/chunks/{chunk}/boxes", scope="knowledge:read")
async def chunk_boxes(base: str, chunk: RowId, request: Request, knowledge: TheKnowledge) -> bodies.ChunkBoxes:
    """Where a chunk of a PDF document stands: for each of its pages, rectangles around its lines.

    `pages` is empty for a chunk that has no page, such as one that was written by hand. For a document that is no PDF the answer
    is 404 `page_not_found`.
    """
    row = await knowledge.bases.get(base)
    document, pages = await while_connected(request, knowledge.pages.boxes(row, chunk))
    found = [bodies.PageBoxesInfo.model_validate(each, from_attributes=True) for each in pages]
    return bodies.ChunkBoxes(chunk_id=chunk, document_id=document.id, document=document.name, pages=found)
