"""Joins the lines of a page to paragraphs, by their distance, size, indentation and line ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from modelyard.knowledge.documents.loaders.prose import SENTENCE_END, joined


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its position, in any unit; `top` is less than `bottom`."""

    text: str
    left: float
    top: float
    right: float
    bottom: float

    @property
    def height(self) -> float:
        """The height of its letters."""
        return max(self.bottom - self.top, 0.01)


@dataclass(frozen=True, slots=True)
class Paragraph:
    """The text of some lines, and the height of its letters."""

    text: str
    height: float
    lines: int


ITEM = re.compile(
    r"(?:[•●■◆▪◦○□►➢✓*·–—-]\s?(?=\S)|\(?\d{1,3}(?:[.．]\d{1,3})*[.)、．]\s?(?!\d)|[（(][一二三四五六七八九十\d]{1,3}[)）]"
    r"|[一二三四五六七八九十]{1,3}、|第[一二三四五六七八九十百零\d]{1,5}[章节節条條款部篇]|[a-zA-Z][.)]\s)"
)
BROKEN_WORD = re.compile("[^\\W\\d_][-\u00ad\u2010]$")
"""A line that ends within a word."""
SPACED = 1.3
"""Line distance, relative to the usual one, from which a new paragraph begins."""
SIZED = 1.12
"""Letter height, relative to that of the previous line, from which a new paragraph begins."""
FULL = 0.85
"""Part of its column that a line must fill for its paragraph to continue."""
INDENT = 0.9
"""Minimum indentation of a line, in letter heights."""


def paragraphs(lines: Sequence[Line]) -> list[Paragraph]:
    """The paragraphs of a page, in the order of its lines."""
    found: list[list[Line]] = []
    for column in _columns(lines):
        pitch = _pitch(column)
        left, right = min(line.left for line in column), max(line.right for line in column)
        for at, line in enumerate(column):
            if at == 0 or _begins(column[at - 1], line, found[-1][0], pitch, left, right):
                found.append([line])
            else:
                found[-1].append(line)
    return [_paragraph(each) for each in found]


def _paragraph(lines: Sequence[Line]) -> Paragraph:
    text = ""
    for line in lines:
        text = joined(text, line.text)
    return Paragraph(text, median(line.height for line in lines), len(lines))


def _columns(lines: Sequence[Line]) -> list[list[Line]]:
    """Groups of lines that run down the page; a step up, or far to the side, begins another group."""
    runs: list[list[Line]] = []
    for line in lines:
        last = runs[-1][-1] if runs else None
        if last is None or line.top < last.top - 0.5 * last.height or line.left > max(each.right for each in runs[-1]):
            runs.append([line])
        else:
            runs[-1].append(line)
    return runs


def _pitch(lines: Sequence[Line]) -> float:
    """The usual distance between lines, in letter heights."""
    steps = [(b.bottom - a.bottom) / a.height for a, b in pairwise(lines)]
    near = sorted(step for step in steps if 0.5 < step < 3)
    return near[len(near) // 3] if near else 1.2


def _begins(before: Line, line: Line, first: Line, pitch: float, left: float, right: float) -> bool:
    """Whether a line begins a paragraph; `first` is the first line of the previous one."""
    high, low = max(before.height, line.height), min(before.height, line.height)
    if high > SIZED * low or (line.bottom - before.bottom) / before.height > SPACED * max(pitch, 1.0):
        return True
    if ITEM.match(line.text):
        return True
    if BROKEN_WORD.search(before.text) and line.text[:1].islower():
        return False
    indented = line.left > left + INDENT * line.height
    if indented and line.left > before.left + INDENT * line.height:
        return not ITEM.match(first.text)
    if ITEM.match(first.text) and line.left < first.left - INDENT * line.height:
        return True
    return not _is_full(before, left, right) and bool(
        SENTENCE_END.search(before.text) or _is_short(before, left, right)
    )


def _is_full(line: Line, left: float, right: float) -> bool:
    return line.right >= left + FULL * (right - left)


def _is_short(line: Line, left: float, right: float) -> bool:
    return line.right < left + 0.7 * (right - left)
