"""PowerPoint: each slide a page, its title as heading, then text, tables and the notes of the speaker."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.knowledge.loaders import tables
from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.loaders.office import opened, properties, tidy
from modelyard.knowledge.types import Block, Kind, Loaded

DEEPEST = 20
"""Groups inside one another."""
UNSPOKEN = frozenset({"DATE", "FOOTER", "SLIDE_NUMBER", "HEADER"})
"""Placeholders that say the same on every slide."""


def load(source: Source) -> Loaded:
    """The slides. Hidden ones are kept: they are written, if not shown."""
    import pptx
    from pptx.exc import PythonPptxError

    with opened(source, "presentation", PythonPptxError) as file:
        presentation = pptx.Presentation(file)
        slides = list(presentation.slides)
        source.allow_pages(len(slides), "slides")
        blocks = [block for number, slide in enumerate(slides, 1) for block in _slide(source, slide, number)]
        return Loaded(blocks, properties(presentation.core_properties))


def _slide(source: Source, slide: Any, page: int) -> Iterator[Block]:
    title = slide.shapes.title
    heading = " ".join(tidy(title.text_frame.text).split()) if title is not None and title.has_text_frame else ""
    if heading:
        yield Block(heading, Kind.HEADING, 1, page)
    for shape in _shapes(slide.shapes, 0):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if getattr(shape, "has_table", False):
            yield Block(_table(source, shape.table), Kind.TABLE, 0, page)
        elif getattr(shape, "has_text_frame", False) and not _unspoken(shape):
            yield Block(_text(shape.text_frame), Kind.TEXT, 0, page)
    if slide.has_notes_slide and (notes := slide.notes_slide.notes_text_frame) is not None:
        yield Block(tidy(notes.text), Kind.TEXT, 0, page)


def _shapes(shapes: Any, depth: int) -> Iterator[Any]:
    """Those in groups too."""
    for shape in shapes:
        if hasattr(shape, "shapes"):
            if depth < DEEPEST:
                yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape


def _unspoken(shape: Any) -> bool:
    return bool(shape.is_placeholder) and getattr(shape.placeholder_format.type, "name", "") in UNSPOKEN


def _text(frame: Any) -> str:
    """Paragraphs, indented as deep as they stand."""
    lines = ("  " * min(each.level, 8) + tidy(each.text).strip() for each in frame.paragraphs)
    return "\n".join(line for line in lines if line.strip())


def _table(source: Source, table: Any) -> str:
    """With the text of merged cells in each place."""
    rows: list[list[str]] = []
    characters = 0
    origins: dict[tuple[int, int], str] = {}
    for down, row in enumerate(table.rows):
        texts = []
        for right, cell in enumerate(row.cells):
            text = origins.get((down, right), "") if cell.is_spanned else tidy(cell.text_frame.text)
            if cell.is_merge_origin:
                places = (
                    (down + y, right + x) for y in range(cell.span_height) for x in range(min(cell.span_width, 100))
                )
                origins.update(dict.fromkeys(places, text))
            texts.append(text)
        characters += sum(map(len, texts))
        source.allow(characters)
        rows.append(texts)
    return tables.markdown([row for row in rows if any(row)])
