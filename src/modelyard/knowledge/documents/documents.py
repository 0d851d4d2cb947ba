"""Documents as rows, with their files and chunks: stores, lists and reads them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, null, select, tuple_, update

from modelyard.core.errors import DocumentNotFound, InvalidParameter, ModelyardError
from modelyard.core.names import composed
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeText
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blob, Blobs
from modelyard.knowledge.documents.new_rows import new_document
from modelyard.knowledge.documents.states import DocumentState

LONGEST_NAME = 1000
SOURCE_FILE = "file_id"
"""Metadata of a document that was made of a stored file: the file's id."""


@dataclass(frozen=True, slots=True)
class StoredDocument:
    """A document whose content is stored."""

    row: KnowledgeDocument
    changed: bool
    """Whether it is new, or its content or metadata has changed."""


@dataclass(frozen=True, slots=True)
class StoredContent:
    """What tells whether a document has changed."""

    hash: str
    """SHA-256 of its content, in hexadecimal."""
    state: str
    details: Mapping[str, Any]


def check_document_name(name: str) -> str:
    """Return the name of a document in composed form, which is never used as a path. Raises `InvalidParameter`."""
    name = composed(name)
    if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
        raise InvalidParameter("file", f"a document needs a name of at most {LONGEST_NAME} characters.")
    return name


