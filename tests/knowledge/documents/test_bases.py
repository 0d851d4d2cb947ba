"""Rows of bases and documents: what is created, configured, listed, counted and left behind."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import (
    BodyTooLarge,
    ChunkNotFound,
    DocumentNotFound,
    InvalidParameter,
    JobNotFound,
    KnowledgeBaseExists,
    KnowledgeBaseNotFound,
)
from modelyard.knowledge.demo import ensure_demo
from modelyard.knowledge.documents.bases import BaseSettings, Counts, check_name, chunking_of
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.documents.documents import check_document_name
from modelyard.knowledge.documents.splitter import Chunking
from modelyard.knowledge.documents.states import DocumentState
from modelyard.knowledge.search.search import Query
from modelyard.knowledge.service import SUMMARY_OF, TEMPORARY_SECONDS
from tests.knowledge.room import TEXT, room, written


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", "needs a name"),
        ("  ", "needs a name"),
        ("x" * 201, "200 characters at most"),
        (" a", "blanks at its ends"),
        ("a\nb", "no line breaks"),
        ("a\x07", "control characters"),
        ("search", "is the name of a route"),
        ("answer", "is the name of a route"),
        ("formats", "is the name of a route"),
        ("..", "stands in addresses"),
    ],
)
def test_a_base_has_a_name_that_can_be_addressed(name: str, error: str) -> None:
    with pytest.raises(InvalidParameter, match=error) as caught:
        check_name(name)
    assert caught.value.param == "name"


def test_names_are_kept_in_composed_form() -> None:
    composed = unicodedata.normalize("NFC", "Ubersicht e\u0301")
    assert check_name("Ubersicht e\u0301") == check_name(composed) == composed
    assert check_name("x" * 200) == "x" * 200 and check_name("人事 2024") == "人事 2024"
    assert check_document_name("a/e\u0301.txt") == "a/\u00e9.txt" and check_document_name("x" * 1000)
    for wrong in ("", " ", "x" * 1001, "a\0"):
        with pytest.raises(InvalidParameter, match="at most 1000 characters"):
            check_document_name(wrong)


@pytest.mark.parametrize(
    ("settings", "fields"),
    [
        (BaseSettings(), {}),
        (BaseSettings(description="", language="zh"), {"description": "", "language": "zh"}),
        (BaseSettings(embedding_model="", rerank_model="r"), {"embedding_model": None, "rerank_model": "r"}),
        (BaseSettings(chat_model="m", extra={"a": 1}), {"chat_model": "m", "extra": {"a": 1}}),
        (BaseSettings(prompts={"answer": "x"}), {"prompts": {"answer": "x"}}),
    ],
)
def test_settings_that_are_not_given_stay(settings: BaseSettings, fields: dict[str, Any]) -> None:
    assert settings.fields() == fields


def test_chunking_is_checked() -> None:
    assert chunking_of({}) == Chunking()
    assert chunking_of({"size": 100, "overlap": 0}).size == 100
    assert BaseSettings(chunking={"size": 99}).fields()["chunking"]["size"] == 99
    with pytest.raises(InvalidParameter, match="'colour' is none of"):
        chunking_of({"colour": 1, "zoo": 2})
    for wrong in ({"size": "big"}, {"size": 0}):
        with pytest.raises(InvalidParameter) as caught:
            chunking_of(wrong)
        assert str(caught.value.param).startswith("chunking")


def test_bases_are_created_renamed_listed_and_deleted(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            announced: list[Any] = []
            knowledge.on_change = announced.append
            base = await knowledge.create("b", BaseSettings(description="about", temporary=False))
            assert (base.name, base.description, base.generation, base.language, base.owner) == (
                "b",
                "about",
                1,
                "",
                "",
            )
            await knowledge.create("a", BaseSettings())
            passing = await knowledge.create("t", BaseSettings(temporary=True, owner="me"))
            assert (passing.temporary, passing.owner) == (True, "me")
            assert announced[-1] == ["a", "b"]
            with pytest.raises(KnowledgeBaseExists):
                await knowledge.create("b", BaseSettings())
            with pytest.raises(KnowledgeBaseExists):
                await knowledge.rename("b", BaseSettings(), "a")
            assert [each.name for each in await knowledge.bases.all()] == ["a", "b"]
            assert [each.name for each in await knowledge.bases.all(temporary=True)] == ["t"]
            known = await knowledge.bases.known("b")
            assert await knowledge.bases.known("b") is known, "searches do not ask the database again"
            renamed = await knowledge.rename("b", BaseSettings(description="new"), "c")
            assert (renamed.name, renamed.description) == ("c", "new") and announced[-1] == ["a", "c"]
            count = len(announced)
            assert (await knowledge.rename("c", BaseSettings(language="en"), None)).language == "en"
            assert len(announced) == count, "the names are the same"
            assert (await knowledge.bases.known("c")).language == "en"
            with pytest.raises(KnowledgeBaseNotFound, match="'c'"):
                await knowledge.bases.get("cc")
            assert [each.name for each in await knowledge.several(["c", "a", "c"])] == ["c", "a"]
            for names in ([], ["a", "none"]):
                with pytest.raises(KnowledgeBaseNotFound):
                    await knowledge.several(names)
            await knowledge.delete("c")
            assert announced[-1] == ["a"]
            with pytest.raises(KnowledgeBaseNotFound):
                await knowledge.bases.known("c")

    asyncio.run(go())


def test_summaries_go_with_their_base_and_nothing_is_left_on_the_disk(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await written(knowledge)
            summaries = await knowledge.create("b.summary", BaseSettings(extra={SUMMARY_OF: base.id}))
            await knowledge.create("other", BaseSettings(extra={SUMMARY_OF: base.id + 100}))
            assert (await knowledge.summaries_of(base)) is not None and await knowledge.summaries_of(summaries) is None
            folder = settings.folder / "knowledge"
            assert (folder / "indexes" / str(base.id)).is_dir()
            await knowledge.delete("b")
            assert [each.name for each in await knowledge.bases.all()] == ["other"]
            assert not (folder / "indexes" / str(base.id)).exists()
            assert [each for each in (folder / "files").rglob("*") if each.is_file()] == []

    asyncio.run(go())


def test_temporary_bases_are_kept_for_a_week_after_their_last_use(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            old = await knowledge.create("old", BaseSettings(temporary=True))
            used = await knowledge.create("used", BaseSettings(temporary=True))
            await knowledge.create("kept", BaseSettings())
            now = time.time()
            monkeypatch.setattr("modelyard.knowledge.documents.bases.time.time", lambda: now + 100)
            await knowledge.bases.used([used.id])
            monkeypatch.setattr("modelyard.knowledge.service.time.time", lambda: old.used_at + TEMPORARY_SECONDS)
            await knowledge.forget_temporary()
            assert len(await knowledge.bases.all(temporary=True)) == 2
            monkeypatch.setattr("modelyard.knowledge.service.time.time", lambda: old.used_at + TEMPORARY_SECONDS + 1)
            await knowledge.forget_temporary()
            assert [each.name for each in await knowledge.bases.all(temporary=True)] == ["used"]
            assert [each.name for each in await knowledge.bases.all()] == ["kept"]

    asyncio.run(go())


def test_documents_are_stored_listed_and_counted(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings.model_copy(update={"max_document_bytes": 1000})) as knowledge:
            base = await knowledge.create("b", BaseSettings())
            other = await knowledge.create("other", BaseSettings())
            first = await knowledge.documents.put(
                base, "a%_.txt", whole(TEXT), details={"year": 1}, chunking={"size": 50}, modified_at=5.0
            )
            assert (first.changed, first.row.state, first.row.version, first.row.size) == (True, "stored", 1, len(TEXT))
            assert (first.row.details, first.row.chunking, first.row.modified_at) == ({"year": 1}, {"size": 50}, 5.0)
            again = await knowledge.documents.put(base, "a%_.txt", whole(TEXT))
            assert not again.changed and again.row.details == {"year": 1} and again.row.modified_at == 5.0
            more = await knowledge.documents.put(base, "a%_.txt", whole(TEXT), details={"team": "x"})
            assert more.changed and more.row.details == {"year": 1, "team": "x"} and more.row.version == 1
            assert not (await knowledge.documents.put(base, "a%_.txt", whole(TEXT), details=more.row.details)).changed
            new = await knowledge.documents.put(base, "a%_.txt", whole(b"new bytes"))
            assert new.changed and new.row.version == 2 and new.row.id == first.row.id and new.row.updated_at > 5
            assert not knowledge.blobs.path(first.row.hash).exists()
            for name in ("c.txt", "b.txt"):
                await knowledge.documents.put(base, name, whole(name.encode()))
            documents = knowledge.documents

            async def names(**which: Any) -> tuple[list[str], int]:
                page, total = await documents.all(base, **which)
                return [each.name for each in page], total

            assert await names() == (["a%_.txt", "b.txt", "c.txt"], 3)
            assert await names(limit=1, offset=1) == (["b.txt"], 3)
            assert await names(contains="%_") == (["a%_.txt"], 1) and await names(contains="x%") == ([], 0)
            assert await names(state="stored") == (["a%_.txt", "b.txt", "c.txt"], 3) and await names(state="ready") == (
                [],
                0,
            )
            counts = await knowledge.bases.counts([base.id, other.id])
            assert counts[base.id] == Counts(3, 0, 9 + 5 + 5, {"stored": 3}) and counts[other.id] == Counts()
            assert await documents.text(first.row) == ""
            assert (await documents.numbered(base, first.row.id)).name == "a%_.txt"
            for wrong in (
                documents.numbered(other, first.row.id),
                documents.numbered(base, 999),
                documents.get(base, "d"),
            ):
                with pytest.raises(DocumentNotFound):
                    await wrong
            with pytest.raises(BodyTooLarge):
                await documents.put(base, "d", whole(b"x" * 1001))
            assert (await documents.put(base, "d", whole(b"x" * 1000))).row.size == 1000
            gone = await documents.get(base, "d")
            await knowledge.edits.delete(base, ["d"])
            await knowledge.edits.configure(base, "b.txt", details={"n": 1})
            [same, stale] = await documents.as_now(base, [await documents.get(base, "b.txt"), gone])
            assert same.details == {"n": 1} and stale is gone

    asyncio.run(go())


def test_all_documents_can_be_included_in_the_next_index(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await written(knowledge)
            other = await knowledge.create("other", BaseSettings())
            for each in (base, other):
                await knowledge.documents.put(each, "stored.txt", whole(b"x"), chunking={"size": 50})
            await knowledge.documents.include_all(base)
            rows = {each.name: each for each in (await knowledge.documents.all(base))[0]}
            assert {name: (row.state, row.chunking) for name, row in rows.items()} == {
                "a.txt": (DocumentState.READY, None),
                "stored.txt": (DocumentState.WAITING, None),
            }
            untouched = await knowledge.documents.get(other, "stored.txt")
            assert (untouched.state, untouched.chunking) == (DocumentState.STORED, {"size": 50})

    asyncio.run(go())


def test_chunks_are_read_page_by_page_and_by_number(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            base = await written(knowledge)
            other = await knowledge.create("other", BaseSettings())
            page, total = await knowledge.documents.chunks(base, "a.txt", limit=1, offset=1)
            assert ([each.text for each in page], total) == (["The river is shallow in July."], 2)
            number = page[0].id
            assert (await knowledge.documents.chunk(base, number)).position == 1
            for where, name in ((other, number), (base, 999)):
                with pytest.raises(ChunkNotFound):
                    await knowledge.documents.chunk(where, name)
            assert await knowledge.documents.extras([number]) == {}
            with pytest.raises(JobNotFound):
                await knowledge.cancel("none")

    asyncio.run(go())


def test_the_demo_is_made_once_and_can_be_searched(settings: Settings) -> None:
    async def go() -> None:
        async with room(settings) as knowledge:
            assert await ensure_demo(knowledge) == await ensure_demo(knowledge) == "demo"
            base = await knowledge.bases.get("demo")
            assert (base.chat_model, base.chunking["size"], base.chunking["overlap"]) == ("modelyard-demo", 120, 0)
            counts = (await knowledge.bases.counts([base.id]))[base.id]
            assert (
                set(counts.states) == {"ready"}
                and counts.documents == len((await knowledge.documents.all(base))[0]) > 1
            )
            found = await knowledge.search.search(Query(text="Which port does the Yard server use?", bases=[base]))
            assert "port" in found.hits[0].text

    asyncio.run(go())
