"""Splits documents into chunks: packs blocks in order, and cuts long ones at the best places, which `cuts.py` finds.

A chunk is a span of `LoadedDocument.text`. Only the repeated header of a table and the title of `title_enhance` are added.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.documents import cuts
from modelyard.knowledge.types import SEPARATOR, Block, BlockKind, Chunk, LoadedDocument

VERSION = 2
"""Version of the algorithm. It grows when the same document is cut in another way, so that documents are cut again."""
SMALLEST, LARGEST = 20, 20_000
"""Limits of `Chunking.size` in characters."""
TITLE_LENGTH = 20
PUNCTUATION_END = re.compile(r"[^\w\s]\Z")


class Chunking(msgspec.Struct, frozen=True, kw_only=True):
    """Chunk settings. Raises `InvalidParameter` if `size` is not 20 to 20,000 or `overlap` is below 0."""

    size: int = 800
    """Maximum characters of a chunk; a row of a table with its header may be longer."""
    overlap: int = 100
    """Maximum characters of whole sentences that a chunk repeats from the previous one, at most half of `size`."""
    title_enhance: bool = False
    """Whether chunks after a short numbered line, such as `3.2 范围`, begin with `下文与(3.2 范围)有关。`."""

    def __post_init__(self) -> None:
        if not SMALLEST <= self.size <= LARGEST:
            raise InvalidParameter("chunking.size", f"{self.size} is not from {SMALLEST} to {LARGEST} characters.")
        if self.overlap < 0:
            raise InvalidParameter("chunking.overlap", f"{self.overlap} is below 0.")
        if self.overlap > self.size // 2:
            msgspec.structs.force_setattr(self, "overlap", self.size // 2)


DEFAULT = Chunking()


def split(loaded: LoadedDocument, chunking: Chunking = DEFAULT) -> list[Chunk]:
    """The chunks of a document, in order. Every character that is not blank is in at least one of them."""
    text = loaded.text
    items = _items(loaded.blocks)
    packer = _Packer(text, chunking)
    for item in items:
        packer.add(item)
    packer.finish()
    paths = _paths(items)
    titles = _titles(items, text) if chunking.title_enhance else []
    starts = [item.start for item in items]
    return [_chunk(text, span, items, starts, paths, titles) for span in packer.spans]


def key(chunking: Chunking) -> str:
    """A string for fingerprints: equal if all documents are split into equal chunks."""
    return msgspec.json.encode({"version": VERSION, **msgspec.structs.asdict(chunking)}, order="sorted").decode()


@dataclass(frozen=True, slots=True)
class _Item:
    """A block's span without the blanks around it."""

    start: int
    end: int
    block: Block

    @property
    def heading(self) -> bool:
        return self.block.kind is BlockKind.HEADING


@dataclass(frozen=True, slots=True)
class _Span:
    """A chunk's span, and the header of a table that is put before its text."""

    start: int
    end: int
    header: str


