"""How texts are put together before a model summarises them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

from modelyard.db.tables import KnowledgeChunk
from modelyard.knowledge.answering.summaries import grouped, tokens, without_overlap


def chunk(text: str, start: int | None) -> KnowledgeChunk:
    end = None if start is None else start + len(text)
    return cast(KnowledgeChunk, SimpleNamespace(text=text, start=start, end=end, edited=False))


def test_pieces_stay_within_their_size() -> None:
    assert tokens("你好") == 2 and tokens("abc") == 1
    texts = ["x" * 3000] * 3
    assert [len(each) for each in grouped(texts)] == [1, 1, 1]
    assert [len(each) for each in grouped(texts, least=2)] == [2, 1]
    assert grouped(["a", "b", "c"]) == [["a", "b", "c"]] and grouped([]) == []


def test_what_chunks_repeat_is_left_out() -> None:
    texts = [chunk("abcd", 0), chunk("cdef", 2), chunk("own", None), chunk("ef", 4)]
    assert without_overlap(texts) == ["abcd", "ef", "own"]
