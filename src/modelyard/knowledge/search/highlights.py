"""Spans of a chunk that contain the words of a query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from modelyard.knowledge.indexing.words import plain

Span = tuple[int, int]
"""First character, and the one after the last."""

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_PARTS = re.compile(rf"(?P<cjk>[{CJK}]+)|[^\W_{CJK}]+")
"""Compiled once, because a pattern for each query would cost more than the search."""
MOST = 50
SHORT = 3
"""Letters below which a word of a query is too common to be highlighted."""


@lru_cache(maxsize=512)
def _query_words(query: str) -> frozenset[str]:
    """The normalized words of a query; of Chinese text its pairs of characters, or a single character."""
    found: set[str] = set()
    for match in _PARTS.finditer(plain(query)):
        part = match.group()
        if match["cjk"] is None:
            if len(part) >= SHORT or not part.islower():
                found.add(_plain(part))
        elif len(part) == 1:
            found.add(part)
        else:
            found |= {part[place : place + 2] for place in range(len(part) - 1)}
    return frozenset(found)


def _plain(word: str) -> str:
    """A word in lower case without a plural `s`."""
    folded = plain(word).casefold()
    return folded[:-1] if len(folded) > SHORT and folded.endswith("s") else folded


def _spans(words: frozenset[str], text: str) -> Iterator[Span]:
    for match in _PARTS.finditer(text):
        start, part = match.start(), match.group()
        if match["cjk"] is None:
            if _plain(part) in words:
                yield match.span()
            continue
        simplified = plain(part)
        part = simplified if len(simplified) == len(part) else part
        for place in range(len(part)):
            if part[place : place + 2] in words:
                yield start + place, min(start + place + 2, match.end())
            elif part[place] in words:
                yield start + place, start + place + 1


def _touch(text: str, end: int, start: int) -> bool:
    """Whether two spans are joined: they are adjacent, or parts of one part number."""
    return start <= end or (start == end + 1 and text[end] in "-_./")


def highlights(query: str, text: str) -> list[Span]:
    """Spans of the words and character pairs that a query and a text share, joined if adjacent; at most `MOST`."""
    words = _query_words(query)
    spans: list[Span] = []
    for start, end in _spans(words, text) if words else ():
        if spans and _touch(text, spans[-1][1], start):
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif len(spans) == MOST:
            break
        else:
            spans.append((start, end))
    return spans
