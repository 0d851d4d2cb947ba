"""Which parts of a chunk stand on which pages, out of the spans of all chunks of its document."""

from __future__ import annotations

import pytest

from modelyard.knowledge.documents import passages as module
from modelyard.knowledge.documents.passages import ChunkSpan, passages

TEXT = "".join(chr(ord("a") + number // 10) for number in range(100))
"""Ten letters of each kind, so that a part of it shows where it begins."""


def span(
    start: int, end: int, page: int | None, *breaks: tuple[int, int], added: int = 0, edited: bool = False
) -> ChunkSpan:
    """A chunk whose own text begins with `added` characters that are not in the document."""
    return ChunkSpan(start, end, page, breaks, end - start + added, edited)


def parts(chunk: ChunkSpan, *others: ChunkSpan) -> list[tuple[int, str, bool]]:
    """Page, the passage's own text, and whether it is certain, for each part."""
    found = passages(chunk, others, TEXT)
    return [(part.page, part.text[part.start : part.end], certain) for part, certain in found]


def test_offsets_of_pages_count_from_the_span_and_not_from_a_header() -> None:
    assert span(10, 30, 2, (5, 3), (15, 4)).pages() == [(10, 2), (15, 3), (25, 4)]
    assert span(10, 30, 2, (12, 3), added=7).pages() == [(10, 2), (15, 3)]
    assert span(10, 30, None, (5, 3)).pages() == []


@pytest.mark.parametrize(
    ("chunk", "others", "found"),
    [
        (span(10, 30, None), (), []),
        (span(10, 30, 1), (), [(1, TEXT[10:30], True)]),
        (span(10, 30, 1, (10, 2)), (), [(1, TEXT[10:20], True), (2, TEXT[20:30], True)]),
        # a page that begins where another chunk does
        (span(10, 30, 1), (span(30, 50, 2),), [(1, TEXT[10:30], True)]),
        (span(10, 30, 1), (span(29, 50, 2),), [(1, TEXT[10:29], True), (2, TEXT[29:30], True)]),
        (span(10, 30, 1), (span(0, 10, 1), span(40, 50, None)), [(1, TEXT[10:30], True)]),
        # the earliest beginning of a page counts
        (span(20, 40, 2), (span(0, 20, 1, (15, 2)), span(40, 50, 3)), [(2, TEXT[20:40], True)]),
        (span(10, 20, 1, (10, 2)), (), [(1, TEXT[10:20], True)]),
    ],
)
def test_a_chunk_is_divided_where_pages_begin(
    chunk: ChunkSpan, others: tuple[ChunkSpan, ...], found: list[tuple[int, str, bool]]
) -> None:
    assert parts(chunk, *others) == found


@pytest.mark.parametrize(
    ("chunk", "others", "pages"),
    [
        (span(10, 30, 3, edited=True), (), [3, 4]),
        (span(10, 30, 3, edited=True), (span(40, 50, 6),), [3, 4, 5, 6]),
        (span(10, 30, 3, edited=True), (span(30, 50, 5), span(60, 70, 9)), [3, 4, 5]),
        (span(10, 30, 3, edited=True), (span(31, 50, 7), span(20, 31, 5)), [3, 4, 5, 6, 7]),
        (span(10, 30, 3, edited=True), (span(40, 50, 90),), list(range(3, 23))),
        (span(10, 30, 3, (5, 4), edited=True), (span(40, 50, 6),), [3, 4]),
    ],
)
def test_an_edited_chunk_that_lost_its_pages_is_looked_for_up_to_the_next_known_one(
    chunk: ChunkSpan, others: tuple[ChunkSpan, ...], pages: list[int]
) -> None:
    found = passages(chunk, others, TEXT)
    assert [part.page for part, _ in found] == pages
    lost = not chunk.breaks
    assert [certain for _, certain in found] == [not lost or page == chunk.page for page in pages]
    if lost:
        assert {(part.text, part.start, part.end) for part, _ in found} == {(TEXT, 10, 30)}


def test_a_passage_has_some_text_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (module.AROUND, module.FARTHEST, module.MOST_PAGES) == (300, 20_000, 20)
    monkeypatch.setattr(module, "AROUND", 5)
    chunk, others = span(40, 50, 2), (span(0, 30, 1), span(30, 40, 2), span(50, 60, 2), span(60, 100, 3))
    ((part, _),) = passages(chunk, others, TEXT)
    assert (part.text, part.start, part.end) == (TEXT[25:65], 15, 25), "its page, and five characters on each side"
    monkeypatch.setattr(module, "FARTHEST", 7)
    ((part, _),) = passages(chunk, others, TEXT)
    assert (part.text, part.start, part.end) == (TEXT[33:57], 7, 17), "of a long page, what is near"
    ((part, _),) = passages(span(0, 100, 1), (), TEXT)
    assert (part.text, part.start, part.end) == (TEXT, 0, 100)
