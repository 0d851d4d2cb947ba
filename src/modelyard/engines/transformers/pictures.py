"""Files of pictures, decoded: of which kinds, and how large they may be."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageOps

from modelyard.core.errors import InvalidParameter

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Of animations the first picture is taken. Pillow knows more, some of which start other programs."""

BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""What Pillow raises for files that are not what they say."""


def most_pixels() -> int:
    """Pixels that all pictures of a request may have together: what Pillow takes for a bomb beyond."""
    return Image.MAX_IMAGE_PIXELS or 89_478_485


def open_pictures(files: Sequence[bytes]) -> list[Any]:
    """The pictures, upright and in colours. Raises `InvalidParameter` before a large one takes memory."""
    opened = [_open(file, number) for number, file in enumerate(files, 1)]
    pixels = sum(picture.width * picture.height for picture in opened)
    if pixels > most_pixels():
        raise InvalidParameter(
            "messages", f"its pictures have {pixels} pixels together, and at most {most_pixels()} are decoded."
        )
    return [_decode(picture, number) for number, picture in enumerate(opened, 1)]


def _open(file: bytes, number: int) -> Any:
    """A picture whose head is read."""
    try:
        return Image.open(io.BytesIO(file), formats=KINDS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InvalidParameter("messages", f"picture {number} is too large: {error}") from error
    except BROKEN:
        kinds = ", ".join(KINDS)
        raise InvalidParameter("messages", f"picture {number} cannot be read; it must be one of {kinds}.") from None


def _decode(picture: Any, number: int) -> Any:
    try:
        return ImageOps.exif_transpose(picture).convert("RGB")
    except BROKEN as error:
        raise InvalidParameter("messages", f"picture {number} is broken: {error}") from error


def made_up() -> bytes:
    """A small picture of many colours, wider than high."""
    width, height = 53, 37
    pixels = bytes(
        (7 * x + 3 * y + 90 * channel) % 256 for y in range(height) for x in range(width) for channel in range(3)
    )
    written = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(written, "PNG")
    return written.getvalue()
