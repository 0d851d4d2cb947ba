"""Rows that several modules read: documents by their names, chunks of the present generation, and a base that is re-indexed."""

from __future__ import annotations

import asyncio
import unicodedata
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.errors import (
    ChunkNotFound,
    DocumentNotFound,
    JobNotFound,
    KnowledgeBaseBusy,
    KnowledgeBaseNotFound,
)
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeJob
from modelyard.jobs.types import JobState
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.blobs import Blob
from modelyard.knowledge.documents.new_rows import chunk_with_text, insert_chunk, new_document
from modelyard.knowledge.documents.states import IndexingKind
from modelyard.knowledge.types import indexed_text, text_hash

Work = Callable[[AsyncSession, KnowledgeBase], Awaitable[None]]
On = Callable[[Work], None]


@pytest.fixture
def on(tmp_path: Path) -> On:
    """Runs a work in a transaction, with a base of three documents beside one of another base."""

    async def go(work: Work) -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
        await database.open()
        try:
            async with database.session() as session:
                bases = [
                    KnowledgeBase(name=name, generation=2, embedding_model="old", dimension=8, created_at=1, used_at=1)
                    for name in ("mine", "other")
                ]
                session.add_all(bases)
                await session.flush()
                for base, name in ((bases[0], "a"), (bases[0], "é"), (bases[0], "c"), (bases[1], "d")):
                    session.add(new_document(base, name, Blob("hash", 3)))
                    await session.flush()
                await work(session, bases[0])
        finally:
            await database.close()

    return lambda work: asyncio.run(go(work))


def chunk(base: int, document: int, position: int, generation: int = 2, **more: Any) -> KnowledgeChunk:
    return KnowledgeChunk(
        **{"base_id": base, "document_id": document, "generation": generation, "position": position, "text": "t",
           "hash": "h", "heading": "", "extra": {}, **more}
    )  # fmt: skip


def job(kind: IndexingKind, state: JobState, **settings: Any) -> KnowledgeJob:
    return KnowledgeJob(
        id="job", kind=kind, state=state, owner="", created_at=1.0, base_id=1, generation=3, settings=settings
    )


def test_documents_are_found_by_their_names_in_any_spelling_of_unicode(on: On) -> None:
    apart = unicodedata.normalize("NFD", "é")

    async def work(session: AsyncSession, mine: KnowledgeBase) -> None:
        assert (await rows.document_named(session, mine, apart)).name == "é"
        assert await rows.document_if_named(session, mine, "d") is None
        for call in (rows.document_named(session, mine, "d"), rows.documents_named(session, mine, ["a", "d", "x"])):
            with pytest.raises(DocumentNotFound, match="'d'"):
                await call
        found = await rows.documents_named(session, mine, ["c", apart, "a"])
        assert [each.name for each in found] == ["c", "é", "a"]
        found = await rows.documents_named(session, mine, ["x", "c", "d", "a"], present_only=True)
        assert [each.name for each in found] == ["c", "a"] and await rows.documents_named(session, mine, []) == []
        with pytest.raises(JobNotFound):
            await rows.job_named(session, "no")

    on(work)


def test_searches_find_what_is_enabled_in_the_present_generation(on: On) -> None:
    async def work(session: AsyncSession, mine: KnowledgeBase) -> None:
        made = [
            chunk(1, 1, 0),
            chunk(1, 1, 1, enabled=False),
            chunk(1, 1, 2, generation=1),
            chunk(1, 2, 0),
            chunk(2, 4, 0),
            chunk(1, 3, 0),
        ]
        session.add_all(made)
        (await rows.document_named(session, mine, "é")).enabled = False
        await session.flush()
        ids = [each.id for each in made]
        assert set(await session.scalars(rows.searchable(1, 2))) == {ids[0], ids[5]}
        assert set(await session.scalars(rows.searchable(1, 1))) == {ids[2]}
        assert await rows.chunk_ids(session, [1, 2], 2) == [ids[0], ids[1], ids[3]]
        assert {each.id for each in await session.scalars(rows.chunks_of(1, 1))} == {ids[2]}
        assert (await rows.chunk_numbered(session, mine, ids[1])).id == ids[1]
        for other in (ids[2], ids[4], 999):
            with pytest.raises(ChunkNotFound):
                await rows.chunk_numbered(session, mine, other)

    on(work)


