"""Decodes picture files, with limits of format and size."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from typing import Any

from PIL import Image, ImageOps

from modelyard.core.errors import InvalidParameter

KINDS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
"""Supported formats. Of animations the first picture is used. Pillow supports more, some with external programs."""

BROKEN = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error)
"""Pillow's exceptions for invalid files."""


def most_pixels() -> int:
    """Maximum pixels of all pictures of a request together: Pillow's limit for decompression bombs."""
    return Image.MAX_IMAGE_PIXELS or 89_478_485


def open_pictures(files: Sequence[bytes]) -> list[Any]:
    """Decode pictures, upright and in RGB. Raises `InvalidParameter` before a large one uses memory."""
    opened = [_open(file, number) for number, file in enumerate(files, 1)]
    pixels = sum(picture.width * picture.height for picture in opened)
    if pixels > most_pixels():
        raise InvalidParameter(
            "messages", f"its pictures have {pixels} pixels together, and at most {most_pixels()} are decoded."
        )
    return [_decode(picture, number) for number, picture in enumerate(opened, 1)]


def _open(file: bytes, number: int) -> Any:
    """Open a picture and read its header."""
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
    """A small picture with many colours, wider than high, for tests of a model."""
    width, height = 53, 37
    pixels = bytes(
        (7 * x + 3 * y + 90 * channel) % 256 for y in range(height) for x in range(width) for channel in range(3)
    )
    written = io.BytesIO()
    Image.frombytes("RGB", (width, height), pixels).save(written, "PNG")
    return written.getvalue()
