"""Reads a body, page, cell or text box of OpenDocument as blocks in order; notes and comments are collected apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Protocol

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.odf_cells import Grid
from modelyard.knowledge.documents.loaders.odf_names import (
    DC,
    DRAW,
    FORM,
    MATH,
    OFFICE,
    PRESENTATION,
    STYLE,
    SVG,
    TABLE,
    TEXT,
    XLINK,
)
from modelyard.knowledge.documents.loaders.odf_text import OdfInline, OdfLists
from modelyard.knowledge.documents.loaders.pictures import note_pictures
from modelyard.knowledge.documents.loaders.sheets import segments, table_blocks
from modelyard.knowledge.types import Block, BlockKind

DEEPEST = 40
"""Maximum nesting of sections, lists, tables and boxes."""
SKIPPED = frozenset(
    f"{TEXT}{name}"
    for name in ("tracked-changes", "sequence-decls", "variable-decls", "user-field-decls", "soft-page-break")
) | {f"{OFFICE}event-listeners", f"{SVG}title", f"{SVG}desc", f"{DRAW}page-thumbnail"}
TITLES = frozenset({"title", "subtitle"})


class OdfParts(Protocol):
    """Gives access to the other parts of a document."""

    def optional(self, name: str) -> Any | None:
        """The root of a part, or None."""


class OdfBody:
    """Reads the bodies of one document."""

    def __init__(self, source: Source, parts: OdfParts, content: Any) -> None:
        self.source = source
        self.page: int | None = None
        self._parts = parts
        roots = [root for root in (content, parts.optional("styles.xml")) if root is not None]
        self._hidden = {
            style.get(f"{STYLE}name")
            for root in roots
            for style in root.iter(f"{STYLE}style")
            if any(_hides(each) for each in style)
        }
        self._lists = OdfLists(roots)
        self._waiting: list[Block] = []
        self._inline = OdfInline(source, self._hidden)
        self._silent = 0
        self._special: dict[str, Callable[[Any, int], Iterator[Block]]] = {
            f"{TEXT}h": self._heading,
            f"{TEXT}p": self._paragraph,
            f"{TEXT}list": self._list,
            f"{TABLE}table": self._table,
            f"{DRAW}frame": self._frame,
            f"{DRAW}object": self._object,
            f"{OFFICE}annotation": self._annotation,
            f"{OFFICE}forms": self._forms,
            f"{DRAW}control": lambda element, depth: iter(()),
            f"{TABLE}content-validations": self._choices,
        }

    def is_hidden(self, element: Any) -> bool:
        """Whether the style of a sheet or slide hides it."""
        names = (element.get(f"{TABLE}style-name"), element.get(f"{DRAW}style-name"))
        return any(name in self._hidden for name in names if name)

    def blocks(self, parent: Any, depth: int = 0) -> Iterator[Block]:
        """Everything inside an element, in order."""
        if depth > DEEPEST:
            self.source.note("Parts stand too deep inside one another; the deepest were not read.")
            return
        for element in parent.iterchildren(tag="*"):
            yield from self.element(element, depth)

    def element(self, element: Any, depth: int) -> Iterator[Block]:
        """One element with its content."""
        special = self._special.get(element.tag)
        if special is not None:
            yield from special(element, depth + 1)
        elif element.tag not in SKIPPED:
            yield from self._alternative(element) if element.tag.startswith(DRAW) else ()
            yield from self.blocks(element, depth + 1)

    def beside(self) -> Iterator[Block]:
        """The notes and comments collected since the last call."""
        waiting, self._waiting = self._waiting, []
        yield from waiting

    def close(self) -> None:
        """Note the pictures without text."""
        note_pictures(self.source, self._silent)

    def _text(self, element: Any, depth: int) -> tuple[str, list[Any]]:
        """The text of a paragraph, and the objects anchored in it; notes and comments are collected apart."""
        text, anchored = self._inline.text(element)
        boxes = []
        for each in anchored:
            if each.tag == f"{TEXT}note":
                self._waiting += self.blocks(each.find(f"{TEXT}note-body"), depth + 1) if len(each) else ()
            elif each.tag == f"{OFFICE}annotation":
                self._annotation(each, depth)
            else:
                boxes.append(each)
        return text, boxes

    def _heading(self, element: Any, depth: int) -> Iterator[Block]:
        level = element.get(f"{TEXT}outline-level", "1")
        text, boxes = self._text(element, depth)
        yield Block(" ".join(text.split()), BlockKind.HEADING, int(level) if level.isdigit() else 1, self.page)
        yield from self._anchored(boxes, depth)

    def _paragraph(self, element: Any, depth: int) -> Iterator[Block]:
        text, boxes = self._text(element, depth)
        yield Block(text, BlockKind.TEXT, 0, self.page)
        yield from self._anchored(boxes, depth)

    def _anchored(self, boxes: list[Any], depth: int) -> Iterator[Block]:
        for box in boxes:
            yield from self.element(box, depth + 1)

    def _list(self, element: Any, depth: int) -> Iterator[Block]:
        """The items of a list as one block, if they are paragraphs."""
        lines: list[str] = []
        for block, mark in self._lists.items(element, self, depth):
            if block.kind is BlockKind.TEXT:
                lines.append(f"{mark}{block.text.strip()}")
                continue
            if lines:
                yield Block("\n".join(lines), BlockKind.TEXT, 0, self.page)
                lines = []
            yield block
        if lines:
            yield Block("\n".join(lines), BlockKind.TEXT, 0, self.page)

    def _table(self, element: Any, depth: int) -> Iterator[Block]:
        """A table of a text or slide. A table with a single cell is a frame, whose content is read instead."""
        cells = list(element.iter(f"{TABLE}table-cell"))
        if len(cells) == 1:
            yield from self.blocks(cells[0], depth + 1)
            return
        rows = Grid(self, depth).read(element).rows
        columns = sorted({at for row in rows.values() for at in row})
        table = [[rows[number].get(at, "") for at in columns] for number in sorted(rows)]
        yield Block(tables.markdown(table), BlockKind.TABLE, 0, self.page)

    def table(self, element: Any) -> Iterator[Block]:
        """A sheet."""
        grid = Grid(self, 0)
        cells = grid.read(element)
        for numbers in segments(cells, {}):
            yield from table_blocks(cells.rows, numbers, self.page)
        for shapes in element.iterchildren(f"{TABLE}shapes", f"{OFFICE}forms"):
            yield from self._forms(shapes, 0) if shapes.tag == f"{OFFICE}forms" else self.blocks(shapes, 1)
        name = element.get(f"{TABLE}name", "")
        if cells.hidden:
            self.source.note(f"Hidden rows or columns of the sheet '{name}' were read.")
        if cells.formulas:
            noun = "1 formula" if cells.formulas == 1 else f"{cells.formulas:,} formulas"
            self.source.note(f"{noun} of the sheet '{name}' had no stored value and were read as formulas.")

    def _frame(self, frame: Any, depth: int) -> Iterator[Block]:
        """A text box, a picture, a chart, an equation or an embedded file."""
        if frame.get(f"{PRESENTATION}class") in {"page-number", "date-time"}:
            return
        descriptions = list(self._alternative(frame))
        yield from descriptions
        if frame.get(f"{PRESENTATION}class") in TITLES:
            words = " ".join(" ".join(block.text for block in self.blocks(frame, depth)).split())
            level = 1 if frame.get(f"{PRESENTATION}class") == "title" else 2
            yield Block(words, BlockKind.HEADING, level, self.page)
            return
        found = list(self.blocks(frame, depth))
        yield from found
        objects = any(True for _ in frame.iterchildren(f"{DRAW}object", f"{DRAW}object-ole", f"{DRAW}plugin"))
        if not descriptions and not found and not objects and frame.find(f"{DRAW}image") is not None:
            self._silent += 1
        for each in frame.iterchildren(f"{DRAW}object-ole", f"{DRAW}plugin", f"{DRAW}floating-frame"):
            name = each.get(f"{XLINK}href", "").rpartition("/")[2]
            self.source.note(f"The embedded file '{name}' was not read.")

    def _object(self, element: Any, depth: int) -> Iterator[Block]:
        """A chart with its table, or an equation; other embedded documents are noted."""
        target = element.get(f"{XLINK}href", "").removeprefix("./").rstrip("/")
        root = self._parts.optional(f"{target}/content.xml") if target else next(element.iterchildren(tag="*"), None)
        if root is None:
            self.source.note(f"The embedded file '{target}' was not read.")
        elif root.tag == f"{MATH}math":
            written = root.find(f".//{MATH}annotation")
            text = "".join(root.itertext()) if written is None else written.text or ""
            yield Block(" ".join(text.split()), BlockKind.TEXT, 0, self.page)
        elif (chart := root.find(f"{OFFICE}body/{OFFICE}chart")) is not None:
            yield Block("Chart", BlockKind.TEXT, 0, self.page)
            yield from self.blocks(chart, depth)
        else:
            self.source.note(f"The embedded document '{target}' was not read.")

    def _alternative(self, element: Any) -> Iterator[Block]:
        texts = (" ".join((element.findtext(f"{SVG}{name}") or "").split()) for name in ("title", "desc"))
        yield from (Block(f"Picture: {text}", BlockKind.TEXT, 0, self.page) for text in dict.fromkeys(texts) if text)

    def _annotation(self, element: Any, depth: int) -> Iterator[Block]:
        """Collect a comment, for after the surrounding text."""
        text = "\n".join(block.text for block in self.blocks(element, depth) if block.text.strip())
        author = element.findtext(f"{DC}creator") or ""
        if text:
            who = f"Comment by {author}" if author else "Comment"
            self._waiting.append(Block(f"{who}: {text}", BlockKind.TEXT, 0, self.page))
        return iter(())

    def _forms(self, element: Any, depth: int) -> Iterator[Block]:
        """The values of form fields."""
        for each in element.iter(tag="*"):
            label = each.get(f"{FORM}label") or each.get(f"{FORM}name") or ""
            value = each.get(f"{FORM}current-value") or each.get(f"{FORM}value") or ""
            if each.tag in {f"{FORM}checkbox", f"{FORM}radio"}:
                on = each.get(f"{FORM}current-state", each.get(f"{FORM}state")) == "checked"
                on = on or each.get(f"{FORM}current-selected", each.get(f"{FORM}selected")) == "true"
                yield Block(f"{'☒' if on else '☐'} {label}", BlockKind.TEXT, 0, self.page)
            elif each.tag == f"{FORM}listbox":
                chosen = [o.get(f"{FORM}label", "") for o in each if o.get(f"{FORM}current-selected") == "true"]
                yield Block(f"{label}: {', '.join(chosen)}" if chosen else "", BlockKind.TEXT, 0, self.page)
            elif (
                value
                and each.tag.startswith(FORM)
                and each.tag not in {f"{FORM}option", f"{FORM}item", f"{FORM}button"}
            ):
                yield Block(f"{label}: {value}" if label else value, BlockKind.TEXT, 0, self.page)

    def _choices(self, element: Any, depth: int) -> Iterator[Block]:
        """The entries of cells with a choice."""
        for each in element.iterchildren(f"{TABLE}content-validation"):
            _, found, listed = each.get(f"{TABLE}condition", "").partition("cell-content-is-in-list(")
            if found:
                choices = ", ".join(part.strip().strip('"') for part in listed.rstrip(")").split(";"))
                yield Block(f"Choices: {choices}", BlockKind.TEXT, 0, self.page)


def _hides(properties: Any) -> bool:
    return bool(
        properties.get(f"{TABLE}display") == "false"
        or properties.get(f"{TEXT}display") == "none"
        or properties.get(f"{PRESENTATION}visibility") == "hidden"
    )
