"""Bodies of the routes about pages of documents."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict

from modelyard.protocol.deferred import DeferredModel


class RectangleInfo(DeferredModel):
    """A rectangle on a page as it is displayed, in points (1/72 inch) from its top left corner."""

    left: float
    top: float
    width: float
    height: float


class PageBoxesInfo(DeferredModel):
    """Where a chunk stands on one page."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    page: int
    """From 1."""
    width: float
    """Points of the page as it is displayed, rotation included: an image of it that is `w` pixels wide has `w / width` pixels of
    a point."""
    height: float
    rectangles: list[RectangleInfo]
    """One for each line, or part of a line; the whole page if the text was not found on it."""
    exact: bool
    """Whether the text was found. It is not on scanned pages, and in a file that has changed since it was indexed."""


class ChunkBoxes(DeferredModel):
    """Answer of `GET …/chunks/{chunk}/boxes`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["knowledge_base.chunk.boxes"] = "knowledge_base.chunk.boxes"
    chunk_id: int
    document_id: int
    document: str
    """Name of the document."""
    pages: list[PageBoxesInfo]
