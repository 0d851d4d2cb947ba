"""Hits and citations as they are sent: their bytes, and that `/openapi.json` documents every field of them."""

from __future__ import annotations

from typing import Any

import msgspec
from pydantic import TypeAdapter

from modelyard.protocol.hits import Citation, Hit, Scores, SearchAnswer

HIT = Hit(
    chunk_id=7,
    knowledge_base="手册",
    document_id=3,
    document="rules/假期.md",
    page=None,
    start=0,
    end=12,
    heading="A > B",
    text="24 days",
    score=0.98360655737,
    scores=Scores(lexical=1.0625, similarity=0.123456789, fused=0.98360655737),
    highlights=[(0, 2), (3, 7)],
)
FIELDS = (
    '"chunk_id":7,"knowledge_base":"手册","document_id":3,"document":"rules/假期.md","page":null,"page_breaks":[],"start":0,"end":12,'
    '"heading":"A > B","text":"24 days","score":0.983607,'
    '"scores":{"lexical":1.0625,"similarity":0.123456789,"fused":0.983607,"rerank":null},"highlights":[[0,2],[3,7]]}'
)


def schema(kind: Any) -> dict[str, Any]:
    return TypeAdapter(kind).json_schema(ref_template="{model}", mode="serialization")


def test_a_hit_is_sent_with_six_digits_and_without_a_number() -> None:
    assert msgspec.json.encode(HIT.rounded()).decode() == "{" + FIELDS
    answer = SearchAnswer(data=[HIT.rounded()], notes=["note"])
    expected = '{"object":"list","data":[{' + FIELDS + '],"notes":["note"],"rerank_model":null,"explanation":null}'
    assert msgspec.json.encode(answer).decode() == expected


def test_a_citation_is_a_hit_with_its_number_first() -> None:
    expected = '{"number":2,' + FIELDS[:-1] + ',"before":"more ","after":""}'
    assert msgspec.json.encode(Citation.of(2, HIT, before="more ")).decode() == expected


def test_the_document_names_every_field_that_is_sent() -> None:
    document = schema(SearchAnswer)
    hit, scores = document["$defs"]["Hit"], document["$defs"]["Scores"]
    sent = msgspec.to_builtins(HIT)
    assert hit["required"] == list(hit["properties"]) == list(sent)
    assert scores["required"] == list(scores["properties"]) == list(sent["scores"])
    assert hit["properties"]["score"]["description"].startswith("0 to 1")
    citation = schema(list[Citation])["$defs"]["Citation"]
    assert list(citation["properties"]) == ["number", *sent, "before", "after"]
    assert (
        citation["properties"]["number"]["description"]
        == "The number in square brackets with which the answer cites this source."
    )
