"""What happens to the same bytes, base or chunk at the same moment: nothing is lost, and errors say what is so."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import KnowledgeBaseBusy, KnowledgeBaseNotFound
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.documents.states import DocumentState
from modelyard.knowledge.indexing.stores.embedded import EmbeddedStore
from modelyard.knowledge.search.search import Query
from modelyard.knowledge.types import IndexEntry
from modelyard.protocol.hits import Hit
from tests.knowledge.room import TEXT, Models, filled, room


def test_bytes_that_come_while_the_last_document_that_has_them_goes(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            for number in range(150):
                data = f"the same bytes {number}".encode()
                await knowledge.documents.put(base, "old.txt", whole(data))

                async def upload(data: bytes = data) -> str:
                    return (await knowledge.documents.put(base, "new.txt", whole(data))).row.hash

                late = asyncio.create_task(upload())
                for _ in range(number % 30):
                    await asyncio.sleep(0)
                _, name = await asyncio.gather(knowledge.edits.delete(base, ["old.txt"]), late)
                assert await knowledge.blobs.read(name) == data, number
                await knowledge.edits.delete(base, ["new.txt"])
                assert not knowledge.blobs.path(name).exists(), number

    asyncio.run(go())


def test_an_index_that_cannot_be_written_is_made_again_and_the_job_ends(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply, failures = EmbeddedStore.apply, [RuntimeError("a defect of the store")]

    def failing(store: EmbeddedStore, add: Sequence[IndexEntry], remove: Sequence[int]) -> None:
        if add and failures:
            raise failures.pop()
        apply(store, add, remove)

    monkeypatch.setattr(EmbeddedStore, "apply", failing)

    async def go() -> None:
        async with room(settings) as knowledge:
            base = await filled(knowledge)
            found = await knowledge.search.search(Query(text="lake", bases=[base]))
            assert [hit.document for hit in found.hits] == ["a.txt"] and not failures

    asyncio.run(asyncio.wait_for(go(), 60))


def test_a_preview_keeps_nothing_and_takes_nothing_away(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            async with knowledge.blobs.holding(whole(b"some bytes"), 1000) as blob:
                kept = await knowledge.documents.put(base, "a.txt", whole(b"some bytes"))
                await knowledge.edits.delete(base, ["a.txt"])
                assert await knowledge.blobs.read(blob.hash) == b"some bytes"
            await knowledge.documents.forget_blobs([kept.row.hash])
            assert not knowledge.blobs.path(blob.hash).exists()

    asyncio.run(go())


def test_an_upload_to_a_base_that_goes_meanwhile_is_not_found(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await filled(knowledge)

            async def slow() -> AsyncIterator[bytes]:
                yield b"first part"
                await knowledge.delete("b")
                yield b"second part"

            with pytest.raises(KnowledgeBaseNotFound, match="'b'"):
                await knowledge.documents.put(base, "late.txt", slow())
            assert [each for each in (settings.folder / "knowledge" / "files").rglob("*") if each.is_file()] == []
            with pytest.raises(KnowledgeBaseNotFound):
                await knowledge.index(base, ["a.txt"])
            with pytest.raises(KnowledgeBaseNotFound):
                await knowledge.reindex(base, BaseSettings())

    asyncio.run(go())


@pytest.mark.parametrize("what", ["edit", "add"])
def test_a_chunk_is_not_written_into_a_base_that_is_indexed_anew_meanwhile(settings: Settings, what: str) -> None:
    async def go() -> None:
        models = Models()
        async with room(settings, models) as knowledge:
            base = await filled(knowledge, embedding_model="letters")
            chunks, _ = await knowledge.documents.chunks(base, "a.txt")

            async def begun() -> None:
                await knowledge.jobs.reindex(base, BaseSettings())  # its worker is not woken, so it goes on

            models.while_embedding = begun
            with pytest.raises(KnowledgeBaseBusy):
                if what == "edit":
                    await knowledge.edits.change_chunk(base, chunks[0].id, text="Something else.")
                else:
                    await knowledge.edits.add_chunk(base, "a.txt", "Something else.")
            after, total = await knowledge.documents.chunks(base, "a.txt")
            assert [each.text for each in after] == [each.text for each in chunks] and total == 2

    asyncio.run(go())


def test_a_chunk_that_is_added_while_a_new_generation_is_finished_is_in_that_one(settings: Settings) -> None:
    async def go() -> None:
        models = Models()
        async with room(settings, models) as knowledge:
            base = await filled(knowledge, embedding_model="letters")

            async def all_of_it() -> None:
                await knowledge.worker.wait(await knowledge.reindex(base, BaseSettings()))

            models.while_embedding = all_of_it
            added = await knowledge.edits.add_chunk(base, "a.txt", "Something else.")
            fresh = await knowledge.bases.get("b")
            assert added.generation == fresh.generation == base.generation + 1
            found = await knowledge.search.search(Query(text="something else", bases=[fresh]))
            assert found.hits[0].chunk_id == added.id

    asyncio.run(go())


def test_a_hit_shows_where_its_chunk_stands_now(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await filled(knowledge)

            async def hit() -> Hit:
                return (await knowledge.search.search(Query(text="river", bases=[base]))).hits[0]

            before = await hit()
            await knowledge.documents.put(base, "a.txt", whole(b"A word of ten letters before.\n\n" + TEXT))
            await knowledge.worker.wait(await knowledge.index(base, ["a.txt"]))
            after = await hit()
            assert (after.chunk_id, after.text) == (before.chunk_id, before.text)
            assert before.start is not None and after.start == before.start + len("A word of ten letters before.\n\n")

    asyncio.run(go())


def test_metadata_that_change_while_a_document_is_embedded_stay(settings: Settings) -> None:
    async def go() -> None:
        models = Models()
        async with room(settings, models) as knowledge:
            base = await knowledge.create("b", BaseSettings(embedding_model="letters"))
            await knowledge.documents.put(base, "a.txt", whole(TEXT), details={"team": "old"})
            models.while_embedding = lambda: knowledge.edits.configure(base, "a.txt", details={"team": "new"})
            await knowledge.worker.wait(await knowledge.index(base, ["a.txt"]))
            document = await knowledge.documents.get(base, "a.txt")
            assert document.details["team"] == "new" and document.state == DocumentState.READY

    asyncio.run(go())


def test_chunks_keep_what_people_note_with_them(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await filled(knowledge)
            chunks, _ = await knowledge.documents.chunks(base, "a.txt")
            first, second = (chunk.id for chunk in chunks)
            await knowledge.edits.change_chunk(base, second, extra={"tag": "water"})
            await knowledge.edits.add_chunk(base, "a.txt", "A word before.", position=0)
            assert await knowledge.documents.extras([first, second]) == {second: {"tag": "water"}}
            assert (await knowledge.documents.chunk(base, second)).position == 2

    asyncio.run(go())
