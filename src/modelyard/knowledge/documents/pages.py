"""Pages of PDF documents: their images, and where chunks stand on them.

Boxes are found again in the file whenever somebody asks. They could be stored when a document is indexed instead, but that
would cost every chunk of every document, and documents that are indexed already would have none; looking again reads only the
pages of one chunk.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import func

from modelyard.core.errors import DocumentUnreadable, PageNotFound
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeText
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blobs
from modelyard.knowledge.documents.loaders.formats import has_pdf
from modelyard.knowledge.documents.loaders.page_messages import (
    BoxesReply,
    BoxesRequest,
    PageBoxes,
    PageImageReply,
    PageImageRequest,
)
from modelyard.knowledge.documents.loaders.reader_process import Readers
from modelyard.knowledge.documents.page_cache import PageCache
from modelyard.knowledge.documents.passages import ChunkSpan, passages

VERSION = 1
"""Raised when pages are drawn in another way, so that images of before are not used."""


class Pages:
    """Pages of documents, drawn in child processes of their own, so that they do not wait for indexing."""

    def __init__(self, database: Database, blobs: Blobs, folder: Path) -> None:
        self._database = database
        self._blobs = blobs
        self._cache = PageCache(folder)
        self._readers = Readers()
        blobs.on_forget = self._cache.forget

    async def open(self) -> None:
        """Take up the images that an earlier run has kept."""
        await asyncio.to_thread(self._cache.open)

    async def close(self) -> None:
        """End the child processes."""
        await self._readers.close()

    async def image(self, document: KnowledgeDocument, page: int, width: int | None, scale: float) -> bytes:
        """A page as a PNG, `width` pixels wide or drawn with `scale` pixels of a point; at most 4,096 pixels a side.

        Raises `PageNotFound` or `DocumentUnreadable`.
        """
        name = image_name(page, width, scale)
        if (data := await asyncio.to_thread(self._cache.get, document.hash, name)) is not None:
            return data
        path = await self._pdf(document)
        request = PageImageRequest(str(path), document.name, page, width, scale)
        reply = await self._readers.ask(request, PageImageReply)
        if not reply.data:
            raise PageNotFound(document.name, page, reply.pages)
        await asyncio.to_thread(self._cache.put, document.hash, name, reply.data)
        if not path.exists():  # it was deleted meanwhile
            await asyncio.to_thread(self._cache.forget, document.hash)
        return reply.data

    async def boxes(self, base: KnowledgeBase, number: int) -> tuple[KnowledgeDocument, Sequence[PageBoxes]]:
        """The document of a chunk, and where the chunk stands on its pages; nowhere if it was written by hand.

        Raises `ChunkNotFound`, `PageNotFound` or `DocumentUnreadable`.
        """
        async with self._database.session() as session:
            row = await rows.chunk_numbered(session, base, number)
            document = await session.get_one(KnowledgeDocument, row.document_id)
            text = await session.get(KnowledgeText, row.document_id)
            columns = (
                KnowledgeChunk.start,
                KnowledgeChunk.end,
                KnowledgeChunk.page,
                KnowledgeChunk.page_breaks,
                func.length(KnowledgeChunk.text),
                KnowledgeChunk.edited,
            )
            query = rows.chunks_of(row.document_id, base.generation).with_only_columns(*columns)
            found = (await session.execute(query.where(KnowledgeChunk.start.is_not(None)))).all()
        path = await self._pdf(document)
        if row.start is None or row.end is None or text is None:
            return document, []
        span = ChunkSpan(row.start, row.end, row.page, row.page_breaks, len(row.text), row.edited)
        parts = passages(span, [ChunkSpan(*each) for each in found], text.text)
        if not parts:
            return document, []
        request = BoxesRequest(str(path), document.name, [part for part, _ in parts])
        reply = await self._readers.ask(request, BoxesReply)
        certain = {part.page for part, is_certain in parts if is_certain}
        return document, [each for each in reply.boxes if each.exact or each.page in certain]

    async def _pdf(self, document: KnowledgeDocument) -> Path:
        """The file of a PDF document. Raises `PageNotFound` for another one, and `DocumentUnreadable` if the file is gone."""
        path = self._blobs.path(document.hash)
        try:
            paged = await asyncio.to_thread(_is_pdf, path)
        except OSError:
            raise DocumentUnreadable(document.name, "its file is gone; upload it again.") from None
        if not paged:
            raise PageNotFound(document.name)
        return path


def image_name(page: int, width: int | None, scale: float) -> str:
    """What an image of a page is called among those of its document."""
    return f"{VERSION}-{page}-{f'{scale:.2f}' if width is None else f'w{width}'}.png"


def _is_pdf(path: Path) -> bool:
    with path.open("rb") as file:
        return has_pdf(file.read(1024))