@pytest.mark.parametrize(
    ("kind", "state", "busy"),
    [
        (IndexingKind.REINDEX, JobState.RUNNING, True),
        (IndexingKind.REINDEX, JobState.WAITING, True),
        (IndexingKind.REINDEX, JobState.DONE, False),
        (IndexingKind.ADD, JobState.RUNNING, False),
    ],
)
def test_a_base_is_busy_while_its_next_generation_is_built(
    on: On, kind: IndexingKind, state: JobState, busy: bool
) -> None:
    async def work(session: AsyncSession, mine: KnowledgeBase) -> None:
        assert await rows.embedding_of(session, 1, 2) == ("old", 8)
        assert await rows.embedding_of(session, 1, 3) == (None, None)
        session.add(made := job(kind, state, embedding_model="new", dimension=4))
        await session.flush()
        assert (await rows.rebuilding(session, 1) is made) is busy and await rows.rebuilding(session, 2) is None
        assert await rows.embedding_of(session, 1, 2) == ("old", 8)
        assert await rows.embedding_of(session, 1, 3) == (("new", 4) if busy else (None, None))
        assert await rows.embedding_of(session, 1, 4) == (None, None)
        if not busy:
            assert await rows.held(session, mine) is mine
            return
        with pytest.raises(KnowledgeBaseBusy, match="job"):
            await rows.held(session, mine)
        made.settings = {"embedding_model": "", "dimension": None}
        assert await rows.embedding_of(session, 1, 3) == (None, None)

    on(work)


def test_a_base_that_is_gone_is_not_held(on: On) -> None:
    async def work(session: AsyncSession, mine: KnowledgeBase) -> None:
        gone = KnowledgeBase(id=99, name="gone")
        for call in (rows.held(session, gone), rows.present(session, gone)):
            with pytest.raises(KnowledgeBaseNotFound, match="gone"):
                await call

    on(work)


def test_a_chunk_is_written_at_the_end_or_before_another(on: On) -> None:
    async def work(session: AsyncSession, mine: KnowledgeBase) -> None:
        document = await rows.document_named(session, mine, "a")
        assert (document.state, document.chunks, document.version, document.size) == ("stored", 0, 1, 3)
        assert document.enabled and not document.edited and document.created_at == document.updated_at > 1e9
        for text, position in (("a", None), ("b", None), ("c", 0), ("d", 2)):
            added = await insert_chunk(session, document, 2, text, position, {"k": text})
            await session.flush()
            assert (added.text, added.hash, added.extra) == (text, text_hash(text), {"k": text})
            assert added.edited and added.enabled and added.base_id == 1
        other = await insert_chunk(session, document, 1, "of another generation", None, {})
        await session.flush()
        session.expire_all()
        ordered = rows.chunks_of(1, 2).order_by(KnowledgeChunk.position)
        found = [(each.text, each.position) for each in await session.scalars(ordered)]
        assert found == [("c", 0), ("a", 1), ("d", 2), ("b", 3)]
        await session.refresh(other)
        await session.refresh(document)
        assert other.position == 0 and (document.chunks, document.edited, document.state) == (5, True, "ready")

    on(work)


def test_a_chunk_with_another_text_keeps_its_place_and_origin() -> None:
    old = chunk(1, 2, 5, start=3, end=9, page=4, heading="H", extra={"a": 1})
    new = chunk_with_text(old, "new")
    assert (new.text, new.hash) == ("new", text_hash(indexed_text("H", "new")))
    for name in ("base_id", "document_id", "generation", "position", "start", "end", "page", "heading", "extra"):
        assert getattr(new, name) == getattr(old, name), name
