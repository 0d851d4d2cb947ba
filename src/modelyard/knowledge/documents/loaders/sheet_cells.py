"""Reads the cells of an Excel sheet row by row; damaged cells are skipped, and a damaged end loses only what follows."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from modelyard.knowledge.documents.loaders.package import RELATION, web_address, with_address
from modelyard.knowledge.documents.loaders.workbook import S, Workbook, elements, rich

MOST_FILLED = 1_000_000
"""Maximum number of cells that the merged ranges of a sheet may fill."""
REFERENCE = re.compile(r"\$?([A-Z]{1,3})\$?(\d{1,7})(?::\$?([A-Z]{1,3})\$?(\d{1,7}))?")
READ = ("row", "col", "mergeCell", "hyperlink", "dataValidation", "oddHeader", "oddFooter")
LINK = re.compile(r'HYPERLINK\(\s*"([^"]+)"', re.IGNORECASE)
HEADER_CODE = re.compile(r'&(?:"[^"]*"|K[\dA-F]{6}|\d{1,3}|[LCRPNDTFAZGBIUESXYOH])')
Rows = dict[int, dict[int, str]]
"""Row → column → text, numbered from 1; without empty texts."""


@dataclass
class Cells:
    """The cells of a sheet, and its other contents."""

    rows: Rows = field(default_factory=dict)
    valued: set[int] = field(default_factory=set)
    """Rows with a number, date or boolean."""
    beside: list[str] = field(default_factory=list)
    """Choices of cells, and headers and footers of pages."""
    hidden: bool = False
    """Whether hidden rows or columns contain text."""
    formulas: int = 0
    """Number of formulas without a stored value."""
    broken: list[str] = field(default_factory=list)
    """Cells that cannot be read."""


def column(letters: str) -> int:
    """Column number of letters: `A` is 1."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def letters(number: int) -> str:
    """Letters of a column number: 1 is `A`."""
    text = ""
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(65 + rest) + text
    return text


class SheetReader:
    """Reads one worksheet."""

    def __init__(self, book: Workbook, part: str, title: str) -> None:
        self._book = book
        self._part = part
        self._title = title
        self._source = book.package.source
        self._cells = Cells()
        self._characters = 0
        self._hidden_columns: list[tuple[int, int]] = []
        self._merged: list[tuple[int, int, int, int]] = []
        self._row = 0

    def read(self) -> Cells:
        """Everything in it."""
        from lxml import etree

        data = self._book.package.bytes(self._part)
        if data is None:
            return self._cells
        try:
            for element in elements(data, *READ):
                self._take(element)
        except etree.XMLSyntaxError:
            where = f"after row {self._row}" if self._row else "at its beginning"
            self._source.note(f"The sheet '{self._title}' is damaged {where}; what follows was not read.")
        self._fill()
        return self._cells

    def _take(self, element: Any) -> None:
        name = element.tag.removeprefix(S)
        if name == "row":
            self._take_row(element)
        elif name in {"oddHeader", "oddFooter"}:
            self._cells.beside.append(" ".join(HEADER_CODE.sub(" ", element.text or "").replace("&&", "&").split()))
        elif name == "col":
            self._hide(element)
        elif name == "mergeCell" and (place := _range(element.get("ref", ""))):
            self._merged.append(place)
        elif name == "hyperlink":
            self._link(element)
        elif name == "dataValidation" and (choices := element.findtext(f"{S}formula1") or "").startswith('"'):
            listed = ", ".join(each.strip() for each in choices.strip('"').split(","))
            self._cells.beside.append(f"Choices in {element.get('sqref', '')}: {listed}")

    def _hide(self, column: Any) -> None:
        first, last = column.get("min", ""), column.get("max", "")
        if column.get("hidden") in {"1", "true"} and first.isdigit() and last.isdigit():
            self._hidden_columns.append((int(first), int(last)))

    def _link(self, link: Any) -> None:
        left, top, _, _ = _range(link.get("ref", "")) or (0, 0, 0, 0)
        row = self._cells.rows.get(top, {})
        if text := row.get(left):
            row[left] = with_address(text, self._book.package.address(self._part, link.get(f"{RELATION}id")))

    def _take_row(self, row: Any) -> None:
        number = row.get("r", "")
        self._row = int(number) if number.isdigit() else self._row + 1
        texts: dict[int, str] = {}
        at = 0
        for cell in row.iterchildren(f"{S}c"):
            place = REFERENCE.fullmatch(cell.get("r", ""))
            at = column(place[1]) if place else at + 1
            if text := self._text(cell, at):
                texts[at] = text
        if not texts:
            return
        self._cells.rows.setdefault(self._row, {}).update(texts)
        self._characters += sum(map(len, texts.values()))
        self._source.allow(self._characters)
        if row.get("hidden") in {"1", "true"} or (self._hidden_columns and any(map(self._is_hidden, texts))):
            self._cells.hidden = True

    def _is_hidden(self, at: int) -> bool:
        return any(first <= at <= last for first, last in self._hidden_columns)

    def _text(self, cell: Any, at: int) -> str:
        kind, raw = cell.get("t", "n"), cell.findtext(f"{S}v")
        formula = cell.find(f"{S}f")
        if kind == "inlineStr":
            inline = cell.find(f"{S}is")
            return rich(inline).strip() if inline is not None else ""
        if formula is not None and (raw is None or (not raw and kind != "str")):
            self._cells.formulas += 1
            return f"={formula.text.strip()}" if formula.text else ""
        if not raw:
            return ""
        try:
            text = self._book.text(kind, raw, cell.get("s", "0"))
        except (LookupError, ValueError):
            self._cells.broken.append(f"{letters(at)}{self._row}")
            return ""
        if kind in {"n", "b", "d"}:
            self._cells.valued.add(self._row)
        link = LINK.match(formula.text or "") if formula is not None else None
        return with_address(text, web_address(link[1])) if link else text

    def _fill(self) -> None:
        """Copy the text of a merged range into its cells in those rows and columns that contain other text."""
        rows = self._cells.rows
        columns = sorted({at for row in rows.values() for at in row}) if self._merged else []
        numbers = sorted(rows) if self._merged else []
        filled = 0
        for left, top, right, bottom in self._merged:
            text = rows.get(top, {}).get(left)
            if not text:
                continue
            within = [at for at in columns if left <= at <= right]
            for number in numbers if bottom - top > len(numbers) else range(top, bottom + 1):
                if not top <= number <= bottom or number not in rows:
                    continue
                filled += len(within)
                if filled > MOST_FILLED:
                    return
                rows[number].update(dict.fromkeys(within, text))
                self._characters += len(text) * len(within)
                self._source.allow(self._characters)


def _range(reference: str) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom; of a list of ranges, the first one."""
    found = REFERENCE.match(reference)
    if not found:
        return None
    left, top = column(found[1]), int(found[2])
    return left, top, column(found[3]) if found[3] else left, int(found[4]) if found[4] else top
