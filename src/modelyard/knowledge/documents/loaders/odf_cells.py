"""Reads the cells of an OpenDocument table; repeated and merged cells appear at each of their positions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.odf_names import OFFICE, TABLE, TEXT
from modelyard.knowledge.documents.loaders.sheet_cells import Cells
from modelyard.knowledge.types import Block

MOST_CELLS = 5_000_000
"""Maximum number of cells with text in one table."""
GROUPS = frozenset(f"{TABLE}{name}" for name in ("table-row-group", "table-header-rows", "table-rows"))
COLUMN_GROUPS = frozenset(f"{TABLE}{name}" for name in ("table-column-group", "table-header-columns", "table-columns"))
VALUES = ("date-value", "time-value", "boolean-value", "string-value", "value")
"""Attributes with a cell's value, in order of precision; its paragraphs have the displayed text."""


class CellReader(Protocol):
    """Reads the elements inside a cell."""

    source: Source

    def blocks(self, parent: Any, depth: int = 0) -> Iterator[Block]:
        """The blocks inside an element."""


class Grid:
    """Reads one table."""

    def __init__(self, reader: CellReader, depth: int) -> None:
        self._reader = reader
        self._depth = depth
        self._cells = Cells()
        self._characters = self._filled = 0
        self._row = 0
        self._spanning: dict[int, tuple[int, str]] = {}
        """Column → number of further rows that a merged cell covers, and its text."""
        self._hidden_columns: list[tuple[int, int]] = []

    def read(self, table: Any) -> Cells:
        """The whole table."""
        self._read_columns(table, 1)
        for row in _rows(table, 0):
            repeated = _count(row, "number-rows-repeated")
            texts = self._texts(row)
            hidden = row.get(f"{TABLE}visibility") in {"collapse", "filter"}
            for _ in range(repeated if texts else 0):
                self._row += 1
                self._keep(dict(texts), hidden)
            self._row += 0 if texts else repeated
        return self._cells

    def _read_columns(self, table: Any, at: int) -> int:
        for each in table.iterchildren(tag="*"):
            if each.tag in COLUMN_GROUPS:
                at = self._read_columns(each, at)
            elif each.tag == f"{TABLE}table-column":
                count = _count(each, "number-columns-repeated")
                if each.get(f"{TABLE}visibility") in {"collapse", "filter"}:
                    self._hidden_columns.append((at, at + count - 1))
                at += count
        return at

    def _keep(self, texts: dict[int, str], hidden: bool) -> None:
        self._filled += len(texts)
        self._characters += sum(map(len, texts.values()))
        self._reader.source.allow(self._characters)
        if self._filled > MOST_CELLS:
            raise self._reader.source.unreadable(f"a table of it has more than {MOST_CELLS:,} cells, the limit.")
        self._cells.rows[self._row] = texts
        within = any(first <= at <= last for at in texts for first, last in self._hidden_columns)
        self._cells.hidden = self._cells.hidden or hidden or within

    def _texts(self, row: Any) -> dict[int, str]:
        texts: dict[int, str] = {}
        at = 1
        for cell in row.iterchildren(f"{TABLE}table-cell", f"{TABLE}covered-table-cell"):
            repeated = _count(cell, "number-columns-repeated")
            text = self._text(cell)
            if cell.tag == f"{TABLE}covered-table-cell" and not text:
                self._cover(texts, at, repeated)
            elif text:
                if repeated > MOST_CELLS:
                    raise self._reader.source.unreadable(
                        f"a table of it has more than {MOST_CELLS:,} cells, the limit."
                    )
                wide = min(_count(cell, "number-columns-spanned"), 1000)
                tall = min(_count(cell, "number-rows-spanned"), 100_000)
                texts.update(dict.fromkeys(range(at, at + repeated), text))
                if wide > 1 or tall > 1:
                    texts.update(dict.fromkeys(range(at, at + wide), text))
                    self._spanning.update(dict.fromkeys(range(at, at + wide), (self._row + tall, text)))
            at += repeated
        return texts

    def _cover(self, texts: dict[int, str], at: int, repeated: int) -> None:
        for column, (last, text) in list(self._spanning.items()):
            if at <= column < at + repeated and self._row + 1 <= last and column not in texts:
                texts[column] = text

    def _text(self, cell: Any) -> str:
        blocks = self._reader.blocks(cell, self._depth + 1) if len(cell) else ()
        text = "\n".join(block.text for block in blocks if block.text.strip())
        kind = cell.get(f"{OFFICE}value-type")
        if kind and kind != "string":
            self._cells.valued.add(self._row + 1)
        if text or cell.find(f"{TEXT}p") is not None:
            return text
        value = next((found for name in VALUES if (found := cell.get(f"{OFFICE}{name}"))), "")
        formula = cell.get(f"{TABLE}formula", "")
        if not value and formula:
            self._cells.formulas += 1
            return f"={formula.partition('=')[2]}"
        return str(value)


def _rows(table: Any, depth: int) -> Iterator[Any]:
    for each in table.iterchildren(tag="*"):
        if each.tag == f"{TABLE}table-row":
            yield each
        elif each.tag in GROUPS and depth < 20:
            yield from _rows(each, depth + 1)


def _count(element: Any, name: str) -> int:
    value = element.get(f"{TABLE}{name}", "1")
    return max(int(value), 1) if value.isascii() and value.isdigit() and len(value) < 9 else 1
