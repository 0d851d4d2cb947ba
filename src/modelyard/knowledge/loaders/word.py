"""Word documents: headings by style, paragraphs, lists and tables in the order of the document.

Headers, footers, comments and deleted text are dropped; text boxes and footnotes are kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelyard.knowledge.loaders import tables
from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.loaders.numbering import Numbering, W
from modelyard.knowledge.loaders.office import opened, properties, tidy
from modelyard.knowledge.types import Block, Kind, Loaded

HEADING = re.compile(r"(?:heading|标题|標題|見出し|제목)\s*([1-9])$", re.IGNORECASE)
TITLES = frozenset({"title", "标题", "標題", "表題"})
LIST = re.compile(r"list (bullet|number)", re.IGNORECASE)
_DROPPED = "del moveFrom instrText delText rPr pPr sdtPr sdtEndPr txbxContent fldData rt"
DROPPED = frozenset(f"{W}{name}" for name in _DROPPED.split())
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
MATH = "{http://schemas.openxmlformats.org/officeDocument/2006/math}t"
SIGNS = {f"{W}tab": "\t", f"{W}br": "\n", f"{W}cr": "\n", f"{W}noBreakHyphen": "-"}
WIDEST_SPAN = 63
"""Columns of a Word table at most."""
DEEPEST = 20
"""Tables and content controls inside one another."""


def load(source: Source) -> Loaded:
    """The document."""
    import docx
    from docx.exceptions import PythonDocxError
    from docx.opc.exceptions import OpcError

    with opened(source, "Word document", PythonDocxError, OpcError) as file:
        document = docx.Document(file)
        reader = _Reader(source, document)
        blocks = [*reader.blocks(document.element.body, 0), *reader.notes()]
        return Loaded(blocks, properties(document.core_properties))


class _Reader:
    """Knows the styles and lists of one document."""

    def __init__(self, source: Source, document: Any) -> None:
        self._source = source
        self._styles = {style.get(f"{W}styleId"): style for style in document.styles.element.iterchildren(f"{W}style")}
        self._defaults = [key for key, style in self._styles.items() if style.get(f"{W}default") == "1"]
        self._levels: dict[str, int] = {}
        self._related = {
            part.reltype.rpartition("/")[2]: part.target_part
            for part in document.part.rels.values()
            if not part.is_external
        }
        part = self._related.get("numbering")
        self._numbering = Numbering(getattr(part, "element", None))
        self._characters = 0

    def blocks(self, body: Any, depth: int) -> Iterator[Block]:
        """What stands in a body, a cell or a text box; items of one list are one block."""
        items: list[str] = []
        for block, is_item in self._each(body, depth):
            if is_item:
                items.append(block.text)
                continue
            if items:
                yield Block("\n".join(items))
                items = []
            yield block
        if items:
            yield Block("\n".join(items))

    def _each(self, body: Any, depth: int) -> Iterator[tuple[Block, bool]]:
        if depth > DEEPEST:
            return
        for element in body.iterchildren(f"{W}p", f"{W}tbl", f"{W}sdt", f"{W}ins", f"{W}moveTo", f"{W}customXml"):
            if element.tag == f"{W}p":
                yield from self._paragraph(element, depth)
            elif element.tag == f"{W}tbl":
                yield from ((block, False) for block in self._table(element, depth))
            elif element.tag == f"{W}sdt":
                content = element.find(f"{W}sdtContent")
                if content is not None:
                    yield from self._each(content, depth + 1)
            else:
                yield from self._each(element, depth + 1)

    def _paragraph(self, paragraph: Any, depth: int) -> Iterator[tuple[Block, bool]]:
        text = tidy(_text(paragraph))
        if text.strip():
            style = _value(paragraph, "pPr/pStyle")
            level = self._heading(paragraph, style)
            mark, indent = self._mark(paragraph, style)
            text = text.strip() if mark is None else f"{mark} {text.strip()}".strip()
            if level and len(text) <= 300:
                yield Block(text.replace("\n", " "), Kind.HEADING, level), False
            else:
                yield Block("  " * indent + text if mark is not None else text), mark is not None
        for box in paragraph.iter(f"{W}txbxContent"):
            if next(box.iterancestors(FALLBACK), None) is None and next(box.iterancestors(f"{W}p"), None) is not None:
                nested = next(box.iterancestors(f"{W}txbxContent"), None)
                if nested is None:
                    yield from ((block, False) for block in self.blocks(box, depth + 1))

    def _heading(self, paragraph: Any, style: str) -> int:
        """Its level, from 1; 0 if it is none."""
        own = _value(paragraph, "pPr/outlineLvl")
        if own.isdigit():
            return int(own) + 1 if int(own) < 9 else 0
        if style not in self._levels:
            self._levels[style] = self._level_of(style)
        return self._levels[style]

    def _level_of(self, style: str) -> int:
        for element in self._chain(style):
            name = _value(element, "name")
            if found := HEADING.match(name):
                return int(found[1])
            if name.lower() in TITLES:
                return 1
            outline = _value(element, "pPr/outlineLvl")
            if outline.isdigit():
                return int(outline) + 1 if int(outline) < 9 else 0
        return 0

    def _chain(self, style: str) -> Iterator[Any]:
        """A style and those it is based on."""
        seen = set()
        while style in self._styles and style not in seen:
            seen.add(style)
            yield self._styles[style]
            style = _value(self._styles[style], "basedOn")

    def _mark(self, paragraph: Any, style: str) -> tuple[str | None, int]:
        """The mark of a list item and how deep it stands; None for what is no item."""
        for element in (paragraph, *self._chain(style)):
            number, level = _value(element, "pPr/numPr/numId"), _value(element, "pPr/numPr/ilvl")
            if number:
                depth = int(level) if level.isdigit() and len(level) < 3 else 0
                mark = self._numbering.mark(number, depth)
                return (None, 0) if number == "0" or mark is None else (mark, depth)
            if found := LIST.search(_value(element, "name")):
                return ("-" if found[1].lower() == "bullet" else "1."), 0
        return None, 0

    def _table(self, table: Any, depth: int) -> Iterator[Block]:
        """Markdown; a table of one cell is a frame, and what is in it counts."""
        cells = [list(_cells(row)) for row in _rows(table)]
        if sum(map(len, cells)) == 1:
            yield from self.blocks(cells[0][0], depth + 1)
            return
        rows: list[list[str]] = []
        for row in cells:
            texts: list[str] = []
            for cell in row:
                merge = cell.find(f"{W}tcPr/{W}vMerge")
                goes_on = merge is not None and merge.get(f"{W}val", "continue") == "continue"
                above = rows[-1][len(texts)] if goes_on and rows and len(rows[-1]) > len(texts) else ""
                text = self._cell(cell, depth) or above
                texts += [text] * _span(cell)
            self._characters += sum(map(len, texts))
            self._source.allow(self._characters)
            rows.append(texts)
        rows = [row for row in rows if any(row)]
        yield Block(tables.markdown(rows), Kind.TABLE)

    def _cell(self, cell: Any, depth: int) -> str:
        return "\n".join(block.text for block in self.blocks(cell, depth + 1))

    def notes(self) -> Iterator[Block]:
        """Footnotes and endnotes."""
        from lxml import etree

        parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
        for kind in ("footnotes", "endnotes"):
            if part := self._related.get(kind):
                for note in etree.fromstring(part.blob, parser).iterchildren():
                    if note.get(f"{W}type") in {None, "normal"}:
                        yield from self.blocks(note, 0)


def _value(element: Any, path: str) -> str:
    child = element.find("/".join(f"{W}{name}" for name in path.split("/")))
    return "" if child is None else child.get(f"{W}val") or ""


def _text(element: Any) -> str:
    """Text of the runs, without what is deleted, instructions of fields and text boxes."""
    parts: list[str] = []
    stack = [element]
    while stack:
        each = stack.pop()
        if each.tag in DROPPED or each.tag == FALLBACK:
            continue
        if each.tag in (f"{W}t", MATH):
            parts.append(each.text or "")
        elif each.tag in SIGNS:
            parts.append(SIGNS[each.tag])
        else:
            stack.extend(reversed(each))
    return "".join(parts)


def _rows(table: Any) -> Iterator[Any]:
    for element in table.iterchildren(f"{W}tr", f"{W}sdt", f"{W}ins"):
        if element.tag == f"{W}tr":
            yield element
        else:
            yield from element.iterfind(f"{W}sdtContent/{W}tr")


def _cells(row: Any) -> Iterator[Any]:
    for element in row.iterchildren(f"{W}tc", f"{W}sdt"):
        if element.tag == f"{W}tc":
            yield element
        else:
            yield from element.iterfind(f"{W}sdtContent/{W}tc")


def _span(cell: Any) -> int:
    value = _value(cell, "tcPr/gridSpan")
    return min(max(int(value), 1), WIDEST_SPAN) if value.isdigit() and len(value) < 4 else 1
