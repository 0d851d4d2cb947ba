"""The content of documents and stored files that a request of a dialect contains or names."""

from __future__ import annotations

import asyncio
import base64
import binascii
import mimetypes
from dataclasses import dataclass, field

from modelyard.core.access import Grant, Owner
from modelyard.core.errors import BodyTooLarge, InvalidParameter
from modelyard.db.file_tables import FileRow
from modelyard.files.service import FileService
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol.anthropic import Base64Data
from modelyard.protocol.responses_items import FileInput

FILES = "files:read"
"""The scope of stored files."""
LINKED = "documents are not fetched from other servers; send their content, or upload them to /v1/files."
MOST_DOCUMENTS = 100
"""How many documents the loaders read for one request."""


@dataclass(frozen=True, slots=True)
class Attachments:
    """Reads documents with the loaders of knowledge bases, and stored files of the caller."""

    knowledge: KnowledgeService
    files: FileService
    most_bytes: int
    """Size in bytes that the files of one request may have together."""

    async def text(self, data: bytes, name: str) -> str:
        """The text of a document. Raises `DocumentUnreadable`."""
        return await self.knowledge.text_of(data, name)

    def of(self, grant: Grant | None) -> RequestFiles:
        """The stored files of one request."""
        return RequestFiles(self, grant)


@dataclass(slots=True)
class RequestFiles:
    """The stored files that one request names. Each is read once; together they are no larger than a body may be."""

    attachments: Attachments
    grant: Grant | None
    documents: int = 0
    """Documents that the loaders have read."""
    size: int = 0
    """Bytes of all files so far, those counted twice that are named twice."""
    rows: dict[str, FileRow] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    pictures: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)

    async def picture(self, name: str, place: str) -> Base64Data:
        """A stored file in base64. Raises `PermissionDenied`, `FileNotFound` or `BodyTooLarge`."""
        row = await self._row(name, place)
        if name not in self.pictures:
            data = await self._content(row)
            self.pictures[name] = await asyncio.to_thread(lambda: base64.b64encode(data).decode())
        kind = mimetypes.guess_type(row.filename)[0] or "application/octet-stream"
        return Base64Data(self.pictures[name], kind)

    async def text(self, name: str, place: str) -> tuple[str, str]:
        """The text and the name of a stored document. Raises what `picture` raises, and `DocumentUnreadable`."""
        row = await self._row(name, place)
        if name not in self.texts:
            self._count(place)
            self.texts[name] = await self.attachments.text(await self._content(row), row.filename)
        return self.texts[name], row.filename

    async def encoded(self, data: str, place: str, name: str) -> str:
        """The text of a document in base64. Raises `InvalidParameter` and `DocumentUnreadable`."""
        self._count(place)
        return await self.attachments.text(await asyncio.to_thread(decoded, data, place), name)

    async def document(self, part: FileInput, place: str) -> str:
        """The text of a document that a part contains or names. A stored one gives the part its name.

        Raises what `text` and `encoded` raise.
        """
        if part.file_url:
            raise InvalidParameter(f"{place}.file_url", LINKED)
        if part.file_id:
            text, name = await self.text(part.file_id, f"{place}.file_id")
            part.filename = part.filename or name
            return text
        if not part.file_data:
            raise InvalidParameter(f"{place}.file_data", "it is required: the document; or give 'file_id'.")
        kind, data = "", part.file_data
        if data.startswith("data:"):
            head, _, data = data.partition(",")
            kind = head.removeprefix("data:").partition(";")[0]
        return await self.encoded(data, f"{place}.file_data", part.filename or file_name(None, kind or "text/plain"))

    def _count(self, place: str) -> None:
        self.documents += 1
        if self.documents > MOST_DOCUMENTS:
            raise InvalidParameter(place, f"at most {MOST_DOCUMENTS} documents of one request are read.")

    async def _row(self, name: str, place: str) -> FileRow:
        if (row := self.rows.get(name)) is None:
            if self.grant is not None:
                self.grant.check(FILES)
            row = self.rows[name] = await self.attachments.files.get(Owner.of(self.grant), name, place)
        self.size += row.size
        if self.size > (most := self.attachments.most_bytes):
            raise BodyTooLarge(most, what="Everything that the request names of stored files")
        return row

    async def _content(self, row: FileRow) -> bytes:
        if row.id not in self.contents:
            self.contents[row.id] = b"".join([part async for part in self.attachments.files.read(row)])
        return self.contents[row.id]


def decoded(data: str, place: str) -> bytes:
    """The bytes of base64. Raises `InvalidParameter`."""
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise InvalidParameter(place, "it is no base64.") from None


def file_name(title: str | None, media_type: str) -> str:
    """A name by which loaders recognise the format of a document: its title, with the extension of its type."""
    extension = mimetypes.guess_extension(media_type.partition(";")[0].strip()) or ""
    base = (title or "document").replace("/", " ").strip() or "document"
    return base if extension and base.lower().endswith(extension) else base + extension
