"""How texts are put together before a model summarises them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from types import SimpleNamespace
from typing import Any, cast

import pytest

from modelyard.core.errors import InvalidParameter, UpstreamFailed
from modelyard.db.tables import KnowledgeChunk
from modelyard.knowledge.answering.summaries import Summary, estimate_tokens, group, summarise, without_overlap
from tests.knowledge.room import Models


def chunk(text: str, start: int | None, document: int = 1) -> KnowledgeChunk:
    end = None if start is None else start + len(text)
    fields = {"text": text, "start": start, "end": end, "edited": False, "document_id": document}
    return cast(KnowledgeChunk, SimpleNamespace(**fields))


def test_pieces_stay_within_their_size() -> None:
    assert estimate_tokens("你好") == 2 and estimate_tokens("abc") == 1
    texts = ["x" * 3000] * 3
    assert [len(each) for each in group(texts)] == [1, 1, 1]
    assert [len(each) for each in group(texts, least=2)] == [2, 1]
    assert group(["a", "b", "c"]) == [["a", "b", "c"]] and group([]) == []


def test_what_chunks_repeat_is_left_out() -> None:
    texts = [chunk("abcd", 0), chunk("cdef", 2), chunk("own", None), chunk("ef", 4)]
    assert without_overlap(texts) == ["abcd", "ef", "own"]


class Summarising(Models):
    """Says the first word of each request's text, or nothing; `bodies` has the requests."""

    def __init__(self, silent: bool = False) -> None:
        super().__init__()
        self._silent = silent
        self.bodies: list[Mapping[str, Any]] = []

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[dict[str, Any]]:
        self.bodies.append(body)
        words = ["", ""] if self._silent else [" s", f"{len(self.bodies)} "]
        for word in words:
            yield {"choices": [{"delta": {"content": word}}]}


def test_groups_are_summarised_and_their_summaries_until_one_is_left() -> None:
    models = Summarising()
    long = [chunk("字" * 1300, None) for _ in range(3)]
    summary = asyncio.run(summarise(models, "m", long, {"temperature": 0}))
    assert summary == Summary("s4", ["s1", "s2", "s3"])
    assert [body["messages"][0]["content"] for body in models.bodies][3] == "Combine these summaries: s1\n\ns2\n\ns3"
    assert {(body["model"], body["temperature"], body["messages"][0]["role"]) for body in models.bodies} == {
        ("m", 0, "user")
    }
    assert models.bodies[0]["messages"][0]["content"].endswith("文本内容如下: \r\n" + "字" * 1300)


def test_one_group_is_one_request() -> None:
    models = Summarising()
    assert asyncio.run(summarise(models, "m", [chunk("a", None), chunk("b", None)], {})) == Summary("s1", ["s1"])
    assert models.bodies[0]["messages"][0]["content"].endswith("a\n\nb") and len(models.bodies) == 1


def test_nothing_to_summarise_and_silence_are_errors() -> None:
    with pytest.raises(InvalidParameter, match="no text to summarise"):
        asyncio.run(summarise(Summarising(), "m", [chunk("  ", None)], {}))
    with pytest.raises(UpstreamFailed, match="said nothing"):
        asyncio.run(summarise(Summarising(silent=True), "m", [chunk("a", None)], {}))


@pytest.mark.parametrize(
    ("sizes", "least", "groups"),
    [
        ([1300], 1, [1]),
        ([1299, 1], 1, [2]),
        ([1300, 1], 1, [1, 1]),
        ([650, 650, 650, 650], 1, [2, 2]),
        ([1300, 1300, 1300, 1300], 2, [2, 2]),
        ([1300, 1300, 1], 2, [2, 1]),
        ([1, 1300, 1, 1], 2, [2, 2]),
    ],
)
def test_groups_are_as_large_as_they_may_be(sizes: list[int], least: int, groups: list[int]) -> None:
    assert [len(each) for each in group(["字" * size for size in sizes], least)] == groups


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("abc", 1), ("字", 1), ("a字", 4 / 3), ("⺀", 1), ("⹿", 1 / 3), ("éé", 2 / 3)]
)
def test_a_wide_character_is_a_token_and_three_others_are_one(text: str, tokens: float) -> None:
    assert estimate_tokens(text) == pytest.approx(tokens)


def test_chunks_that_were_edited_or_cut_repeat_nothing() -> None:
    edited = chunk("bcde", 1)
    edited.edited = True
    table = chunk("head\nrow", 2)
    table.end = 5
    assert without_overlap([chunk("abcd", 0), edited, table, chunk("d", 3), chunk("efg", 4)]) == [
        "abcd", "bcde", "head\nrow", "efg",
    ]  # fmt: skip


def test_chunks_of_other_documents_and_earlier_ones_are_whole() -> None:
    """A caller may name chunks of any documents in any order."""
    assert without_overlap([chunk("abcd", 0), chunk("wxyz", 0, 2), chunk("yz12", 2, 2)]) == ["abcd", "wxyz", "12"]
    assert without_overlap([chunk("ab", 5), chunk("xy", 0), chunk("yz", 1), chunk("z1", 2)]) == ["ab", "xy", "z", "1"]
    assert without_overlap([chunk("abcdef", 0), chunk("bc", 1), chunk("fg", 5)]) == ["abcdef", "g"]
