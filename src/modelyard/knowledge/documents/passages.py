"""Which parts of a chunk stand on which pages of its document. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.knowledge.documents.loaders.page_messages import PagePassage

AROUND = 300
"""Characters of the pages before and behind that a passage has with it."""
FARTHEST = 20_000
"""Characters of its page that a passage has with it on each side."""
MOST_PAGES = 20
"""Maximum number of pages on which a chunk is looked for whose page breaks were lost by an edit."""


@dataclass(frozen=True, slots=True)
class ChunkSpan:
    """Where a chunk of a document comes from."""

    start: int
    """Character span in the document's text."""
    end: int
    page: int | None
    breaks: Sequence[Sequence[int]]
    """Offset in the chunk's own text and page of each place where another page begins."""
    length: int
    """Characters of its own text: more than its span has, if it begins with the header of a table or with a title."""
    edited: bool = False

    def pages(self) -> list[tuple[int, int]]:
        """Offset in the document's text and page of its beginning, and of each place where another page begins."""
        if self.page is None:
            return []
        added = self.length - (self.end - self.start)
        return [(self.start, self.page), *((self.start + offset - added, page) for offset, page in self.breaks)]


def passages(chunk: ChunkSpan, others: Sequence[ChunkSpan], text: str) -> list[tuple[PagePassage, bool]]:
    """The parts of a chunk by page, and whether each is certain to be on it; `others` are all chunks of the document.

    Empty for a chunk without a page.
    """
    if chunk.page is None:
        return []
    starts: dict[int, int] = {}
    for each in [chunk, *others]:
        for offset, page in each.pages():
            starts[page] = min(offset, starts.get(page, offset))
    ordered = sorted((offset, page) for page, offset in starts.items())
    if chunk.edited and not chunk.breaks:
        behind = bisect_right(ordered, (chunk.end, 0))
        last = ordered[behind][1] if behind < len(ordered) else chunk.page + 1
        pages = range(chunk.page, min(last, chunk.page + MOST_PAGES - 1) + 1)
        return [(_passage(text, page, chunk.start, chunk.end, 0, len(text)), page == chunk.page) for page in pages]
    found = []
    for at, (offset, page) in enumerate(ordered):
        following = ordered[at + 1][0] if at + 1 < len(ordered) else len(text)
        start, end = max(chunk.start, offset), min(chunk.end, following)
        if start < end:
            found.append((_passage(text, page, start, end, offset - AROUND, following + AROUND), True))
    return found


def _passage(text: str, page: int, start: int, end: int, first: int, last: int) -> PagePassage:
    first, last = max(first, start - FARTHEST, 0), min(last, end + FARTHEST, len(text))
    return PagePassage(page, text[first:last], start - first, end - first)
