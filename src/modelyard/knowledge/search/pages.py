"""On which page of a chunk that spans several the words of a query stand."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.knowledge.indexing.words import query_terms, terms


def matched_page(query: str, text: str, page: int | None, breaks: Sequence[tuple[int, int]]) -> int | None:
    """The page that has most of a query's terms, long ones counting more; the first page where none has any.

    `page` is where `text` begins, `breaks` are the offset and the page of each place where another page begins.
    """
    query_words = set(query_terms(query))
    starts = [0, *(offset for offset, _ in breaks)]
    ends = [*starts[1:], len(text)]
    pages = [page, *(number for _, number in breaks)]
    shared = [
        sum(map(len, query_words.intersection(terms(text[start:end])))) for start, end in zip(starts, ends, strict=True)
    ]
    return pages[shared.index(max(shared))]
