"""Bodies of the routes about pages of documents."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.deferred import DeferredModel


class RectangleInfo(DeferredModel):
    """A rectangle on a page as it is displayed, in points (1/72 inch) from its top left corner."""

    left: float
    top: float
    width: float
    height: float


class PageBoxesInfo(DeferredModel):
    """Where the text of a chunk is on one page."""

    page: int
    """From 1."""
    width: float
    """Width in points of the page as it is displayed, rotation included. In an image of the page that is `w` pixels wide, a
    point is `w / width` pixels."""
    height: float
    """Height of the page in points."""
    rectangles: list[RectangleInfo]
    """One for each line, or part of a line; the whole page if the text was not found on it."""
    exact: bool
    """Whether the text was found on the page. It is not found on scanned pages, and if the file has changed since it was
    indexed."""


class ChunkBoxes(DeferredModel):
    """Answer of `GET …/chunks/{chunk}/boxes`."""

    object: Literal["knowledge_base.chunk.boxes"] = "knowledge_base.chunk.boxes"
    chunk_id: int
    document_id: int
    document: str
    """Name of the document."""
    pages: list[PageBoxesInfo]
