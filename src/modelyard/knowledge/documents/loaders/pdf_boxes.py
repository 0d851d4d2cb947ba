"""Finds a passage on a page of a PDF: lines are matched with the page's text in order, by letters and digits alone.

Spaces, hyphens and punctuation do not count, because the loader changes them; lines that it left out, such as page numbers,
match nowhere.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from modelyard.knowledge.documents.loaders.page_messages import PagePassage, Rectangle
from modelyard.knowledge.documents.loaders.pdf import ENDS, HYPHENS, upright

STATES = 32
"""Alignments that are followed at the same time."""
JUMP = 4
"""Letters that text without a line costs an alignment."""
APART = 1.5
"""Distance of characters, in letter heights, from which they get rectangles of their own: columns of a table."""

FOUND = 0.3
"""Part of a passage's letters that must be on the page; fewer are there by chance."""

Box = tuple[float, float, float, float]
"""Left, bottom, right and top."""


@dataclass(frozen=True, slots=True)
class PageLine:
    """A line of a page."""

    letters: str
    places: Sequence[int]
    """For each letter the number that PDFium gives to its character."""
    first: int
    last: int
    """Of all its characters."""


def rectangles(page: Any, passage: PagePassage) -> list[Rectangle]:
    """Rectangles around the passage on the page as it is displayed; empty if its text is not there. Turns the page upright."""
    display = _Display(page)
    text_page = upright(page)
    try:
        lines = list(_lines(text_page))
        letters, places = folded(passage.text)
        start, end = bisect_left(places, passage.start), bisect_left(places, passage.end)
        found: list[Box] = []
        matched = 0
        for line, at in zip(lines, aligned([line.letters for line in lines], letters), strict=True):
            first, last = max(start - at, 0), min(end - at, len(line.letters))
            if at >= 0 and first < last:
                matched += last - first
                found += _boxes(text_page, *_characters(line, first, last))
    finally:
        text_page.close()
    return [display.rectangle(each) for each in found] if matched >= FOUND * (end - start) else []


def folded(text: str) -> tuple[str, list[int]]:
    """The letters, digits and symbols of a text in one form, and for each its offset in the text."""
    letters: list[str] = []
    places: list[int] = []
    for at, character in enumerate(text):
        for each in _folded(character):
            letters.append(each)
            places.append(at)
    return "".join(letters), places


@lru_cache(maxsize=20_000)
def _folded(character: str) -> str:
    form = unicodedata.normalize("NFKD", character).casefold()
    return "".join(each for each in form if unicodedata.category(each)[0] in "LNS")


def aligned(lines: Sequence[str], text: str) -> list[int]:
    """The offset in the text at which each line stands, -1 for lines that are not in it; as many letters as possible match.

    Lines are in the order of the text. A line is expected where the one before ended; text may be skipped at a cost.
    """
    states: dict[int, tuple[int, tuple[Any, ...] | None]] = {0: (0, None)}
    for number, line in enumerate(lines):
        if not line:
            continue
        after = dict(states)
        for cursor, (score, path) in states.items():
            place = text.find(line, cursor)
            if place < 0:
                continue
            value = score + len(line) - (JUMP if place > cursor else 0)
            best = after.get(place + len(line))
            if best is None or best[0] < value:
                after[place + len(line)] = (value, (number, place, path))
        states = dict(sorted(after.items(), key=lambda state: -state[1][0])[:STATES])
    found = [-1] * len(lines)
    path = max(states.values(), key=lambda state: state[0])[1]
    while path is not None:
        number, place, path = path
        found[number] = place
    return found


def _lines(text_page: Any) -> Iterator[PageLine]:
    """The lines of a page in PDFium's order, which is that of the loader."""
    from pypdfium2 import raw

    count = text_page.count_chars()
    codes = [raw.FPDFText_GetUnicode(text_page.raw, at) for at in range(count)]
    start = 0
    for at in range(count + 1):
        if at < count and codes[at] not in ENDS:
            continue
        if at > start:
            letters, places = folded(_text(codes[start:at]))
            yield PageLine(
                letters,
                [start + place for place in places],
                start,
                at if at < count and codes[at] in HYPHENS else at - 1,
            )
        start = at + 1


