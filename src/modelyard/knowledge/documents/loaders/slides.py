"""PowerPoint: each slide is a page with its title as heading, then its shapes in order, speaker's notes and comments.

Texts of layouts and masters for all slides, and footers, follow once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.charts import A
from modelyard.knowledge.documents.loaders.drawings import Drawings, alternative
from modelyard.knowledge.documents.loaders.office import tidy
from modelyard.knowledge.documents.loaders.omml import M, linear
from modelyard.knowledge.documents.loaders.package import RELATION, DocumentPackage, opened, with_address
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

P = "{http://schemas.openxmlformats.org/presentationml/2006/main}"
P188 = "{http://schemas.microsoft.com/office/powerpoint/2018/8/main}"
MC = "{http://schemas.openxmlformats.org/markup-compatibility/2006}"
A14_MATH = "{http://schemas.microsoft.com/office/drawing/2010/main}m"
DEEPEST = 20
"""Maximum nesting of groups."""
TITLES = frozenset({"title", "ctrTitle"})
UNSPOKEN = frozenset({"dt", "sldNum"})
"""Placeholders of a slide's date and number, which are not read."""
REPEATED = frozenset({"ftr", "hdr"})
"""Placeholders with the same text on every slide."""
SPAN = 100
"""Maximum number of columns or rows that a merged cell fills."""


def load(source: Source) -> LoadedDocument:
    """Read the slides, including hidden ones, which are noted."""
    with opened(source, "presentation") as package:
        name = package.main()
        root = package.root(name)
        listed = root.iterfind(f"{P}sldIdLst/{P}sldId")
        slides = [target for each in listed if (target := package.target(name, each.get(f"{RELATION}id")))]
        source.allow_pages(len(slides), "slides")
        reader = _SlideReader(package)
        blocks = [block for page, slide in enumerate(slides, 1) for block in reader.slide(slide, page)]
        blocks += reader.common(name)
        reader.close()
        return LoadedDocument(blocks, package.properties())


