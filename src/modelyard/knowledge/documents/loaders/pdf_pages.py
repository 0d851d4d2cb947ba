"""Draws pages of a PDF as PNG, and finds passages on them. Runs in a reader process."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from modelyard.knowledge.documents.loaders.base import LoadLimits, Source, parsing
from modelyard.knowledge.documents.loaders.page_messages import (
    BoxesReply,
    BoxesRequest,
    PageBoxes,
    PageImageReply,
    PageImageRequest,
    PagePassage,
    Rectangle,
)
from modelyard.knowledge.documents.loaders.pdf import opened
from modelyard.knowledge.documents.loaders.pdf_boxes import rectangles

LONGEST_SIDE = 4096
"""Maximum pixels of a side; a larger image is drawn smaller."""
LEVEL = 6
"""Of zlib's compression."""


def image(request: PageImageRequest) -> PageImageReply:
    """A page as a PNG. Raises `DocumentUnreadable`."""
    with _document(request.path, request.name) as document:
        count = len(document)
        if not 1 <= request.page <= count:
            return PageImageReply(pages=count)
        document.init_forms()
        page = document[request.page - 1]
        width, height = (max(side, 1) for side in page.get_size())
        scale = request.scale if request.width is None else request.width / width
        scale = min(scale, LONGEST_SIDE / max(width, height))
        bitmap = page.render(scale=scale, rev_byteorder=True)
        data = png(bitmap.width, bitmap.height, bitmap.stride, memoryview(bitmap.buffer))
        bitmap.close()
        page.close()
        return PageImageReply(data=data, pages=count)


def boxes(request: BoxesRequest) -> BoxesReply:
    """Where passages stand on their pages. Raises `DocumentUnreadable`."""
    with _document(request.path, request.name) as document:
        there = [each for each in request.passages if 1 <= each.page <= len(document)]
        return BoxesReply(boxes=[_on_page(document, each) for each in there])


def _on_page(document: Any, passage: PagePassage) -> PageBoxes:
    page = document[passage.page - 1]
    width, height = page.get_size()
    try:
        found = rectangles(page, passage)
    finally:
        page.close()
    whole = [Rectangle(0, 0, round(width, 2), round(height, 2))]
    return PageBoxes(passage.page, round(width, 2), round(height, 2), found or whole, bool(found))


@contextmanager
def _document(path: str, name: str) -> Iterator[Any]:
    """An opened PDF. Raises `DocumentUnreadable`, also for what fails in the block."""
    import pypdfium2

    source = Source(Path(path).read_bytes(), name, "pdf", LoadLimits())
    with parsing(source, "PDF", pypdfium2.PdfiumError):
        document = opened(source)
        try:
            yield document
        finally:
            document.close()


def png(width: int, height: int, stride: int, pixels: memoryview) -> bytes:
    """Rows of RGB pixels, each `stride` bytes long, as a PNG. Written here, because no other library is needed for it."""
    flat = pixels.cast("B")
    packed = zlib.compressobj(LEVEL)
    body = bytearray()
    for row in range(height):
        start = row * stride
        body += packed.compress(b"\0" + bytes(flat[start : start + 3 * width]))
    body += packed.flush()
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _piece(b"IHDR", head) + _piece(b"IDAT", bytes(body)) + _piece(b"IEND", b"")


def _piece(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