class _Packer:
    """Packs blocks into chunks: has the current chunk, and the spans of the finished ones.

    The current chunk has content up to `content`, then headings from `tail` on that belong to the next content; -1 means
    none.
    """

    def __init__(self, text: str, chunking: Chunking) -> None:
        self.spans: list[_Span] = []
        self._text = text
        self._size = chunking.size
        self._overlap = chunking.overlap
        self._start = self._content = self._tail = -1
        self._header = ""
        self._end = 0
        self._page: int | None = None
        self._barrier = 0
        """The first position where an overlap may begin: after the last heading, table or code."""

    def add(self, item: _Item) -> None:
        """Add the next block."""
        while self._start >= 0 and self._closes(item):
            self._close(item)
        if self._start < 0:
            self._begin(item.start)
        if item.heading and self._short(item):
            self._tail = item.start if self._tail < 0 else self._tail
            self._barrier = item.end
        else:
            self._add_content(item)
        self._end = item.end
        self._page = item.block.page

    def finish(self) -> None:
        """Finish the last chunk. Headings at the end without content stay in it."""
        if self._start >= 0:
            self._emit(self._start, self._end)

    def _add_content(self, item: _Item) -> None:
        if item.block.kind in (BlockKind.TEXT, BlockKind.HEADING):
            self._barrier = item.start if item.heading else self._barrier
            self._cut_text(item)
        elif item.block.kind is BlockKind.TABLE:
            self._cut_table(item)
            self._barrier = item.end
        else:
            self._cut_code(item)
            self._barrier = item.end
        self._content = item.end
        self._tail = -1

    def _short(self, item: _Item) -> bool:
        """Whether a heading is shorter than half a chunk; longer ones are cut like text."""
        return item.end - item.start <= self._size // 2

    def _length(self, end: int) -> int:
        """Characters of the current chunk if it ends at `end`."""
        return end - self._start + (len(self._header) + 1 if self._header else 0)

    def _closes(self, item: _Item) -> bool:
        """Whether the current chunk ends before a block."""
        most = self._size * 3 // 4
        short = item.heading and self._short(item)
        if self._content < 0:  # headings only: they wait for content, unless they leave no space for it
            return item.end - self._start > most if short else item.start - self._start > most + len(SEPARATOR)
        half = self._length(self._content) * 2 > self._size
        if item.heading and (half or item.block.level <= 2):
            return True
        if half and item.block.page != self._page:
            return True
        if self._length(item.end) <= self._size:
            return False
        return half or item.end - item.start <= self._size or not self._has_room(item)

    def _has_room(self, item: _Item) -> bool:
        """Whether a block that has to be cut may begin in the current chunk."""
        if self._length(item.start) > self._size * 3 // 4:
            return False
        if item.block.kind is BlockKind.TEXT:
            return True
        start = cuts.header_end(self._text, item.start, item.end) if item.block.kind is BlockKind.TABLE else item.start
        first = cuts.first_line_end(self._text, cuts.skip_blanks(self._text, start), item.end)
        return not item.heading and self._length(first) <= self._size

    def _close(self, item: _Item) -> None:
        if self._content < 0:
            self._emit(self._start, self._end)
            self._begin(-1)
            return
        start, content, tail = self._start, self._content, self._tail
        self._emit(start, content)
        if tail >= 0:
            self._begin(tail)
            self._tail = tail
            return
        self._begin(-1)
        long = item.end - item.start > self._size
        if not item.heading and (item.block.kind is BlockKind.TEXT or not long):
            overlap = self._overlap_start(start, content, item.start, item.end)
            if overlap < content:
                self._begin(overlap)
                self._content = content

    def _overlap_start(self, start: int, end: int, following: int, whole: int) -> int:
        """The start of the chunk after the one from `start` to `end`, if it repeats sentences; `end` if it cannot.

        The next content begins at `following`, and is not cut because of the overlap if it fits completely by `whole`.
        """
        low = max(end - self._overlap, self._barrier, start + 1, following - self._size // 2)
        if whole - following <= self._size:
            low = max(low, whole - self._size)
        if low >= end:
            return end
        if low == self._barrier:
            low = cuts.skip_blanks(self._text, low)
            return min(low, end)
        return cuts.sentence_start(self._text, low, end)

    def _begin(self, start: int) -> None:
        self._start = start
        self._content = self._tail = -1
        self._header = ""

    def _emit(self, start: int, end: int) -> int:
        """Finish a chunk without the blanks at its end, and return its end."""
        end = start + len(self._text[start:end].rstrip())
        self.spans.append(_Span(start, end, self._header))
        return end

    def _cut_text(self, item: _Item) -> None:
        floor = item.start
        while self._length(item.end) > self._size:
            limit = item.end - self._length(item.end) + self._size
            middle = max(floor, self._start + self._size // 2)
            cut = cuts.text_cut(self._text, floor, middle, limit)
            start, end = self._start, self._emit(self._start, cut)
            floor = cuts.skip_blanks(self._text, cut)
            overlap = self._overlap_start(start, end, floor, item.end)
            self._begin(overlap if overlap < end else floor)

    def _cut_code(self, item: _Item) -> None:
        floor = item.start
        while self._length(item.end) > self._size:
            limit = item.end - self._length(item.end) + self._size
            middle = max(floor, self._start + self._size // 2)
            self._emit(self._start, cuts.code_cut(self._text, floor, middle, limit))
            floor = cuts.skip_blanks(self._text, self.spans[-1].end)
            self._begin(floor)

    def _cut_table(self, item: _Item) -> None:
        """Every part but the first repeats the header, unless that is longer than half a chunk; then it is treated as a row."""
        behind = cuts.header_end(self._text, item.start, item.end)
        header = self._text[item.start : behind] if behind - item.start <= self._size // 2 else ""
        floor = cuts.skip_blanks(self._text, behind) if header else item.start
        while self._length(item.end) > self._size:
            limit = item.end - self._length(item.end) + self._size
            cut = cuts.row_cut(self._text, floor, limit, item.end, self._size)
            if cut >= item.end:
                return
            end = self._emit(self._start, cut)
            floor = cuts.skip_blanks(self._text, end)
            self._begin(floor)
            self._header = header


def _items(blocks: Sequence[Block]) -> list[_Item]:
    """The blocks that are not blank."""
    items = []
    offset = 0
    for block in blocks:
        stripped = block.text.strip()
        if stripped:
            start = offset + len(block.text) - len(block.text.lstrip())
            items.append(_Item(start, start + len(stripped), block))
        offset += len(block.text) + len(SEPARATOR)
    return items


def _paths(items: Sequence[_Item]) -> list[str]:
    """The headings above each block; a heading is above itself."""
    above: list[tuple[int, str]] = []
    path = ""
    paths = []
    for item in items:
        if item.heading:
            level = max(item.block.level, 1)
            above = [each for each in above if each[0] < level]
            above.append((level, " ".join(item.block.text.split())))
            path = " > ".join(text for _, text in above)
        paths.append(path)
    return paths


def _titles(items: Sequence[_Item], text: str) -> list[tuple[int, str]]:
    """Positions and texts of titles: short, with a digit among the first five characters, without final punctuation."""
    titles = []
    for item in items:
        words = text[item.start : item.end]
        if (
            len(words) <= TITLE_LENGTH
            and item.block.kind in (BlockKind.TEXT, BlockKind.HEADING)
            and any(character.isdigit() for character in words[:5])
            and any(character.isalpha() for character in words)
            and not PUNCTUATION_END.search(words)
        ):
            titles.append((item.start, " ".join(words.split())))
    return titles


def _chunk(
    text: str,
    span: _Span,
    items: Sequence[_Item],
    starts: Sequence[int],
    paths: Sequence[str],
    titles: Sequence[tuple[int, str]],
) -> Chunk:
    """The chunk of a span, with the headings and the title above it."""
    first = inner = bisect_right(starts, span.start) - 1
    while items[inner].heading and inner + 1 < len(items) and starts[inner + 1] < span.end:
        inner += 1
    words = text[span.start : span.end]
    if span.header:
        words = f"{span.header}\n{words}"
    above = bisect_right(titles, span.start, key=lambda title: title[0]) - 1
    if above >= 0 and titles[above][0] < span.start:
        words = f"下文与({titles[above][1]})有关。{words}"
    added = len(words) - (span.end - span.start)
    breaks = _page_breaks(items, starts, first, span, added)
    return Chunk(words, span.start, span.end, items[first].block.page, breaks, paths[inner])


def _page_breaks(
    items: Sequence[_Item], starts: Sequence[int], first: int, span: _Span, added: int
) -> tuple[tuple[int, int], ...]:
    """Where other pages begin in a chunk whose first block is `items[first]`, behind `added` other characters."""
    breaks: list[tuple[int, int]] = []
    page = items[first].block.page
    for place in range(first + 1, bisect_right(starts, span.end - 1)):
        here = items[place].block.page
        if here is not None and here != page:
            breaks.append((starts[place] - span.start + added, here))
        page = here
    return tuple(breaks)
