"""Reads the text of OpenDocument paragraphs, and the marks of its lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.numbering import letter, roman
from modelyard.knowledge.documents.loaders.odf_names import DRAW, OFFICE, STYLE, TEXT, XLINK
from modelyard.knowledge.documents.loaders.package import web_address, with_address
from modelyard.knowledge.types import Block

SPACE = re.compile(r"[ \t\r\n]+")
SILENT = frozenset(
    f"{TEXT}{name}" for name in ("ruby-text", "tracked-changes", "label", "note-citation", "list-header-mark")
)
APART = frozenset({f"{TEXT}note", f"{OFFICE}annotation"})
LONGEST_SPACES = 200


class OdfInline:
    """Reads paragraphs."""

    def __init__(self, source: Source, hidden: set[str]) -> None:
        self._source = source
        self._hidden = hidden

    def text(self, element: Any) -> tuple[str, list[Any]]:
        """The text, and the notes, comments and drawings in it, in order."""
        parts: list[str] = []
        apart: list[Any] = []
        self._walk(element, parts, apart)
        return "".join(parts).strip(" "), apart

    def _walk(self, element: Any, parts: list[str], apart: list[Any]) -> None:
        parts.append(SPACE.sub(" ", element.text or ""))
        name = element.get(f"{TEXT}style-name")
        if name in self._hidden or element.tag == f"{TEXT}hidden-text":
            self._note_hidden()
        for child in element:
            if isinstance(child.tag, str):
                self._child(child, parts, apart)
            parts.append(SPACE.sub(" ", child.tail or ""))

    def _child(self, child: Any, parts: list[str], apart: list[Any]) -> None:
        if child.tag in APART or child.tag.startswith(DRAW):
            apart.append(child)
        elif child.tag == f"{TEXT}s":
            count = child.get(f"{TEXT}c", "1")
            parts.append(" " * min(int(count) if count.isdigit() else 1, LONGEST_SPACES))
        elif child.tag == f"{TEXT}tab":
            parts.append("\t")
        elif child.tag == f"{TEXT}line-break":
            parts.append("\n")
        elif child.tag == f"{TEXT}hidden-text" and not (child.text or ""):
            self._note_hidden()
            parts.append(child.get(f"{TEXT}string-value", ""))
        elif child.tag == f"{TEXT}a":
            start = len(parts)
            self._walk(child, parts, apart)
            parts[start:] = [with_address("".join(parts[start:]), web_address(child.get(f"{XLINK}href", "")))]
        elif child.tag not in SILENT:
            self._walk(child, parts, apart)

    def _note_hidden(self) -> None:
        if HIDDEN not in self._source.notes:
            self._source.note(HIDDEN)


HIDDEN = "It has hidden text, which was read."


class ItemReader(Protocol):
    """Reads the elements inside a list item."""

    def element(self, element: Any, depth: int) -> Iterator[Block]:
        """One element."""


class OdfLists:
    """Counts the items of lists."""

    def __init__(self, roots: Sequence[Any]) -> None:
        self._styles: dict[str, dict[int, Any]] = {}
        for root in roots:
            for style in root.iter(f"{TEXT}list-style"):
                levels = {int(level): each for each in style if (level := each.get(f"{TEXT}level", "")).isdigit()}
                self._styles[style.get(f"{STYLE}name", "")] = levels
        self._counts: dict[tuple[str, int], int] = {}

    def items(
        self, element: Any, reader: ItemReader, depth: int, style: str = "", level: int = 1
    ) -> Iterator[tuple[Block, str]]:
        """The blocks of all items, with a mark for the first block of each; items of nested lists are indented."""
        style = element.get(f"{TEXT}style-name") or style
        if element.get(f"{TEXT}continue-numbering") != "true" and not element.get(f"{TEXT}continue-list"):
            self._counts.pop((style, level), None)
        for item in element.iterchildren(f"{TEXT}list-item", f"{TEXT}list-header"):
            mark = self._mark(item, style, level) if item.tag == f"{TEXT}list-item" else ""
            for child in item.iterchildren(tag="*"):
                if child.tag == f"{TEXT}list":
                    yield from self.items(child, reader, depth + 1, style, level + 1)
                    continue
                for block in reader.element(child, depth + 1):
                    yield block, "  " * (level - 1) + mark
                    mark = "  " if mark.strip() else mark

    def _mark(self, item: Any, style: str, level: int) -> str:
        form = self._styles.get(style, {}).get(level)
        if form is None or form.tag != f"{TEXT}list-level-style-number":
            return "- "
        start = item.get(f"{TEXT}start-value") or form.get(f"{TEXT}start-value", "1")
        key = (style, level)
        fresh = key not in self._counts or item.get(f"{TEXT}start-value")
        number = (int(start) if start.isdigit() else 1) if fresh else self._counts[key] + 1
        self._counts[key] = number
        kind = form.get(f"{STYLE}num-format", "1")
        labels = {"a": letter(number).lower(), "A": letter(number), "i": roman(number).lower(), "I": roman(number)}
        text = labels.get(kind, str(number)) if kind else ""
        mark = f"{form.get(f'{STYLE}num-prefix', '')}{text}{form.get(f'{STYLE}num-suffix', '')}".strip()
        return f"{mark or '-'} "
