"""Changes by people: documents and chunks in the rows and in what searches find."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import ChunkNotFound, DocumentNotFound, InvalidParameter
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.documents.states import DocumentState
from modelyard.knowledge.indexing.edits import LONGEST_CHUNK
from modelyard.knowledge.search.search import Mode, Query
from modelyard.knowledge.service import KnowledgeService
from tests.knowledge.room import Models, room, written

LAKE, RIVER = "The lake is deep in January.", "The river is shallow in July."


def editing(settings: Settings, work: Any, **more: Any) -> None:
    """Run `work` with a service and a base of two chunks."""

    async def go() -> None:
        async with room(settings, Models()) as knowledge:
            await work(knowledge, await written(knowledge, **more))

    asyncio.run(go())


async def found(knowledge: KnowledgeService, base: KnowledgeBase, text: str, mode: Mode = Mode.LEXICAL) -> list[str]:
    return [hit.text for hit in (await knowledge.search.search(Query(text=text, bases=[base], mode=mode))).hits]


async def texts(knowledge: KnowledgeService, base: KnowledgeBase) -> list[str]:
    return [each.text for each in (await knowledge.documents.chunks(base, "a.txt"))[0]]


def test_a_document_that_is_switched_off_is_not_found(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        [_, river] = (await knowledge.documents.chunks(base, "a.txt"))[0]
        await knowledge.edits.change_chunk(base, river.id, enabled=False)
        row = await knowledge.edits.configure(base, "a.txt", enabled=False)
        assert not row.enabled and await found(knowledge, base, "lake river") == []
        row = await knowledge.edits.configure(base, "a.txt", enabled=False, details={"year": 1}, chunking={"size": 50})
        assert (row.details, row.chunking) == ({"year": 1}, {"size": 50})
        await knowledge.edits.add_chunk(base, "a.txt", "A hidden river.")
        assert await found(knowledge, base, "river") == []
        assert (await knowledge.edits.configure(base, "a.txt", enabled=True)).details == {"year": 1}
        assert set(await found(knowledge, base, "lake river")) == {LAKE, "A hidden river."}, (
            "a hidden chunk stays hidden"
        )
        await knowledge.edits.change_chunk(base, river.id, enabled=True)
        assert set(await found(knowledge, base, "lake river")) == {LAKE, RIVER, "A hidden river."}
        with pytest.raises(DocumentNotFound):
            await knowledge.edits.configure(base, "none", enabled=True)

    editing(settings, work)


def test_documents_go_with_their_chunks(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        for name in ("b.txt", "e\u0301.txt"):
            await knowledge.documents.put(base, name, whole(b"shared bytes"))
        shared = (await knowledge.documents.get(base, "b.txt")).hash
        assert await knowledge.edits.delete(base, ["a.txt", "none", "b.txt"]) == ["none"]
        assert await found(knowledge, base, "river") == [] and knowledge.blobs.path(shared).exists()
        assert await knowledge.edits.delete(base, ["\u00e9.txt", "a.txt"]) == ["a.txt"]
        assert not knowledge.blobs.path(shared).exists() and (await knowledge.documents.all(base))[1] == 0

    editing(settings, work)


def test_a_document_may_keep_its_file_and_lose_its_chunks(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        await knowledge.edits.unindex(base, "a.txt")
        row = await knowledge.documents.get(base, "a.txt")
        assert (row.state, row.chunks, row.fingerprint, row.edited) == (DocumentState.STORED, 0, "", False)
        assert await found(knowledge, base, "river") == [] and await texts(knowledge, base) == []
        assert knowledge.blobs.path(row.hash).exists()
        await knowledge.worker.wait(await knowledge.index(base, ["a.txt"]))
        assert await found(knowledge, base, "river")

    editing(settings, work)


@pytest.mark.parametrize("model", [None, "letters"])
def test_a_chunk_is_changed_and_found_by_its_new_text(settings: Settings, model: str | None) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        mode = Mode.HYBRID if model else Mode.LEXICAL
        [_, river] = (await knowledge.documents.chunks(base, "a.txt"))[0]
        same = await knowledge.edits.change_chunk(base, river.id, text=RIVER, extra={"a": 1})
        assert (same.id, same.extra, same.edited) == (river.id, {"a": 1}, True)
        new = await knowledge.edits.change_chunk(base, river.id, text="The glacier melts.")
        assert new.id != river.id and (new.position, new.extra, new.enabled) == (1, {"a": 1}, True)
        assert await texts(knowledge, base) == [LAKE, "The glacier melts."]
        assert "The glacier melts." in await found(knowledge, base, "glacier", mode)
        assert RIVER not in await found(knowledge, base, "river", mode)
        with pytest.raises(ChunkNotFound):
            await knowledge.edits.change_chunk(base, river.id, text="x")
        hidden = await knowledge.edits.change_chunk(base, new.id, text="The glacier grows.", enabled=False)
        assert not hidden.enabled and "The glacier grows." not in await found(knowledge, base, "glacier", mode)
        assert (await knowledge.documents.get(base, "a.txt")).edited

    editing(settings, work, embedding_model=model)


def test_chunks_are_added_where_they_are_wanted_and_removed(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        first = await knowledge.edits.add_chunk(base, "a.txt", "First.", 0, {"n": 1})
        middle = await knowledge.edits.add_chunk(base, "a.txt", "Middle.", 2)
        last = await knowledge.edits.add_chunk(base, "a.txt", "Last.")
        assert await texts(knowledge, base) == ["First.", LAKE, "Middle.", RIVER, "Last."]
        assert [each.position for each in (await knowledge.documents.chunks(base, "a.txt"))[0]] == [0, 1, 2, 3, 4]
        assert (first.extra, middle.position, last.edited, last.enabled) == ({"n": 1}, 2, True, True)
        row = await knowledge.documents.get(base, "a.txt")
        assert (row.chunks, row.edited, row.state) == (5, True, DocumentState.READY)
        await knowledge.edits.remove_chunk(base, middle.id)
        assert (await knowledge.documents.get(base, "a.txt")).chunks == 4
        assert await texts(knowledge, base) == ["First.", LAKE, RIVER, "Last."]
        assert await found(knowledge, base, "middle") == []
        for call in (knowledge.edits.remove_chunk(base, middle.id), knowledge.edits.change_chunk(base, middle.id)):
            with pytest.raises(ChunkNotFound):
                await call
        with pytest.raises(DocumentNotFound):
            await knowledge.edits.add_chunk(base, "none", "x")
        for wrong in ("", " \n", "x" * (LONGEST_CHUNK + 1)):
            with pytest.raises(InvalidParameter, match="between 1 and 20000 characters"):
                await knowledge.edits.add_chunk(base, "a.txt", wrong)
            with pytest.raises(InvalidParameter):
                await knowledge.edits.change_chunk(base, last.id, text=wrong)
        assert (await knowledge.edits.add_chunk(base, "a.txt", "x" * LONGEST_CHUNK)).position == 5

    editing(settings, work)


def test_the_first_vector_of_a_base_tells_their_length(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        assert base.dimension == 5 and (await knowledge.bases.get("b")).dimension == 5
        hits = (await knowledge.search.search(Query(text="eeee", bases=[base], mode=Mode.VECTOR))).hits
        assert {hit.text for hit in hits} == {LAKE, RIVER}

    editing(settings, work, embedding_model="letters")
