"""Spans of a chunk that contain the words of a query."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from modelyard.knowledge.indexing.words import plain
from modelyard.knowledge.search.pages import matched_page
from modelyard.protocol.hits import Hit

Span = tuple[int, int]
"""First character, and the one after the last."""

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_PARTS = re.compile(rf"(?P<cjk>[{CJK}]+)|[^\W_{CJK}]+")
"""Compiled once, because a pattern for each query would cost more than the search."""
MOST = 50
SHORT = 3
"""Letters below which a word of a query is too common to be highlighted."""


class QueryWords(NamedTuple):
    """The normalized words of a query."""

    words: frozenset[str]
    pairs: frozenset[str]
    """Of Chinese text: pairs of characters, or a single character."""


@lru_cache(maxsize=512)
def _query_words(query: str) -> QueryWords:
    words, pairs = set[str](), set[str]()
    for match in _PARTS.finditer(plain(query)):
        part = match.group()
        if match["cjk"] is None:
            if len(part) >= SHORT or not part.islower():
                words.add(_plain(part))
        elif len(part) == 1:
            pairs.add(part)
        else:
            pairs |= {part[place : place + 2] for place in range(len(part) - 1)}
    return QueryWords(frozenset(words), frozenset(pairs))


@lru_cache(maxsize=1 << 13)  # enough for the words of most hits; each takes about 200 bytes
def _plain(word: str) -> str:
    """A word in lower case without a plural `s`."""
    folded = plain(word).casefold()
    return folded[:-1] if len(folded) > SHORT and folded.endswith("s") else folded


def _spans(query: QueryWords, text: str) -> Iterator[Span]:
    words, pairs = query
    for match in _PARTS.finditer(text):
        if match.lastgroup is None:
            if words and _plain(match.group()) in words:
                yield match.span()
            continue
        if not pairs:
            continue
        start, part = match.start(), match.group()
        simplified = plain(part)
        part = simplified if len(simplified) == len(part) else part
        for place in range(len(part)):
            if part[place : place + 2] in pairs:
                yield start + place, min(start + place + 2, match.end())
            elif part[place] in pairs:
                yield start + place, start + place + 1


def _ascii_spans(words: frozenset[str], text: str) -> list[Span]:
    """As `_spans`, of a text of ASCII, in which no query has pairs: words are looked for, instead of looking at each word."""
    lower, spans = text.lower(), list[Span]()
    for word in words:
        plural = len(word) >= SHORT
        complete = not (len(word) > SHORT and word.endswith("s"))  # the word itself without its `s` is another one
        start = lower.find(word)
        while start >= 0:
            end = start + len(word)
            if not lower[start - 1 : start].isalnum():
                if plural and lower[end : end + 1] == "s" and not lower[end + 1 : end + 2].isalnum():
                    spans.append((start, end + 1))
                elif complete and not lower[end : end + 1].isalnum():
                    spans.append((start, end))
            start = lower.find(word, end)
    return sorted(spans)


def _touch(text: str, end: int, start: int) -> bool:
    """Whether two spans are joined: they are adjacent, or parts of one part number."""
    return start <= end or (start == end + 1 and text[end] in "-_./")


def with_highlights(query: str, hit: Hit) -> Hit:
    """A hit with the spans of what it shares with a query, and the page where most of that stands."""
    spans = highlights(query, hit.text)
    page = matched_page(query, hit.text, hit.page, hit.page_breaks) if hit.page_breaks else hit.page
    return msgspec.structs.replace(hit, highlights=spans, page=page)


def highlights(query: str, text: str) -> list[Span]:
    """Spans of the words and character pairs that a query and a text share, joined if adjacent; at most `MOST`."""
    words = _query_words(query)
    spans: list[Span] = []
    for start, end in _ascii_spans(words.words, text) if text.isascii() else _spans(words, text):
        if spans and _touch(text, spans[-1][1], start):
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        elif len(spans) == MOST:
            break
        else:
            spans.append((start, end))
    return spans