def _text(codes: Sequence[int]) -> str:
    """Characters of these codes, one for each; the second half of a surrogate pair is a space."""
    found: list[str] = []
    for code in codes:
        if 0xDC00 <= code < 0xE000 and found and 0xD800 <= ord(found[-1]) < 0xDC00:
            found[-1] = chr(0x10000 + ((ord(found[-1]) - 0xD800) << 10) + code - 0xDC00)
            found.append(" ")
        else:
            found.append(chr(code) if 0 < code < 0x110000 else " ")
    return "".join(found)


def _characters(line: PageLine, first: int, last: int) -> tuple[int, int]:
    """The first and last character of some letters of a line, with the punctuation at them."""
    begin = line.first if first == 0 else line.places[first]
    if last == len(line.letters):
        return begin, line.last
    return begin, max(line.places[last - 1], line.places[last] - 1)


def _boxes(text_page: Any, first: int, last: int) -> list[Box]:
    """The boxes of characters, joined as long as they stand side by side."""
    from pypdfium2 import raw

    found: list[Box] = []
    box = raw.FS_RECTF()
    for at in range(first, last + 1):
        code = raw.FPDFText_GetUnicode(text_page.raw, at)
        if code not in HYPHENS and not chr(code if code < 0x110000 else 32).strip():
            continue
        if not raw.FPDFText_GetLooseCharBox(text_page.raw, at, box):
            continue
        here = (min(box.left, box.right), min(box.bottom, box.top), max(box.left, box.right), max(box.bottom, box.top))
        if found and _beside(found[-1], here):
            a, b = found[-1], here
            found[-1] = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
        else:
            found.append(here)
    return found


def _beside(a: Box, b: Box) -> bool:
    room = APART * max(b[2] - b[0], b[3] - b[1])
    return a[0] - room < b[2] and b[0] < a[2] + room and a[1] - room < b[3] and b[1] < a[3] + room


class _Display:
    """Maps coordinates of a page to the page as it is displayed: cropped and rotated, in points from its top left corner."""

    FINE = 100
    """PDFium maps to whole units, which are so many parts of a point."""
    FAR = 1000.0

    def __init__(self, page: Any) -> None:
        self._page = page
        self._size = page.get_size()
        self._origin = self._mapped(0, 0)
        self._across, self._up = self._mapped(self.FAR, 0), self._mapped(0, self.FAR)

    def _mapped(self, x: float, y: float) -> tuple[float, float]:
        import ctypes

        from pypdfium2 import raw

        across, down = ctypes.c_int(), ctypes.c_int()
        width, height = (round(side * self.FINE) for side in self._size)
        raw.FPDF_PageToDevice(self._page.raw, 0, 0, width, height, 0, x, y, across, down)
        return across.value / self.FINE, down.value / self.FINE

    def point(self, x: float, y: float) -> tuple[float, float]:
        """A point of the page as it was displayed when this object was made."""
        (x0, y0), (x1, y1), (x2, y2) = self._origin, self._across, self._up
        return (
            x0 + (x1 - x0) * x / self.FAR + (x2 - x0) * y / self.FAR,
            y0 + (y1 - y0) * x / self.FAR + (y2 - y0) * y / self.FAR,
        )

    def rectangle(self, box: Box) -> Rectangle:
        """A box as it is displayed, cut at the edges of the page."""
        corners = [self.point(box[0], box[1]), self.point(box[2], box[3])]
        left, right = (min(max(x, 0), self._size[0]) for x in sorted(x for x, _ in corners))
        top, bottom = (min(max(y, 0), self._size[1]) for y in sorted(y for _, y in corners))
        return Rectangle(round(left, 2), round(top, 2), round(right - left, 2), round(bottom - top, 2))
