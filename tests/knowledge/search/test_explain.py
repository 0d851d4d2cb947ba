"""Explanations of searches: ranks in every list, what was dropped and why, and the time of each stage."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from modelyard.core.config import Settings
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.blobs import whole
from modelyard.knowledge.search.search import Mode, Query, SearchResult
from tests.knowledge.room import Models, room

TEXTS = ("The lake is deep in January.", "The river is shallow in July.", "A lake of salt.", "Nothing to see.")


def searched(settings: Settings, text: str, *, embedding: bool = True, **more: Any) -> SearchResult:
    """The explained result of a search of a base with a chunk for each of `TEXTS`."""

    async def go() -> SearchResult:
        async with room(settings, Models()) as knowledge:
            models = {"embedding_model": "letters", "rerank_model": more.pop("reranks", None)}
            base = await knowledge.create("b", BaseSettings(**(models if embedding else {})))
            await knowledge.documents.put(base, "a.txt", whole(b"bytes"))
            for each in TEXTS:
                await knowledge.edits.add_chunk(base, "a.txt", each)
            base = await knowledge.bases.get("b")
            return await knowledge.search.search(Query(text=text, bases=[base], **{"explain": True, **more}))

    return asyncio.run(go())


def test_each_candidate_has_its_rank_in_every_list(settings: Settings) -> None:
    result = searched(settings, "the lake", k=2)
    found = result.explanation
    assert found is not None and found.terms == ["lake"] and len(found.candidates) == len(TEXTS)
    assert [each.fused_rank for each in found.candidates] == [1, 2, 3, 4]
    assert [each.rank for each in found.candidates] == [1, 2, None, None]
    assert sorted(each.vector_rank or 0 for each in found.candidates) == [1, 2, 3, 4]
    lexical = {each.hit.text: each.lexical_rank for each in found.candidates}
    assert lexical == {TEXTS[0]: 2, TEXTS[1]: None, TEXTS[2]: 1, TEXTS[3]: None}
    assert [each.terms for each in found.candidates if each.lexical_rank] == [["lake"], ["lake"]]
    assert [each.hit.chunk_id for each in found.candidates[:2]] == [hit.chunk_id for hit in result.hits]
    [base] = found.bases
    assert (base.knowledge_base, base.candidates, base.words) == ("b", 4, 1.0) and base.vectors > 0
    assert found.milliseconds.keys() == {"embed", "match", "read", "total"}
    assert found.milliseconds["total"] >= found.milliseconds["match"] > 0


@pytest.mark.parametrize(
    ("text", "more", "expected"),
    [
        ("lake -salt", {"mode": Mode.LEXICAL}, {TEXTS[0]: None, TEXTS[2]: "phrase"}),
        ('"lake is deep"', {"mode": Mode.LEXICAL}, {TEXTS[0]: None, TEXTS[2]: "phrase"}),
        ("lake deep", {"mode": Mode.LEXICAL, "k": 1}, {TEXTS[0]: None, TEXTS[2]: "top_k"}),
        ("lake", {"mode": Mode.LEXICAL, "min_score": 1.0}, {TEXTS[0]: "min_score", TEXTS[2]: "min_score"}),
    ],
)
def test_what_was_dropped_says_why(
    settings: Settings, text: str, more: dict[str, Any], expected: dict[str, str | None]
) -> None:
    found = searched(settings, text, embedding=False, **more).explanation
    assert found is not None
    assert {each.hit.text: each.dropped for each in found.candidates} == expected
    assert all((each.rank is None) is (each.dropped is not None) for each in found.candidates)
    assert [base.vectors for base in found.bases] == [0.0] and "embed" not in found.milliseconds


def test_what_a_filter_excludes_stands_behind_the_others(settings: Settings) -> None:
    found = searched(settings, "lake", embedding=False, where={"document": "b.txt"}).explanation
    assert found is not None and {each.dropped for each in found.candidates} == {"filter"}
    assert {each.hit.text for each in found.candidates} == {TEXTS[0], TEXTS[2]}
    assert {each.fused_rank for each in found.candidates} == {None} and found.candidates[0].terms == ["lake"]
    assert (found.bases[0].candidates, found.bases[0].disabled_chunks, found.bases[0].disabled_documents) == (0, 0, 0)


def test_reranked_candidates_have_that_rank_too(settings: Settings) -> None:
    found = searched(settings, "lake", reranks="judge").explanation
    assert found is not None and sorted(each.rerank_rank or 0 for each in found.candidates) == [1, 2, 3, 4]
    assert {each.hit.score for each in found.candidates} == {0.5} and "rerank" in found.milliseconds


def test_without_the_wish_there_is_no_explanation(settings: Settings) -> None:
    assert searched(settings, "lake", explain=False).explanation is None
