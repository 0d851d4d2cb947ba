"""Word documents: headings by style, paragraphs, lists, tables and drawings in document order.

Footnotes, endnotes and comments follow the text, then headers and footers, each once. Insertions are
read, deletions are not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from modelyard.knowledge.documents.loaders import attachments, tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.drawings import Drawings
from modelyard.knowledge.documents.loaders.numbering import Numbering, W
from modelyard.knowledge.documents.loaders.office import tidy
from modelyard.knowledge.documents.loaders.package import RELATION, DocumentPackage, opened
from modelyard.knowledge.documents.loaders.word_text import FALLBACK, WordInline
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

HEADING = re.compile(r"(?:heading|标题|標題|見出し|제목)\s*([1-9])$", re.IGNORECASE)
TITLES = frozenset({"title", "标题", "標題", "表題"})
LIST = re.compile(r"list (bullet|number)", re.IGNORECASE)
DRAWINGS = (f"{W}drawing", f"{W}pict", f"{W}object")
CONTENT = tuple(f"{W}{name}" for name in ("p", "tbl", "sdt", "ins", "moveTo", "customXml", "altChunk", "subDoc"))
WIDEST_SPAN = 63
"""Maximum number of columns of a Word table."""
DEEPEST = 20
"""Maximum nesting of tables and content controls."""
_PAGE_WORDS = "page pages seite of von de sur p pg 第 页 頁 页共 頁共 共 쪽 페이지 стр"
PAGE_WORDS = frozenset(_PAGE_WORDS.split())
"""Words around the page number in headers and footers."""
WORD = re.compile(r"\d+|[^\W\d_]+")
ROMAN = re.compile(r"[ivxlc]+")


def load(source: Source) -> LoadedDocument:
    """The document."""
    with opened(source, "Word document") as package:
        name = package.main()
        root = package.root(name)
        body = root.find(f"{W}body")
        if body is None:
            raise ValueError(f"'{name}' has no body")
        document = _Document(package, name)
        blocks = [*_WordReader(document, name).blocks(body, 0), *document.beside()]
        document.drawings.close()
        return LoadedDocument(blocks, package.properties())


class _Document:
    """The styles, lists and drawings of one document."""

    def __init__(self, package: DocumentPackage, name: str) -> None:
        self.package = package
        self.name = name
        self.drawings = Drawings(package)
        self.numbering = Numbering(self._root("numbering"))
        root = self._root("styles")
        self.styles = {} if root is None else {each.get(f"{W}styleId"): each for each in root.iterchildren(f"{W}style")}
        self.levels: dict[str, int] = {}
        self.characters = 0

    def _root(self, kind: str) -> Any | None:
        names = self.package.related(self.name, kind)
        return self.package.xml(names[0]) if names else None

    def beside(self) -> Iterator[Block]:
        """Footnotes, endnotes, comments, headers and footers."""
        for part in self.package.related(self.name, "footnotes", "endnotes"):
            for note in self._children(part):
                if note.get(f"{W}type") in {None, "normal"}:
                    yield from _WordReader(self, part).blocks(note, 0)
        for part in self.package.related(self.name, "comments"):
            for comment in self._children(part):
                text = "\n".join(block.text for block in _WordReader(self, part).blocks(comment, 0))
                if text:
                    author = comment.get(f"{W}author", "")
                    yield Block(f"Comment by {author}: {text}" if author else f"Comment: {text}")
        seen: set[str] = set()
        for part in self.package.related(self.name, "header", "footer"):
            root = self.package.xml(part)
            for block in () if root is None else _WordReader(self, part).blocks(root, 0):
                if block.text not in seen and not _is_page_number(block.text):
                    seen.add(block.text)
                    yield block

    def _children(self, part: str) -> Iterator[Any]:
        root = self.package.xml(part)
        return iter(()) if root is None else root.iterchildren()


class _WordReader:
    """Reads one part: the document itself, its footnotes, a header."""

    def __init__(self, document: _Document, part: str) -> None:
        self._document = document
        self._source = document.package.source
        self._part = part
        self._inline = WordInline(lambda identifier: document.package.address(part, identifier), self._source.note)

    def blocks(self, body: Any, depth: int) -> Iterator[Block]:
        """The blocks of a body, a cell or a text box; the items of a list are one block."""
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
            self._source.note("Tables and controls stand too deep inside one another; the deepest were not read.")
            return
        for element in body.iterchildren(*CONTENT):
            if element.tag == f"{W}p":
                yield from self._paragraph(element, depth)
            elif element.tag == f"{W}tbl":
                yield from ((block, False) for block in self._table(element, depth))
            elif element.tag == f"{W}sdt":
                content = element.find(f"{W}sdtContent")
                if content is not None:
                    yield from self._each(content, depth + 1)
            elif element.tag == f"{W}altChunk":
                yield from ((block, False) for block in self._inserted(element))
            elif element.tag == f"{W}subDoc":
                self._source.note("A linked part of the document (subdocument) was not read.")
            else:
                yield from self._each(element, depth + 1)

    def _paragraph(self, paragraph: Any, depth: int) -> Iterator[tuple[Block, bool]]:
        text = tidy(self._inline.text(paragraph))
        if text.strip():
            style = _value(paragraph, "pPr/pStyle")
            level = self._heading(paragraph, style)
            mark, indent = self._mark(paragraph, style)
            text = text.strip() if mark is None else f"{mark} {text.strip()}".strip()
            if level and len(text) <= 300:
                yield Block(text.replace("\n", " "), BlockKind.HEADING, level), False
            else:
                yield Block("  " * indent + text if mark is not None else text), mark is not None
        for box in paragraph.iter(f"{W}txbxContent"):
            if _is_visible(box, paragraph):
                yield from ((block, False) for block in self.blocks(box, depth + 1))
        for drawing in paragraph.iter(*DRAWINGS):
            if _is_visible(drawing, paragraph):
                found = self._document.drawings.blocks(self._part, drawing)
                yield from ((block, False) for block in found)

    def _inserted(self, chunk: Any) -> Iterator[Block]:
        """A document of any format that Word inserts when it opens this one (altChunk)."""
        package = self._document.package
        target = package.target(self._part, chunk.get(f"{RELATION}id"))
        data = package.bytes(target) if target else None
        if target and data:
            yield from attachments.blocks(self._source, target.rpartition("/")[2], "", data, "inserted document")

    def _heading(self, paragraph: Any, style: str) -> int:
        """The heading level from 1; 0 if the paragraph is not a heading."""
        own = _value(paragraph, "pPr/outlineLvl")
        if own.isdigit():
            return int(own) + 1 if int(own) < 9 else 0
        levels = self._document.levels
        if style not in levels:
            levels[style] = self._level_of(style)
        return levels[style]

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
        """A style and the styles that it is based on."""
        seen = set()
        styles = self._document.styles
        while style in styles and style not in seen:
            seen.add(style)
            yield styles[style]
            style = _value(styles[style], "basedOn")

    def _mark(self, paragraph: Any, style: str) -> tuple[str | None, int]:
        """The mark of a list item and its depth; None if the paragraph is not an item."""
        for element in (paragraph, *self._chain(style)):
            number, level = _value(element, "pPr/numPr/numId"), _value(element, "pPr/numPr/ilvl")
            if number:
                depth = int(level) if level.isdigit() and len(level) < 3 else 0
                mark = self._document.numbering.mark(number, depth)
                return (None, 0) if number == "0" or mark is None else (mark, depth)
            if found := LIST.search(_value(element, "name")):
                return ("-" if found[1].lower() == "bullet" else "1."), 0
        return None, 0

    def _table(self, table: Any, depth: int) -> Iterator[Block]:
        """A table as Markdown. A table with a single cell is a frame, whose content is read instead."""
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
            self._document.characters += sum(map(len, texts))
            self._source.allow(self._document.characters)
            rows.append(texts)
        rows = [row for row in rows if any(row)]
        yield Block(tables.markdown(rows), BlockKind.TABLE)

    def _cell(self, cell: Any, depth: int) -> str:
        return "\n".join(block.text for block in self.blocks(cell, depth + 1))


def _is_page_number(text: str) -> bool:
    """Whether a header or footer consists of a page number."""
    words = WORD.findall(text.lower())
    return all(word.isdigit() or word in PAGE_WORDS or ROMAN.fullmatch(word) for word in words)


def _value(element: Any, path: str) -> str:
    child = element.find("/".join(f"{W}{name}" for name in path.split("/")))
    return "" if child is None else child.get(f"{W}val") or ""


def _is_visible(part: Any, paragraph: Any) -> bool:
    """Whether a text box or drawing belongs to this paragraph, is visible, and is not deleted."""
    for above in part.iterancestors():
        if above is paragraph:
            return True
        if above.tag in {FALLBACK, f"{W}p", f"{W}del", f"{W}moveFrom"}:
            return False
    return False


def _rows(table: Any) -> Iterator[Any]:
    """The rows that are not deleted."""
    for element in table.iterchildren(f"{W}tr", f"{W}sdt", f"{W}ins", f"{W}customXml"):
        if element.tag == f"{W}tr":
            if element.find(f"{W}trPr/{W}del") is None:
                yield element
        else:
            yield from _rows(content if (content := element.find(f"{W}sdtContent")) is not None else element)


def _cells(row: Any) -> Iterator[Any]:
    for element in row.iterchildren(f"{W}tc", f"{W}sdt", f"{W}customXml"):
        if element.tag == f"{W}tc":
            if element.find(f"{W}tcPr/{W}cellDel") is None:
                yield element
        else:
            yield from _cells(content if (content := element.find(f"{W}sdtContent")) is not None else element)


def _span(cell: Any) -> int:
    value = _value(cell, "tcPr/gridSpan")
    return min(max(int(value), 1), WIDEST_SPAN) if value.isdigit() and len(value) < 4 else 1
