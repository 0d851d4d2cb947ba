"""When the files of a vector store are deleted, and what counts as its use; ids, names and errors as OpenAI has them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, VectorStoreExpired, VectorStoreNotFound
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeDocument
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.documents.loaders.unsupported import REFUSED
from modelyard.knowledge.search.search import Mode, Query
from modelyard.knowledge.vector_stores.files import attributes, chunking_in_characters, error_code, file_id, filename
from modelyard.knowledge.vector_stores.stores import (
    DAY,
    StoreSettings,
    base_number,
    check_alive,
    expires_at,
    free_name,
    has_expired,
    store_id,
)
from tests.knowledge.room import room

CLOCKS = ("documents.bases", "vector_stores.stores")


def test_an_unused_store_loses_its_documents_and_stays(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def clock(now: float) -> None:
        for module in CLOCKS:
            monkeypatch.setattr(f"modelyard.knowledge.{module}.time.time", lambda: now)

    async def go() -> None:
        async with room(settings) as knowledge:
            brief = BaseSettings(extra={**StoreSettings(days=1).extra({}), "other": 1})
            store = await knowledge.create("brief", brief)
            kept = await knowledge.create("kept", BaseSettings())
            for base in (store, kept):
                await knowledge.documents.put(base, "a.txt", whole(b"words"))
            start = store.used_at
            clock(start + DAY - 1)
            await knowledge.forget_expired()
            assert (await knowledge.documents.all(store))[1] == 1 and expires_at(kept) is None
            for mode in (Mode.LEXICAL, Mode.HYBRID):
                await knowledge.search.search(Query(text="words", bases=[store, kept], mode=mode))
            used = await knowledge.bases.numbered(store.id, "brief")
            assert used.used_at == start + DAY - 1 and not has_expired(used)
            assert (await knowledge.bases.numbered(kept.id, "kept")).used_at == kept.used_at
            clock(start + DAY)
            await knowledge.search.search(Query(text="words", bases=[store]))
            assert (await knowledge.bases.numbered(store.id, "brief")).used_at == start + DAY - 1
            clock(start + 3 * DAY)
            await knowledge.forget_expired()
            assert (await knowledge.documents.all(store))[1] == 0 and (await knowledge.documents.all(kept))[1] == 1
            with pytest.raises(VectorStoreExpired):
                check_alive(await knowledge.bases.numbered(store.id, "brief"))

    asyncio.run(go())


def test_files_of_one_name_that_arrive_together_stay_apart(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            puts = [
                knowledge.documents.put(base, "a.txt", whole(b"%d" % n), source=f"file-{n:027x}") for n in range(1, 5)
            ]
            rows = [put.row for put in await asyncio.gather(*puts)]
            assert len({row.name for row in rows}) == 4 and {filename(row) for row in rows} == {"a.txt"}
            assert [file_id(row) for row in rows] == [f"file-{n:027x}" for n in range(1, 5)]
            again = await knowledge.documents.put(base, "a.txt", whole(b"1"), source=rows[0].details["file_id"])  # type: ignore[arg-type]
            assert again.row.id == rows[0].id and not again.changed

    asyncio.run(go())


def test_attributes_of_a_file_that_is_attached_again_are_replaced(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base, source = await knowledge.create("b", BaseSettings()), f"file-{1:027x}"
            for given in ({"": 1, "year": 2024}, {"a": True}, {}):
                put = await knowledge.documents.put(base, "a.txt", whole(b"1"), details=given, source=source)
                assert attributes(put.row) == given and file_id(put.row) == source
            await knowledge.documents.put(base, "own.txt", whole(b"1"), details={"a": 1})
            own = await knowledge.documents.put(base, "own.txt", whole(b"1"), details={"b": 2})
            assert attributes(own.row) == {"a": 1, "b": 2}

    asyncio.run(go())


def test_the_bytes_of_a_stored_file_are_not_copied(settings: Settings) -> None:
    async def unread() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    async def go() -> None:
        async with room(settings) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            original = settings.folder / "original"
            original.write_bytes(b"words of a file")
            put = await knowledge.documents.put(base, "a.txt", unread(), source="file-1", original=original)
            kept = knowledge.blobs.path(put.row.hash)
            assert kept.samefile(original) and put.row.size == 15
            again = await knowledge.documents.put(base, "b.txt", unread(), source="file-2", original=original)
            assert again.row.hash == put.row.hash and original.stat().st_nlink == 2
            original.unlink()
            assert kept.read_bytes() == b"words of a file"
            copied = await knowledge.documents.put(
                base, "c.txt", whole(b"elsewhere"), source="file-3", original=original
            )
            assert knowledge.blobs.path(copied.row.hash).read_bytes() == b"elsewhere"
            await knowledge.edits.delete(base, ["a.txt", "b.txt"])
            assert not kept.exists()

    asyncio.run(go())


def test_ids_mean_bases() -> None:
    assert base_number(store_id(42)) == 42 and base_number("a name") is None
    with pytest.raises(VectorStoreNotFound):
        base_number("vs_" + "f" * 24)
    assert free_name("a", {"a", "a 2"}) == "a 3" and free_name(None, ()) == "vector store"


def test_codes_of_errors() -> None:
    refusals = [f"Cannot read 'a.x': {text.format(better='docx')}" for text in REFUSED.values()]
    assert {error_code(each) for each in refusals} == {"unsupported_file"}
    assert error_code("Cannot read 'a': its format is not supported. Supported: txt.") == "unsupported_file"
    assert error_code("Cannot read 'a.pdf': it is damaged.") == "invalid_file"
    assert error_code("The model 'x' does not answer.") == "server_error"


def test_tokens_are_four_characters() -> None:
    assert chunking_in_characters(800, 400) == {"size": 3200, "overlap": 1600}
    with pytest.raises(InvalidParameter):
        chunking_in_characters(100, 51)


def test_what_a_loader_read_is_no_attribute(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base, source = await knowledge.create("b", BaseSettings()), f"file-1{1:026x}"

            async def indexed(data: bytes, **given: str) -> KnowledgeDocument:
                put = await knowledge.documents.put(base, "a.txt", whole(data), details=given, source=source)
                await knowledge.worker.wait(await knowledge.index(base, [put.row.name], uploaded=True))
                return await knowledge.documents.get(base, "a.txt")

            row = await indexed("words für".encode("latin-1"), team="hr")
            assert attributes(row) == {"team": "hr"} and row.details["encoding"] == "cp1252"
            row = await indexed("words für".encode())
            assert attributes(row) == {} and row.details["encoding"] == "utf-8", "of the bytes that it has now"
            row = await indexed(b"words", encoding="utf-8")
            assert attributes(row) == {"encoding": "utf-8"}, "the caller has set it"
            own = await knowledge.documents.put(base, "own.txt", whole("ü".encode("latin-1")))
            await knowledge.worker.wait(await knowledge.index(base, ["own.txt"], uploaded=True))
            await knowledge.edits.configure_many(base, ["own.txt"], details={"encoding": "x", "a": 1})
            own_row = await knowledge.documents.get(base, own.row.name)
            assert attributes(own_row) == {"encoding": "x", "a": 1}

    asyncio.run(go())


def test_files_are_found_and_listed_by_indexes(tmp_path: Path) -> None:
    async def go() -> None:
        database = Database(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}")
        await database.open()
        plan = "EXPLAIN QUERY PLAN SELECT * FROM knowledge_documents WHERE base_id = 1 AND "
        async with database.session() as session:
            for condition, index in (("source_file_id = 'x'", "source"), ("id > 1 ORDER BY id LIMIT 20", "order")):
                found = str((await session.execute(text(plan + condition))).all())
                assert f"ix_knowledge_documents_{index}" in found and "TEMP B-TREE" not in found
        await database.close()

    asyncio.run(go())
