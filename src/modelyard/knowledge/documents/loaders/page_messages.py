"""What a reader process is asked about the pages of a PDF, and what it replies."""

from __future__ import annotations

import msgspec


class PagePassage(msgspec.Struct, frozen=True):
    """A part of one page's text that is to be found on the page."""

    page: int
    """From 1."""
    text: str
    """The page's text as it was read, with a little of what stands before and behind it."""
    start: int
    """The part: character offsets in `text`."""
    end: int


class Rectangle(msgspec.Struct, frozen=True):
    """A rectangle in points (1/72 inch) on a page as it is displayed; the origin is the page's top left corner."""

    left: float
    top: float
    width: float
    height: float


class PageBoxes(msgspec.Struct, frozen=True):
    """Where a passage stands on a page."""

    page: int
    """From 1."""
    width: float
    """Points of the page as it is displayed, rotation included."""
    height: float
    rectangles: list[Rectangle]
    """One for each line, or part of a line; the whole page if the text was not found on it."""
    exact: bool
    """Whether the text was found. It is not on scanned pages, and in a file that has changed since it was indexed."""


class PageImageRequest(msgspec.Struct, tag="image"):
    """Draw a page."""

    path: str
    name: str
    page: int
    """From 1."""
    width: int | None
    """Pixels; None to draw it by `scale`."""
    scale: float
    """Pixels of a point."""


class BoxesRequest(msgspec.Struct, tag="boxes"):
    """Find passages on their pages."""

    path: str
    name: str
    passages: list[PagePassage]


class ReaderReply(msgspec.Struct):
    """What all replies have."""

    problem: str = ""
    """Why the file cannot be read, as a sentence."""
    spent: bool = False
    """Whether the child ends now, because it may be short of memory."""


class PageImageReply(ReaderReply):
    """A page as a PNG, and the number of pages; without the PNG if there is no such page."""

    data: bytes = b""
    pages: int = 0


class BoxesReply(ReaderReply):
    """Where the passages stand. Pages that the file does not have are left out."""

    boxes: list[PageBoxes] = msgspec.field(default_factory=list)
