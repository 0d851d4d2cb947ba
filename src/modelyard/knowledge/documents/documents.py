"""Documents and chunks as rows: keeping files, listing, editing, deleting. What is indexed when is `ingest.py`'s to say."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, delete, func, null, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import ChunkNotFound, DocumentNotFound, InvalidParameter, ModelyardError
from modelyard.core.names import composed, spellings
from modelyard.db.session import Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeText
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blob, Blobs
from modelyard.knowledge.documents.new_rows import copied, inserted, new_document
from modelyard.knowledge.indexing.index_pool import Indexes
from modelyard.knowledge.indexing.vectors import Vectors, as_vector, text_hash
from modelyard.knowledge.types import Entry

LONGEST_NAME = 1000
LONGEST_CHUNK = 20_000
"""Characters of a chunk that somebody writes."""
ESCAPE = "\\"


@dataclass(frozen=True, slots=True)
class Kept:
    """A document after its bytes were kept."""

    row: KnowledgeDocument
    changed: bool
    """Whether it is new, or its bytes or details are."""


def checked_document_name(name: str) -> str:
    """A document's name, composed, which is only ever shown and compared. Raises `InvalidParameter`."""
    name = composed(name)
    if not name.strip() or len(name) > LONGEST_NAME or "\0" in name:
        raise InvalidParameter("file", f"a document needs a name of at most {LONGEST_NAME} characters.")
    return name


