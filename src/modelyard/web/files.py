"""Files: reading uploads, and sending documents and stored files such that a browser runs no script in them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from mimetypes import guess_type
from urllib.parse import quote

from fastapi import UploadFile
from fastapi.responses import FileResponse, Response, StreamingResponse

from modelyard.core.errors import DocumentUnreadable, FileNotFound
from modelyard.db.file_tables import FileRow
from modelyard.db.tables import KnowledgeDocument
from modelyard.files.service import FileService
from modelyard.knowledge.service import KnowledgeService

READ_SIZE = 1 << 20


async def parts_of(file: UploadFile) -> AsyncIterator[bytes]:
    """Read an uploaded file in parts of `READ_SIZE` bytes."""
    while data := await file.read(READ_SIZE):
        yield data


def file_response(knowledge: KnowledgeService, row: KnowledgeDocument, preview: bool) -> Response:
    """Send a document's bytes. Raises `DocumentUnreadable` if the file is gone."""
    path = knowledge.blobs.path(row.hash)
    if not path.exists():
        raise DocumentUnreadable(row.name, "its file is gone.")
    title = last_part(row.name)
    kind = guess_type(title)[0] or "application/octet-stream"
    return FileResponse(
        path,
        media_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        headers=safe_headers(title, "inline" if preview else "attachment"),
    )


async def stored_file_response(files: FileService, row: FileRow) -> Response:
    """Send a stored file's bytes, as bytes whatever they are. Raises `FileNotFound` if somebody removed them by hand."""
    headers = safe_headers(last_part(row.filename), "attachment")
    path = files.path(row)
    if path is not None:
        if not path.exists():
            raise FileNotFound(row.id)
        return FileResponse(path, media_type="application/octet-stream", headers=headers)
    blocks = files.read(row)
    try:
        first = await anext(blocks, b"")
    except FileNotFoundError:
        raise FileNotFound(row.id) from None
    headers["content-length"] = str(row.size)
    return StreamingResponse(_with_first(first, blocks), media_type="application/octet-stream", headers=headers)


async def _with_first(first: bytes, blocks: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    async with aclosing(blocks):
        yield first
        async for block in blocks:
            yield block


def last_part(name: str) -> str:
    """The last part of a name that may look like a path."""
    return name.replace("\\", "/").rsplit("/", 1)[-1]


def safe_headers(title: str, disposition: str) -> dict[str, str]:
    """Headers with which a browser neither guesses a type nor runs scripts."""
    return {
        "content-disposition": f"{disposition}; filename*=utf-8''{quote(title, safe='')}",
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
