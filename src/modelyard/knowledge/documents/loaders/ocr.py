"""Reads pictures, and scanned pages, with RapidOCR and the models in its wheel. Nothing is downloaded."""

from __future__ import annotations

import io
import os
from functools import lru_cache
from importlib.util import find_spec
from statistics import median
from typing import Any

from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.lines import Line, paragraphs
from modelyard.knowledge.types import Block, LoadedDocument

HOW = "To read pictures of text, pip install rapidocr onnxruntime."
LONGEST_SIDE = 4000
"""Maximum pixels of a side; larger pictures are scaled down."""
MOST_PIXELS = 100_000_000
"""Pixels above which a picture is refused before it is decoded."""
MOST_FRAMES = 500
SURE = 0.5
"""Minimum confidence of a recognised line."""
THREADS = 4


def installed() -> bool:
    """Whether the extra `ocr` is installed."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


def how() -> str:
    """Advice on how to read pages that are pictures."""
    return "MODELYARD_OCR=1 reads pictures of text." if installed() else HOW


def load(source: Source) -> LoadedDocument:
    """Read a picture; each frame of a TIFF is a page."""
    if not installed():
        raise source.unreadable(f"it is a picture. {HOW}")
    from PIL import Image, ImageSequence, UnidentifiedImageError

    with parsing(source, "picture", UnidentifiedImageError, Image.DecompressionBombError):
        blocks = []
        with Image.open(io.BytesIO(source.data)) as picture:
            frames = getattr(picture, "n_frames", 1)
            source.allow_pages(frames)
            if picture.width * picture.height > MOST_PIXELS or frames > MOST_FRAMES:
                raise source.unreadable(f"it has more than {MOST_PIXELS:,} pixels or {MOST_FRAMES} frames.")
            for page, frame in enumerate(ImageSequence.Iterator(picture), 1):
                for each in paragraphs(lines(_upright(frame))):
                    blocks.append(Block(each.text, page=page if frames > 1 else None))
        return LoadedDocument(blocks)


def _upright(picture: Any) -> Any:
    """The picture rotated by its EXIF orientation, on white, in RGB."""
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(picture)
    picture.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if picture.mode in {"RGBA", "LA", "PA"} or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def lines(picture: Any) -> list[Line]:
    """The lines of a `PIL` picture in RGB, in reading order: from the top, and from the left on one level."""
    import numpy

    result = _engine()(numpy.asarray(picture)[:, :, ::-1])
    if getattr(result, "boxes", None) is None or result.txts is None:
        return []
    found = []
    for box, text, score in zip(result.boxes, result.txts, result.scores, strict=True):
        if score >= SURE and text.strip():
            xs, ys = [float(x) for x, _ in box], [float(y) for _, y in box]
            found.append(Line(text.strip(), min(xs), min(ys), max(xs), max(ys)))
    return in_rows(found)


def in_rows(boxes: list[Line]) -> list[Line]:
    """Join adjacent boxes into lines; heights are averaged, because OCR measures them roughly."""
    rows: list[list[Line]] = []
    for box in sorted(boxes, key=lambda each: (each.top + each.bottom) / 2):
        middle = (box.top + box.bottom) / 2
        if rows and rows[-1][0].top < middle < rows[-1][0].bottom:
            rows[-1].append(box)
        else:
            rows.append([box])
    usual = median([box.height for box in boxes]) if boxes else 0
    found = []
    for row in rows:
        row.sort(key=lambda each: each.left)
        top, bottom = min(each.top for each in row), max(each.bottom for each in row)
        if 0.75 * usual < bottom - top < 1.33 * usual:
            top = bottom - usual
        text = " ".join(each.text for each in row)
        found.append(Line(text, row[0].left, top, max(each.right for each in row), bottom))
    return found


@lru_cache(maxsize=1)
def _engine() -> Any:
    """The OCR engine, loaded once per process: half a second, 200 MB."""
    from rapidocr import RapidOCR

    threads = min(THREADS, os.cpu_count() or 1)
    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