class Documents:
    """The rows of documents and chunks, and the bytes behind them."""

    def __init__(
        self,
        database: Database,
        blobs: Blobs,
        indexes: Indexes,
        vectors: Vectors,
        forget: Callable[[Iterable[int]], None],
    ) -> None:
        """`forget` is told of chunks that are shown in another way now."""
        self._forget = forget
        self._database = database
        self.blobs = blobs
        self._indexes = indexes
        self._vectors = vectors

    async def keep(
        self,
        base: KnowledgeBase,
        name: str,
        data: AsyncIterator[bytes],
        most: int,
        *,
        details: Mapping[str, Any] | None = None,
        chunking: Mapping[str, Any] | None = None,
        modified_at: float | None = None,
        state: str = rows.STORED,
    ) -> Kept:
        """Keep a document's bytes and make or update its row; `details` are added to those it has.

        Raises `BodyTooLarge` beyond `most` bytes, `InvalidParameter`, `NotEnoughDisk`, and `KnowledgeBaseNotFound`.
        """
        name = checked_document_name(name)
        self._database.check_room()
        more = {"chunking": None if chunking is None else dict(chunking), "modified_at": modified_at}
        given = {column: value for column, value in more.items() if value is not None}
        blob: Blob | None = None
        try:
            async with self.blobs.holding(data, most) as blob:
                return await self._note(base, name, blob, details, given, state)
        except ModelyardError:  # the base was deleted meanwhile, or the database takes nothing
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
        given: Mapping[str, Any],
        state: str,
    ) -> Kept:
        """Make or update a document's row."""
        before = None
        async with self._database.writing() as session:
            await rows.present(session, base)
            named = KnowledgeDocument.name.in_(spellings([name]))
            row = await session.scalar(select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id, named))
            changed = row is None or row.hash != blob.hash or (details is not None and dict(details) != row.details)
            if row is None:
                row = new_document(base, name, blob, state)
                session.add(row)
            elif row.hash != blob.hash:
                before, row.hash, row.size, row.version = row.hash, blob.hash, blob.size, row.version + 1
                row.updated_at = time.time()
            if details is not None:
                row.details = {**row.details, **details}
            for column, value in given.items():
                setattr(row, column, value)
        if before:
            await self.forget_blobs([before])
        return Kept(row, changed)

    async def get(self, base: KnowledgeBase, name: str) -> KnowledgeDocument:
        """Raises `DocumentNotFound`."""
        async with self._database.session() as session:
            return await rows.document_named(session, base, name)

    async def as_now(self, base: KnowledgeBase, documents: Sequence[KnowledgeDocument]) -> list[KnowledgeDocument]:
        """Documents as they are now; one that somebody has deleted since, as it was."""
        async with self._database.session() as session:
            there = await rows.documents_named(session, base, [each.name for each in documents], present_only=True)
        now = {each.id: each for each in there}
        return [now.get(each.id, each) for each in documents]

    async def numbered(self, base: KnowledgeBase, number: int) -> KnowledgeDocument:
        """A document by its id. Raises `DocumentNotFound`."""
        async with self._database.session() as session:
            row = await session.get(KnowledgeDocument, number)
        if row is None or row.base_id != base.id:
            raise DocumentNotFound(str(number), base.name)
        return row

    async def all(
        self, base: KnowledgeBase, *, state: str | None = None, contains: str = "", limit: int = 1000, offset: int = 0
    ) -> tuple[Sequence[KnowledgeDocument], int]:
        """Documents by name, and how many there are in all; `contains` is a part of the name, and no pattern."""
        asked = select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id)
        if state is not None:
            asked = asked.where(KnowledgeDocument.state == state)
        if contains:
            asked = asked.where(KnowledgeDocument.name.contains(composed(contains), autoescape=True))
        async with self._database.session() as session:
            total = await session.scalar(select(func.count()).select_from(asked.subquery())) or 0
            page = asked.order_by(KnowledgeDocument.name).limit(limit).offset(offset)
            return (await session.scalars(page)).all(), total

    async def text(self, document: KnowledgeDocument) -> str:
        """What was read in it; empty before it was indexed."""
        async with self._database.session() as session:
            row = await session.get(KnowledgeText, document.id)
        return "" if row is None else row.text

    @retried
    async def configure(
        self,
        base: KnowledgeBase,
        name: str,
        *,
        enabled: bool | None = None,
        details: Mapping[str, Any] | None = None,
        chunking: Mapping[str, Any] | None = None,
    ) -> KnowledgeDocument:
        """Set whether searches see it, its details, how it is cut next. Raises `DocumentNotFound` or `KnowledgeBaseBusy`."""
        async with self._database.writing() as session:
            row = await rows.document_named(session, base, name)
            if chunking is not None:
                row.chunking = dict(chunking)
            if details is not None:
                row.details = dict(details)
            switched = enabled is not None and enabled != row.enabled
            if switched:
                base = await rows.held(session, base)
                row.enabled = bool(enabled)
            ids = await session.scalars(_of(row.id, base.generation).where(KnowledgeChunk.enabled.is_(True)))
            chunks = [each.id for each in ids] if switched else []
        if switched and enabled:
            await self._show(base, chunks)
        elif switched:
            await self._indexes.follow(base, [], chunks)
        return row

    async def delete(self, base: KnowledgeBase, names: Sequence[str]) -> list[str]:
        """Delete documents with everything made from them; those that are not there are given back."""
        hashes, gone = await self._delete(base, names)
        await self.forget_blobs(list(hashes.values()))  # before the index, which needs room to forget
        await self._indexes.follow(base, [], gone)
        gone_names = {composed(name) for name in hashes}
        return [name for name in names if composed(name) not in gone_names]

    @retried
    async def _delete(self, base: KnowledgeBase, names: Sequence[str]) -> tuple[dict[str, str], list[int]]:
        """Hashes of the documents that were deleted, by name, and ids of their chunks that searches saw."""
        hashes: dict[str, str] = {}
        gone: list[int] = []
        async with self._database.freeing() as session:
            for first in range(0, len(names), rows.PORTION):
                some = KnowledgeDocument.name.in_(spellings(names[first : first + rows.PORTION]))
                asked = select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id, some)
                found = (await session.scalars(asked.with_for_update())).all()
                ids = [each.id for each in found]
                gone += await rows.chunk_ids(session, ids, base.generation)
                await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.document_id.in_(ids)))
                await session.execute(delete(KnowledgeDocument).where(KnowledgeDocument.id.in_(ids)))
                hashes |= {each.name: each.hash for each in found}
        return hashes, gone

    @retried
    async def unindex(self, base: KnowledgeBase, name: str) -> None:
        """Delete what was made from a document, and keep its bytes. Raises `DocumentNotFound` or `KnowledgeBaseBusy`."""
        async with self._database.writing() as session:
            row = await rows.document_named(session, base, name)
            base = await rows.held(session, base)
            gone = await rows.chunk_ids(session, [row.id], base.generation)
            await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.document_id == row.id))
            row.state, row.chunks, row.fingerprint, row.edited = rows.STORED, 0, "", False
        await self._indexes.follow(base, [], gone)

    async def include_all(self, base: KnowledgeBase) -> None:
        """Cut every document as its base says from now on, and index with the others those that were only kept."""
        async with self._database.session() as session:
            of_base = update(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id)
            await session.execute(of_base.values(chunking=null()))
            await session.execute(of_base.where(KnowledgeDocument.state == rows.STORED).values(state=rows.WAITING))

    async def chunks(
        self, base: KnowledgeBase, name: str, *, limit: int = 1000, offset: int = 0
    ) -> tuple[Sequence[KnowledgeChunk], int]:
        """A document's chunks in order, and how many there are. Raises `DocumentNotFound`."""
        async with self._database.session() as session:
            row = await rows.document_named(session, base, name)
            asked = _of(row.id, base.generation).order_by(KnowledgeChunk.position, KnowledgeChunk.id)
            page = (await session.scalars(asked.limit(limit).offset(offset))).all()
            return page, row.chunks

    async def chunk(self, base: KnowledgeBase, number: int) -> KnowledgeChunk:
        """One chunk by its id. Raises `ChunkNotFound`."""
        async with self._database.session() as session:
            return await _chunk(session, base, number)

    @retried
    async def edit(
        self,
        base: KnowledgeBase,
        number: int,
        *,
        text: str | None = None,
        enabled: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> KnowledgeChunk:
        """Change one chunk, and embed that one only; with a new text it has a new id.

        Raises `ChunkNotFound`, `KnowledgeBaseBusy`, `InvalidParameter`, and what the embedding model raises.
        """
        async with self._database.session() as session:
            await rows.not_rebuilding(session, base)
            old = await _chunk(session, base, number)
            document = await session.get_one(KnowledgeDocument, old.document_id)
        new_text = old.text if text is None else _checked_text(text)
        shown = old.enabled if enabled is None else enabled
        vector = await self._vector(base, new_text) if new_text != old.text else None
        async with self._database.writing() as session:
            base = await rows.held(session, base)
            row = await _chunk(session, base, number)
            if new_text != row.text:
                await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.id == row.id))
                row = copied(row, new_text)
                session.add(row)
            row.enabled, row.edited = shown, True
            if extra is not None:
                row.extra = dict(extra)
            await session.execute(
                update(KnowledgeDocument).where(KnowledgeDocument.id == document.id).values(edited=True)
            )
        self._forget([row.id])
        visible = shown and document.enabled
        if vector is None:
            entries = await self._indexes.entries([row.id], base.embedding_model) if visible else []
        else:
            entries = [Entry(row.id, document.id, new_text, vector)] if visible else []
        gone = [number] if row.id != number or not visible else []
        await self._indexes.follow(base, entries, gone)
        return row

    @retried
    async def add(
        self,
        base: KnowledgeBase,
        name: str,
        text: str,
        position: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> KnowledgeChunk:
        """Write a chunk into a document, at its end or before the chunk at `position`. Raises as `edit` does."""
        _checked_text(text)
        while True:
            async with self._database.session() as session:
                base = await rows.present(session, base)
                await rows.not_rebuilding(session, base)
                await rows.document_named(session, base, name)
            vector = await self._vector(base, text)
            async with self._database.writing() as session:
                fresh = await rows.held(session, base)
                # Else it was indexed anew meanwhile, perhaps with another model.
                if fresh.generation == base.generation:
                    document = await rows.document_named(session, fresh, name)
                    row, moved = await inserted(session, document, fresh.generation, text, position, extra or {})
                    break
        self._forget(moved)
        if document.enabled:
            await self._indexes.follow(base, [Entry(row.id, document.id, text, vector)])
        return row

    @retried
    async def remove(self, base: KnowledgeBase, number: int) -> None:
        """Delete one chunk. Raises `ChunkNotFound` or `KnowledgeBaseBusy`."""
        async with self._database.writing() as session:
            base = await rows.held(session, base)
            row = await _chunk(session, base, number)
            await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.id == number))
            await session.execute(
                update(KnowledgeDocument)
                .where(KnowledgeDocument.id == row.document_id)
                .values(edited=True, chunks=KnowledgeDocument.chunks - 1)
            )
        await self._indexes.follow(base, [], [number])

    async def _vector(self, base: KnowledgeBase, text: str) -> Sequence[float] | None:
        """The vector of one text; None in a base without an embedding model."""
        if base.embedding_model is None:
            return None
        name = text_hash(text)
        found, _ = await self._vectors.ensure(base.embedding_model, {name: text}, base.dimension)
        vector = as_vector(found[name])
        assert vector is not None
        if base.dimension is None:
            await self._learn_dimension(base, len(vector))
        return vector

    async def _learn_dimension(self, base: KnowledgeBase, dimension: int) -> None:
        async with self._database.session() as session:
            known = update(KnowledgeBase).where(KnowledgeBase.id == base.id)
            await session.execute(known.values(dimension=dimension))
        base.dimension = dimension
        await self._indexes.reopen(base.id, base.generation)

    async def _show(self, base: KnowledgeBase, ids: Sequence[int]) -> None:
        await self._indexes.follow(base, await self._indexes.entries(ids, base.embedding_model))

    async def forget_blobs(self, hashes: Sequence[str]) -> None:
        """Remove those of these bytes that no document has any more."""
        for name in set(hashes):
            await self.blobs.forget(name, self._has)

    async def _has(self, name: str) -> bool:
        """Whether any document has these bytes."""
        async with self._database.session() as session:
            asked = select(KnowledgeDocument.id).where(KnowledgeDocument.hash == name).limit(1)
            return await session.scalar(asked) is not None


def _of(document: int, generation: int) -> Select[KnowledgeChunk]:
    return select(KnowledgeChunk).where(KnowledgeChunk.document_id == document, KnowledgeChunk.generation == generation)


async def _chunk(session: AsyncSession, base: KnowledgeBase, number: int) -> KnowledgeChunk:
    row = await session.get(KnowledgeChunk, number)
    if row is None or row.base_id != base.id or row.generation != base.generation:
        raise ChunkNotFound(number, base.name)
    return row


def _checked_text(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_CHUNK:
        raise InvalidParameter("text", f"a chunk has between 1 and {LONGEST_CHUNK} characters.")
    return text