class _SlideReader:
    """Reads one presentation."""

    def __init__(self, package: DocumentPackage) -> None:
        self._package = package
        self._source = package.source
        self._drawings = Drawings(package)
        self._hidden: list[int] = []
        self._footers: dict[str, None] = {}
        self._layouts: dict[str, None] = {}

    def slide(self, part: str, page: int) -> Iterator[Block]:
        """One slide with its notes and comments."""
        root = self._package.xml(part)
        if root is None:
            return
        self._package.expect_relations(part, f"slide {page}")
        if root.get("show") in {"0", "false"}:
            self._hidden.append(page)
        shapes = list(_shapes(root.find(f"{P}cSld/{P}spTree"), 0))
        title = next((each for each in shapes if _placeholder(each) in TITLES), None)
        if title is not None:
            yield Block(" ".join(self._text(part, title).split()), BlockKind.HEADING, 1, page)
        for shape in shapes:
            if shape is not title:
                yield from self._shape(part, shape, page)
        self._layouts.update(dict.fromkeys(self._package.related(part, "slideLayout")))
        for notes in self._package.related(part, "notesSlide"):
            yield from self._notes(notes, page)
        for comments in self._package.related(part, "comments"):
            yield from self._comments(comments, page)

    def _shape(self, part: str, shape: Any, page: int | None) -> Iterator[Block]:
        """Text, table, chart, diagram or picture."""
        kind = _placeholder(shape)
        if kind in UNSPOKEN:
            return
        text = self._text(part, shape)
        if kind in REPEATED:
            self._footers[text] = None
            return
        table = shape.find(f".//{A}tbl")
        if table is not None:
            yield Block(self._table(part, table), BlockKind.TABLE, 0, page)
        elif text:
            yield Block(text, BlockKind.TEXT, 0, page)
        if shape.tag != f"{P}sp" or alternative(shape):
            yield from self._drawings.blocks(part, shape, page)
        for each in shape.iter(f"{P}oleObj"):
            self._drawings.embedded(part, each.get(f"{RELATION}id"), each.get("progId") or "")
        for each in shape.iter(f"{A}videoFile", f"{A}audioFile", f"{A}wavAudioFile"):
            what = "video" if each.tag.endswith("videoFile") else "sound"
            self._source.note(f"A {what} on slide {page} was not read." if page else f"A {what} was not read.")

    def _text(self, part: str, shape: Any) -> str:
        """The paragraphs of a shape, indented by their level."""
        body = shape.find(f"{P}txBody")
        lines = [] if body is None else [self._line(part, each) for each in body.iterchildren(f"{A}p")]
        return "\n".join(line for line in lines if line.strip())

    def _line(self, part: str, paragraph: Any) -> str:
        properties = paragraph.find(f"{A}pPr")
        level = "0" if properties is None else properties.get("lvl", "0")
        indent = "  " * min(int(level) if level.isdigit() and len(level) < 3 else 0, 8)
        return indent + tidy("".join(self._runs(part, paragraph))).strip()

    def _runs(self, part: str, paragraph: Any) -> Iterator[str]:
        for each in paragraph:
            if each.tag in {f"{A}r", f"{A}fld"}:
                text = each.findtext(f"{A}t") or ""
                link = each.find(f"{A}rPr/{A}hlinkClick")
                yield (
                    text if link is None else with_address(text, self._package.address(part, link.get(f"{RELATION}id")))
                )
            elif each.tag == f"{A}br":
                yield "\n"
            elif each.tag == A14_MATH:
                yield linear(each)
            elif each.tag == f"{MC}AlternateContent":
                choice = each.find(f"{MC}Choice")
                yield from self._runs(part, each if choice is None else choice)
            elif isinstance(each.tag, str) and each.tag.startswith(M):
                yield linear(each)

    def _table(self, part: str, table: Any) -> str:
        """A table, with the text of merged cells at each of their positions."""
        rows: list[list[str]] = []
        characters = 0
        origins: dict[tuple[int, int], str] = {}
        for down, row in enumerate(table.iterchildren(f"{A}tr")):
            texts = []
            for right, cell in enumerate(row.iterchildren(f"{A}tc")):
                lines = (self._line(part, each).strip() for each in cell.iterfind(f"{A}txBody/{A}p"))
                text = origins.get((down, right)) or "\n".join(line for line in lines if line)
                tall, wide = _span(cell, "rowSpan"), _span(cell, "gridSpan")
                if tall * wide > 1:
                    places = ((down + y, right + x) for y in range(tall) for x in range(wide))
                    origins.update(dict.fromkeys(places, text))
                texts.append(text)
            characters += sum(map(len, texts))
            self._source.allow(characters)
            rows.append(texts)
        return tables.markdown([row for row in rows if any(row)])

    def _notes(self, part: str, page: int) -> Iterator[Block]:
        root = self._package.xml(part)
        for shape in () if root is None else _shapes(root.find(f"{P}cSld/{P}spTree"), 0):
            if _placeholder(shape) != "sldImg":
                yield from self._shape(part, shape, page)

    def _comments(self, part: str, page: int) -> Iterator[Block]:
        root = self._package.xml(part)
        if root is None:
            return
        for comment in root.iter(f"{P}cm", f"{P188}cm", f"{P188}reply"):
            text = comment.findtext(f"{P}text") or ""
            body = comment.find(f"{P188}txBody")
            if body is not None:
                text = "\n".join(self._line(part, each) for each in body.iterchildren(f"{A}p"))
            if text.strip():
                yield Block(f"Comment: {text.strip()}", BlockKind.TEXT, 0, page)

    def common(self, presentation: str) -> Iterator[Block]:
        """The texts of layouts and masters for all slides, and footers: each text once."""
        masters = [master for layout in self._layouts for master in self._package.related(layout, "slideMaster")]
        texts = dict(self._footers)
        for part in (*self._layouts, *dict.fromkeys(masters)):
            root = self._package.xml(part)
            for shape in () if root is None else _shapes(root.find(f"{P}cSld/{P}spTree"), 0):
                if _placeholder(shape) is None:
                    texts[self._text(part, shape)] = None
        for text in texts:
            yield Block(text)

    def close(self) -> None:
        """Note hidden slides and skipped content."""
        self._drawings.close()
        if self._hidden:
            which = ", ".join(map(str, self._hidden[:20])) + (" …" if len(self._hidden) > 20 else "")
            noun, verb = ("Slide", "is") if len(self._hidden) == 1 else ("Slides", "are")
            self._source.note(f"{noun} {which} {verb} hidden, and {'was' if verb == 'is' else 'were'} read.")


def _shapes(tree: Any | None, depth: int) -> Iterator[Any]:
    """Shapes in order, including those in groups; of alternatives, the first one."""
    for shape in () if tree is None else tree:
        if shape.tag in {f"{P}grpSp", f"{MC}AlternateContent"}:
            inner = shape.find(f"{MC}Choice") if shape.tag.startswith(MC) else shape
            if depth < DEEPEST:
                yield from _shapes(inner, depth + 1)
        elif shape.tag in {f"{P}sp", f"{P}pic", f"{P}graphicFrame", f"{P}cxnSp"}:
            yield shape


def _placeholder(shape: Any) -> str | None:
    """The type of a placeholder; None for other shapes."""
    for child in shape:
        found = child.find(f"{P}nvPr/{P}ph") if isinstance(child.tag, str) else None
        if found is not None:
            return str(found.get("type", "obj"))
    return None


def _span(cell: Any, name: str) -> int:
    value = cell.get(name, "1")
    return min(max(int(value), 1), SPAN) if value.isascii() and value.isdigit() and len(value) < 5 else 1
