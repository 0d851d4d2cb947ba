"""Changes of documents and chunks by users, in the rows and the index. Uploads go through `pipeline.py`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select, update

from modelyard.core.errors import DocumentNotFound, InvalidParameter
from modelyard.core.names import composed, spellings
from modelyard.db.session import Database, retried
from modelyard.db.statements import batched
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.documents import Documents
from modelyard.knowledge.documents.new_rows import chunk_with_text, insert_chunk
from modelyard.knowledge.documents.states import DocumentState
from modelyard.knowledge.indexing.index_pool import IndexPool
from modelyard.knowledge.indexing.vectors import Vectors, as_vector
from modelyard.knowledge.types import IndexEntry, indexed_text, text_hash

LONGEST_CHUNK = 20_000
"""Maximum characters of a chunk written by a user."""


class Edits:
    """Deletes and configures documents; adds, changes and deletes single chunks, which are embedded at once."""

    def __init__(self, database: Database, documents: Documents, indexes: IndexPool, vectors: Vectors) -> None:
        self._database = database
        self._documents = documents
        self._indexes = indexes
        self._vectors = vectors

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
        """Enable or disable a document, set its metadata or chunking. Raises `DocumentNotFound` or `KnowledgeBaseBusy`."""
        async with self._database.writing() as session:
            row = await rows.document_named(session, base, name)
            if chunking is not None:
                row.chunking = dict(chunking)
            if details is not None:
                row.details, row.loaded_names = dict(details), []
            switched = enabled is not None and enabled != row.enabled
            if switched:
                base = await rows.held(session, base)
                row.enabled = bool(enabled)
            ids = await session.scalars(rows.chunks_of(row.id, base.generation).where(KnowledgeChunk.enabled.is_(True)))
            chunks = [each.id for each in ids] if switched else []
        if switched and enabled:
            await self._show(base, chunks)
        elif switched:
            await self._indexes.follow(base, [], chunks)
        return row

    async def configure_many(
        self,
        base: KnowledgeBase,
        names: Sequence[str],
        *,
        enabled: bool | None = None,
        details: Mapping[str, Any] | None = None,
        chunking: Mapping[str, Any] | None = None,
    ) -> list[str]:
        """Enable or disable documents, set their chunking, add to their metadata; a value of None removes a key.

        Returns the names that do not exist. Raises `KnowledgeBaseBusy`.
        """
        base, found, chunks = await self._configure_many(base, names, enabled, details or {}, chunking)
        if chunks and enabled:
            await self._show(base, chunks)
        elif chunks:
            await self._indexes.follow(base, [], chunks)
        return [name for name in dict.fromkeys(names) if composed(name) not in found]

    @retried
    async def _configure_many(
        self,
        base: KnowledgeBase,
        names: Sequence[str],
        enabled: bool | None,
        details: Mapping[str, Any],
        chunking: Mapping[str, Any] | None,
    ) -> tuple[KnowledgeBase, set[str], list[int]]:
        """Change rows. Returns the base, the names that exist, and the chunks that become visible or invisible to searches."""
        found: set[str] = set()
        chunks: list[int] = []
        async with self._database.writing() as session:
            if enabled is not None:
                base = await rows.held(session, base)
            for some in batched(list(dict.fromkeys(names))):
                documents = await rows.documents_named(session, base, some, present_only=True)
                found |= {composed(each.name) for each in documents}
                switched = [] if enabled is None else [each.id for each in documents if each.enabled != enabled]
                for each in documents:
                    each.details = {k: v for k, v in {**each.details, **details}.items() if v is not None}
                    each.loaded_names = [name for name in each.loaded_names if name not in details]
                    each.enabled = each.enabled if enabled is None else enabled
                    each.chunking = each.chunking if chunking is None else dict(chunking)
                visible = select(KnowledgeChunk.id).where(
                    KnowledgeChunk.document_id.in_(switched),
                    KnowledgeChunk.generation == base.generation,
                    KnowledgeChunk.enabled.is_(True),
                )
                chunks += (await session.scalars(visible)).all() if switched else []
        return base, found, chunks

    async def delete(self, base: KnowledgeBase, names: Sequence[str]) -> list[str]:
        """Delete documents with everything derived from them. Returns the names that do not exist."""
        hashes, removed = await self._delete(base, names)
        await self._documents.forget_blobs(list(hashes.values()))  # before the index, whose update needs disk space
        await self._indexes.follow(base, [], removed)
        deleted_names = {composed(name) for name in hashes}
        return [name for name in names if composed(name) not in deleted_names]

    @retried
    async def _delete(self, base: KnowledgeBase, names: Sequence[str]) -> tuple[dict[str, str], list[int]]:
        """Delete rows. Returns the documents' hashes by name, and the ids of their searchable chunks."""
        hashes: dict[str, str] = {}
        removed: list[int] = []
        async with self._database.freeing() as session:
            for some in batched(names):
                named = KnowledgeDocument.name.in_(spellings(some))
                query = select(KnowledgeDocument).where(KnowledgeDocument.base_id == base.id, named)
                found = (await session.scalars(query.with_for_update())).all()
                ids = [each.id for each in found]
                removed += await rows.chunk_ids(session, ids, base.generation)
                await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.document_id.in_(ids)))
                await session.execute(delete(KnowledgeDocument).where(KnowledgeDocument.id.in_(ids)))
                hashes |= {each.name: each.hash for each in found}
        return hashes, removed

    @retried
    async def unindex(self, base: KnowledgeBase, name: str) -> None:
        """Delete the chunks of a document, and keep its content. Raises `DocumentNotFound` or `KnowledgeBaseBusy`."""
        async with self._database.writing() as session:
            row = await rows.document_named(session, base, name)
            base = await rows.held(session, base)
            removed = await rows.chunk_ids(session, [row.id], base.generation)
            await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.document_id == row.id))
            row.state, row.chunks, row.fingerprint, row.edited = DocumentState.STORED, 0, "", False
        await self._indexes.follow(base, [], removed)

    async def unindex_many(self, base: KnowledgeBase, names: Sequence[str]) -> list[str]:
        """Delete the chunks of documents, and keep their content. Returns the names that do not exist."""
        missing = []
        for name in dict.fromkeys(names):
            try:
                await self.unindex(base, name)
            except DocumentNotFound:
                missing.append(name)
        return missing

    @retried
    async def change_chunk(
        self,
        base: KnowledgeBase,
        number: int,
        *,
        text: str | None = None,
        enabled: bool | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> KnowledgeChunk:
        """Change one chunk, and embed only that; a chunk with a new text has a new id.

        Raises `ChunkNotFound`, `KnowledgeBaseBusy`, `InvalidParameter`, and the errors of the embedding model.
        """
        async with self._database.session() as session:
            await rows.not_rebuilding(session, base)
            old = await rows.chunk_numbered(session, base, number)
            document = await session.get_one(KnowledgeDocument, old.document_id)
        new_text = old.text if text is None else _checked_text(text)
        enabled_now = old.enabled if enabled is None else enabled
        indexed = indexed_text(old.heading, new_text)
        vector = await self._vector(base, indexed) if new_text != old.text else None
        async with self._database.writing() as session:
            base = await rows.held(session, base)
            row = await rows.chunk_numbered(session, base, number)
            if new_text != row.text:
                await session.execute(delete(KnowledgeChunk).where(KnowledgeChunk.id == row.id))
                row = chunk_with_text(row, new_text)
                session.add(row)
            row.enabled, row.edited = enabled_now, True
            if extra is not None:
                row.extra = dict(extra)
            await session.execute(
                update(KnowledgeDocument).where(KnowledgeDocument.id == document.id).values(edited=True)
            )
        visible = enabled_now and document.enabled
        if vector is None:
            entries = await self._indexes.entries([row.id], base.embedding_model) if visible else []
        else:
            entries = [IndexEntry(row.id, document.id, indexed, vector)] if visible else []
        removed = [number] if row.id != number or not visible else []
        await self._indexes.follow(base, entries, removed)
        return row

    @retried
    async def add_chunk(
        self,
        base: KnowledgeBase,
        name: str,
        text: str,
        position: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> KnowledgeChunk:
        """Add a chunk to a document, at its end or before the chunk at `position`. Raises the errors of `change_chunk`."""
        _checked_text(text)
        while True:
            async with self._database.session() as session:
                base = await rows.present(session, base)
                await rows.not_rebuilding(session, base)
                await rows.document_named(session, base, name)
            vector = await self._vector(base, text)
            async with self._database.writing() as session:
                fresh = await rows.held(session, base)
                # otherwise it was re-indexed in between, perhaps with another model
                if fresh.generation == base.generation:
                    document = await rows.document_named(session, fresh, name)
                    row = await insert_chunk(session, document, fresh.generation, text, position, extra or {})
                    break
        if document.enabled:
            await self._indexes.follow(base, [IndexEntry(row.id, document.id, text, vector)])
        return row

    @retried
    async def remove_chunk(self, base: KnowledgeBase, number: int) -> None:
        """Delete one chunk. Raises `ChunkNotFound` or `KnowledgeBaseBusy`."""
        async with self._database.writing() as session:
            base = await rows.held(session, base)
            row = await rows.chunk_numbered(session, base, number)
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


def _checked_text(text: str) -> str:
    if not text.strip() or len(text) > LONGEST_CHUNK:
        raise InvalidParameter("text", f"a chunk has between 1 and {LONGEST_CHUNK} characters.")
    return text
