"""Files of documents: reading uploads, and sending stored documents."""

from __future__ import annotations

from collections.abc import AsyncIterator
from mimetypes import guess_type
from urllib.parse import quote

from fastapi import UploadFile
from fastapi.responses import FileResponse, Response

from modelyard.core.errors import DocumentUnreadable
from modelyard.db.tables import KnowledgeDocument
from modelyard.knowledge.service import KnowledgeService

READ_SIZE = 1 << 20


async def parts_of(file: UploadFile) -> AsyncIterator[bytes]:
    """Read an uploaded file in parts of `READ_SIZE` bytes."""
    while data := await file.read(READ_SIZE):
        yield data


def file_response(knowledge: KnowledgeService, row: KnowledgeDocument, preview: bool) -> Response:
    """Send a document's bytes such that a browser runs no script in them. Raises `DocumentUnreadable` if the file is gone."""
    path = knowledge.blobs.path(row.hash)
    if not path.exists():
        raise DocumentUnreadable(row.name, "its file is gone.")
    title = row.name.replace("\\", "/").rsplit("/", 1)[-1]
    headers = {
        "content-disposition": f"{'inline' if preview else 'attachment'}; filename*=utf-8''{quote(title, safe='')}",
        "content-security-policy": "sandbox",
        "x-content-type-options": "nosniff",
    }
    kind = guess_type(title)[0] or "application/octet-stream"
    return FileResponse(
        path, media_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind, headers=headers
    )