class Documents:
    """Stores and reads documents. `indexing/edits.py` changes and deletes them, because their index has to be updated."""

    def __init__(self, database: Database, blobs: Blobs, max_bytes: int) -> None:
        self._database = database
        self._max_bytes = max_bytes
        self.blobs = blobs

    async def put(
        self,
        base: KnowledgeBase,
        name: str,
        data: AsyncIterator[bytes],
        *,
        details: Mapping[str, Any] | None = None,
        chunking: Mapping[str, Any] | None = None,
        modified_at: float | None = None,
        source: str | None = None,
        original: Path | None = None,
    ) -> StoredDocument:
        """Store the content of a document and create or update its row; `KnowledgeService.index` makes it searchable.

        `details` are added to its metadata; with a `source` they replace it.

        `source` is the id of the stored file that it is made of. A document of the same name that is made of something else
        stays; the new one has the id and `/` in front of its name then. `original` is that file on this machine; see `Blobs`.
        Raises `BodyTooLarge` above the setting `max_document_bytes`, `InvalidParameter`, `NotEnoughDisk` and
        `KnowledgeBaseNotFound`.
        """
        name = check_document_name(name)
        self._database.check_room()
        if source is not None:
            details = {**(details or {}), SOURCE_FILE: source}
        optional = {"chunking": None if chunking is None else dict(chunking), "modified_at": modified_at}
        columns = {column: value for column, value in optional.items() if value is not None}
        blob: Blob | None = None
        try:
            async with self.blobs.holding(data, self._max_bytes, original) as blob:
                return await self._note(base, name, blob, details, source, columns)
        except ModelyardError:  # the base was deleted meanwhile, or the database cannot be written
            if blob is not None:
                await self.forget_blobs([blob.hash])
            raise

    @retried
    async def _note(
        self,
        base: KnowledgeBase,
        name: str,
        blob: Blob,
        details: Mapping[str, Any] | None,
        source: str | None,
        columns: Mapping[str, Any],
    ) -> StoredDocument:
        """Create or update the row of a document."""
        before = None
        async with self._database.writing() as session:
            await rows.present(session, base)
            row = await rows.document_if_named(session, base, name)
            if source is not None and row is not None and row.source_file_id != source:
                name = f"{source}/{name}"
                row = await rows.document_if_named(session, base, name)
            changed = row is None or row.hash != blob.hash or (details is not None and dict(details) != row.details)
            if row is None:
                row = new_document(base, name, blob, source)
                session.add(row)
            elif row.hash != blob.hash:
                before, row.hash, row.size, row.version = row.hash, blob.hash, blob.size, row.version + 1
                row.updated_at = time.time()
            if details is not None:
                row.details = dict(details) if source is not None else {**row.details, **details}
                row.loaded_names = [] if source is not None else [n for n in row.loaded_names if n not in details]
            for column, value in columns.items():
                setattr(row, column, value)
        if before:
            await self.forget_blobs([before])
        return StoredDocument(row, changed)

    async def get(self, base: KnowledgeBase, name: str) -> KnowledgeDocument:
        """A document by its name. Raises `DocumentNotFound`."""
        async with self._database.session() as session:
            return await rows.document_named(session, base, name)

    async def as_now(self, base: KnowledgeBase, documents: Sequence[KnowledgeDocument]) -> list[KnowledgeDocument]:
        """Read documents again; a document that was deleted meanwhile is returned unchanged."""
        async with self._database.session() as session:
            present = await rows.documents_named(session, base, [each.name for each in documents], present_only=True)
        now = {each.id: each for each in present}
        return [now.get(each.id, each) for each in documents]

    async def numbered(self, base: KnowledgeBase, number: int) -> KnowledgeDocument:
        """A document by its id. Raises `DocumentNotFound`."""
        async with self._database.session() as session:
            row = await session.get(KnowledgeDocument, number)
        if row is None or row.base_id != base.id:
            raise DocumentNotFound(str(number), base.name)
        return row

    async def all(
        self,
        base: KnowledgeBase,
        *,
        state: str | None = None,
        contains: str = "",
        limit: int = 1000,
        offset: int = 0,
        after: str | None = None,
    ) -> tuple[Sequence[KnowledgeDocument], int]:
        """A page of documents by name, and their total number; `contains` is a part of the name, not a pattern.

        `after` is the name of the last document of the page before, which may have been deleted since.
        """
        query = select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id)
        if state is not None:
            query = query.where(KnowledgeDocument.state == state)
        if contains:
            query = query.where(KnowledgeDocument.name.contains(composed(contains), autoescape=True))
        async with self._database.session() as session:
            total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
            page = query.order_by(KnowledgeDocument.name).limit(limit).offset(offset)
            if after is not None:
                page = page.where(KnowledgeDocument.name > after)
            return (await session.scalars(page)).all(), total

    async def contents(self, base: KnowledgeBase) -> dict[str, StoredContent]:
        """Name → content of all documents of a base."""
        columns = (KnowledgeDocument.name, KnowledgeDocument.hash, KnowledgeDocument.state, KnowledgeDocument.details)
        async with self._database.session() as session:
            found = await session.execute(select(*columns).where(KnowledgeDocument.base_id == base.id))
        return {composed(name): StoredContent(digest, state, details) for name, digest, state, details in found.all()}

    async def text(self, document: KnowledgeDocument) -> str:
        """The text that was read from the document; empty before it is indexed."""
        async with self._database.session() as session:
            row = await session.get(KnowledgeText, document.id)
        return "" if row is None else row.text

    async def include_all(self, base: KnowledgeBase) -> None:
        """Remove the chunk settings of single documents, and mark stored documents for indexing by the next job."""
        async with self._database.session() as session:
            of_base = update(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id)
            await session.execute(of_base.values(chunking=null()))
            stored = of_base.where(KnowledgeDocument.state == DocumentState.STORED)
            await session.execute(stored.values(state=DocumentState.WAITING))

    async def chunks(
        self,
        base: KnowledgeBase,
        name: str,
        *,
        limit: int = 1000,
        offset: int = 0,
        contains: str = "",
        after: tuple[int, int] | None = None,
    ) -> tuple[Sequence[KnowledgeChunk], int]:
        """A page of the chunks of a document, and their total number. Raises `DocumentNotFound`.

        `contains` is a part of their text, in any case. `after` is position and id of the last chunk of the page before.
        """
        order = (KnowledgeChunk.position, KnowledgeChunk.id)
        async with self._database.session() as session:
            row = await rows.document_named(session, base, name)
            query = rows.chunks_of(row.id, base.generation)
            total = row.chunks
            if contains:
                query = query.where(KnowledgeChunk.text.icontains(contains, autoescape=True))
                total = await session.scalar(select(func.count()).select_from(query.subquery())) or 0
            if after is not None:
                query = query.where(tuple_(*order) > tuple_(*after))
            page = (await session.scalars(query.order_by(*order).limit(limit).offset(offset))).all()
            return page, total

    async def chunk(self, base: KnowledgeBase, number: int) -> KnowledgeChunk:
        """One chunk by its id. Raises `ChunkNotFound`."""
        async with self._database.session() as session:
            return await rows.chunk_numbered(session, base, number)

    async def extras(self, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """The metadata that users gave to these chunks, by id; chunks without metadata are left out."""
        statement = select(KnowledgeChunk.id, KnowledgeChunk.extra).where(KnowledgeChunk.id.in_(ids))
        async with self._database.session() as session:
            return {number: extra for number, extra in (await session.execute(statement)).all() if extra}

    async def forget_blobs(self, hashes: Sequence[str]) -> None:
        """Delete the content of these hashes that no document has any more."""
        for name in set(hashes):
            await self.blobs.forget(name, self._has)

    async def _has(self, name: str) -> bool:
        """Whether any document has content with this hash."""
        async with self._database.session() as session:
            query = select(KnowledgeDocument.id).where(KnowledgeDocument.hash == name).limit(1)
            return await session.scalar(query) is not None
