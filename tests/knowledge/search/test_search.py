"""Searches of bases in this process: modes, limits, filters, phrases, ranking, notes, and what is cached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, KnowledgeBaseNotFound, ModelNotReady, ModelyardError
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.search import chunk_cache
from modelyard.knowledge.search.search import LONGEST_QUERY, MOST_HITS, Mode, Query, SearchResult
from modelyard.knowledge.service import KnowledgeService
from tests.knowledge.room import Models, room, written

LAKE, RIVER = "The lake is deep in January.", "The river is shallow in July."


class Ranking(Models):
    """Ranks by the number of vowels; `failing` is raised by everything."""

    def __init__(self, failing: ModelyardError | None = None) -> None:
        super().__init__()
        self.failing = failing
        self.asked: list[tuple[str, str]] = []

    async def embed_query(self, model: str, query: str) -> Sequence[float]:
        if self.failing:
            raise self.failing
        return await super().embed_query(model, query)

    async def rerank(self, model: str, query: str, texts: Sequence[str]) -> Sequence[float]:
        self.asked.append((model, query))
        if self.failing:
            raise self.failing
        return [1.0 if "lake" in text else 0.25 for text in texts]


def texts(found: SearchResult) -> list[str]:
    return [hit.text for hit in found.hits]


def searching(settings: Settings, models: Models, work: Any, **more: Any) -> None:
    """Run `work` with a service and a base of two chunks."""

    async def go() -> None:
        async with room(settings, models) as knowledge:
            await work(knowledge, await written(knowledge, **more))

    asyncio.run(go())


async def find(knowledge: KnowledgeService, base: KnowledgeBase, text: str, **more: Any) -> SearchResult:
    return await knowledge.search.search(Query(text=text, bases=[base], **more))


def test_words_find_the_chunks_that_have_them(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        found = await find(knowledge, base, "shallow river")
        assert texts(found) == [RIVER]
        [hit] = found.hits
        assert (hit.knowledge_base, hit.document, hit.page, hit.heading) == ("b", "a.txt", None, "")
        assert [hit.text[first:last] for first, last in hit.highlights] == ["river", "shallow"]
        assert hit.score == hit.scores.fused > 0.5 and hit.scores.similarity is None and hit.scores.rerank is None
        assert found.notes == ["'b' is searched by words alone: it has no embedding model."]
        assert (await find(knowledge, base, "shallow river", mode=Mode.LEXICAL)).notes == []
        assert (await find(knowledge, base, "zebra")).hits == []
        assert set(texts(await find(knowledge, base, "lake river"))) == {LAKE, RIVER}
        assert len((await find(knowledge, base, "lake river", k=1)).hits) == 1
        assert (await find(knowledge, base, "river", min_score=1.1)).hits == []
        assert texts(await find(knowledge, base, "river", min_score=hit.score * 0)) == [RIVER]
        assert texts(await find(knowledge, base, '"is shallow" is')) == [RIVER]
        assert texts(await find(knowledge, base, "is -river in")) == [LAKE]

    searching(settings, Models(), work)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"text": " "}, "query"),
    ({"text": "x" * (LONGEST_QUERY + 1)}, "query"),
    ({"text": "x", "k": 0}, "top_k"),
    ({"text": "x", "k": MOST_HITS + 1}, "top_k"),
    ({"text": "x", "rerank": True}, "rerank"),
    ({"text": "x", "mode": Mode.VECTOR}, "mode"),
    ({"text": "x", "where": {"a": {"like": 1}}}, "filter"),
]


def test_a_wrong_search_names_its_parameter(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        for fields, param in WRONG:
            with pytest.raises(InvalidParameter) as caught:
                await knowledge.search.search(Query(bases=[base], **fields))
            assert caught.value.param == param, fields

    searching(settings, Models(), work)


def test_the_limits_of_a_search_are_allowed(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        assert texts(await find(knowledge, base, "river " * (LONGEST_QUERY // 6), k=MOST_HITS)) == [RIVER]

    searching(settings, Models(), work)


def test_filters_choose_documents_by_metadata_and_name(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        await knowledge.documents.put(base, "b.md", whole(b"x"), details={"year": 2024})
        await knowledge.edits.add_chunk(base, "b.md", "Another river.")
        for where, found in (
            ({}, {RIVER, "Another river."}),
            ({"year": 2024}, {"Another river."}),
            ({"document": "a.txt"}, {RIVER}),
            ({"year": 2025}, set()),
        ):
            assert set(texts(await find(knowledge, base, "river", where=where))) == found, where

    searching(settings, Models(), work)


def test_vectors_find_what_words_do_not(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        assert base.dimension == 5
        found = await find(knowledge, base, "eeee", mode=Mode.VECTOR)
        assert len(found.hits) == 2 and found.notes == []
        assert all(hit.scores.lexical is None and -1 <= (hit.scores.similarity or -2) <= 1 for hit in found.hits)
        both = await find(knowledge, base, "river", mode=Mode.HYBRID)
        assert texts(both)[0] == RIVER and both.hits[0].scores.lexical and both.hits[0].scores.similarity
        words = await find(knowledge, base, "river", mode=Mode.LEXICAL, similarities=True)
        [hit] = words.hits
        assert hit.scores.similarity == pytest.approx(both.hits[0].scores.similarity, abs=1e-3)
        assert (await find(knowledge, base, "river", mode=Mode.LEXICAL)).hits[0].scores.similarity is None

    searching(settings, Models(), work, embedding_model="letters")


def test_chunks_with_the_code_of_a_query_go_before_those_that_vectors_prefer(settings: Settings) -> None:
    class Mistaken(Models):
        async def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
            return [[-1.0, 0.1] if "seal" in text else [1.0, 0.1] for text in texts]

    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        for text in (f"A seal of the MX2104 {'and much else ' * 50}", "MX 2104", "Two pumps", "A valve", "A seal"):
            await knowledge.edits.add_chunk(base, "a.txt", text)
        base = await knowledge.bases.get("b")
        first, second, *_ = (await find(knowledge, base, "MX-2104")).hits
        assert first.text.startswith("A seal of the MX2104") and second.text == "MX 2104"
        assert first.score >= second.score and second.scores.similarity is not None
        assert second.scores.similarity > (first.scores.similarity or 0)
        [alone] = (await find(knowledge, base, "MX-2104", k=1)).hits
        assert alone.chunk_id == first.chunk_id
        for several in ("the MX-2104", "MX-2104 E13"):
            assert (await find(knowledge, base, several)).hits[0].text == "MX 2104", "no hit has all codes"

    searching(settings, Mistaken(), work, embedding_model="letters")


def test_a_model_that_does_not_answer_leaves_the_words(settings: Settings) -> None:
    models = Ranking()

    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        models.failing = ModelNotReady("letters", "is loading")
        found = await find(knowledge, base, "river")
        assert texts(found) == [RIVER] and found.notes == [f"'b' was searched by words alone: {models.failing.message}"]
        with pytest.raises(ModelNotReady):
            await find(knowledge, base, "river", mode=Mode.VECTOR)
        assert (await find(knowledge, base, "river", mode=Mode.LEXICAL, similarities=True)).hits[
            0
        ].scores.similarity is None

    searching(settings, models, work, embedding_model="letters")


def test_a_model_with_other_vectors_is_another_model(settings: Settings) -> None:
    class Shorter(Models):
        async def embed_query(self, model: str, query: str) -> Sequence[float]:
            return [1.0, 0.0]

    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        found = await find(knowledge, base, "river", models=Shorter())
        assert found.notes == ["'b' was searched by words alone: 'letters' is another model now."]
        empty = await knowledge.create("empty", BaseSettings(embedding_model="letters"))
        assert (await find(knowledge, empty, "river", mode=Mode.VECTOR)).notes == [
            "nothing in 'empty' has been embedded yet."
        ]
        assert (await find(knowledge, empty, "river")).notes == [
            "'empty' is searched by words alone: nothing in it has been embedded yet."
        ]

    searching(settings, Models(), work, embedding_model="letters")


@pytest.mark.parametrize(
    ("of_base", "fields", "ranked", "model"),
    [
        (None, {}, False, None),
        ("base", {}, True, "base"),
        ("base", {"rerank": False}, False, None),
        ("base", {"rerank": True, "rerank_model": "own"}, True, "own"),
        (None, {"rerank_model": "own"}, True, "own"),
        (None, {"rerank_model": "own", "rerank": False}, False, None),
    ],
)
def test_hits_are_ranked_by_the_model_that_is_named_or_the_bases(
    settings: Settings, of_base: str | None, fields: dict[str, Any], ranked: bool, model: str | None
) -> None:
    models = Ranking()

    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        found = await find(knowledge, base, "lake river river", **fields)
        assert models.asked == ([(model, "lake river river")] if ranked else [])
        assert len(found.hits) == 2 and [hit.scores.rerank is not None for hit in found.hits] == [ranked] * 2
        if ranked:
            assert [(hit.text, hit.score, hit.scores.rerank) for hit in found.hits] == [
                (LAKE, 1.0, 1.0),
                (RIVER, 0.25, 0.25),
            ]
            assert texts(await find(knowledge, base, "lake river", min_score=0.5, **fields)) == [LAKE]
            assert (await find(knowledge, base, "zebra", **fields)).hits == []
        assert knowledge.search.asks_models(Query(text="x", bases=[base], **fields)) is ranked

    searching(settings, models, work, rerank_model=of_base)


def test_hits_that_cannot_be_ranked_stay_as_they_are(settings: Settings) -> None:
    models = Ranking(ModelNotReady("r", "is loading"))

    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        found = await find(knowledge, base, "river", mode=Mode.LEXICAL)
        assert models.failing is not None
        assert texts(found) == [RIVER] and found.notes == [f"The hits were not ranked by 'r': {models.failing.message}"]
        with pytest.raises(ModelNotReady):
            await find(knowledge, base, "river", rerank=True)

    searching(settings, models, work, rerank_model="r")


def test_several_bases_are_searched_together(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        other = await knowledge.create("other", BaseSettings())
        await knowledge.documents.put(other, "c.txt", whole(b"x"))
        await knowledge.edits.add_chunk(other, "c.txt", "A river elsewhere.")
        found = await knowledge.search.search(Query(text="river", bases=[base, other]))
        assert {(hit.knowledge_base, hit.document) for hit in found.hits} == {("b", "a.txt"), ("other", "c.txt")}
        assert [hit.score for hit in found.hits] == sorted((hit.score for hit in found.hits), reverse=True)
        assert len(found.notes) == 2
        queries = [Query(text="x", bases=[each]) for each in (base, other)]
        assert not any(map(knowledge.search.asks_models, queries))

    searching(settings, Models(), work)


@pytest.mark.parametrize(
    ("embeds", "mode", "asks"),
    [(True, Mode.HYBRID, True), (True, Mode.VECTOR, True), (True, Mode.LEXICAL, False), (False, Mode.HYBRID, False)],
)
def test_a_search_by_words_needs_no_vector(embeds: bool, mode: Mode, asks: bool) -> None:
    base = KnowledgeBase(name="b", embedding_model="e" if embeds else None, rerank_model=None)
    assert Query(text="x", bases=[base], mode=mode).embeds is asks


def test_chunks_of_hits_are_kept_until_they_change(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        search = knowledge.search
        [hit] = (await find(knowledge, base, "river")).hits
        assert list(search.chunks._known) == [hit.chunk_id]
        monkeypatch.setattr(chunk_cache, "MOST_KNOWN", 1)
        await find(knowledge, base, "lake")
        assert len(search.chunks._known) == 1 and hit.chunk_id not in search.chunks._known, "the oldest goes first"
        search.chunks.forget(list(search.chunks._known))
        assert not search.chunks._known
        await find(knowledge, base, "river")
        renamed = await knowledge.rename("b", BaseSettings(), "c")
        assert not search.chunks._known
        assert (await find(knowledge, renamed, "river")).hits[0].knowledge_base == "c"

    searching(settings, Models(), work)


def test_a_base_that_was_indexed_anew_or_deleted_meanwhile(settings: Settings) -> None:
    async def work(knowledge: KnowledgeService, base: KnowledgeBase) -> None:
        await knowledge.worker.wait(await knowledge.reindex(base, BaseSettings()))
        found = await find(knowledge, base, "river")
        assert texts(found) == [RIVER], "the row of the caller is of the past"
        await knowledge.delete("b")
        with pytest.raises(KnowledgeBaseNotFound, match="'b'"):
            await find(knowledge, base, "river")

    searching(settings, Models(), work)
