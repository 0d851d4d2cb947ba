"""CSV and TSV: tables separated by blank lines, with the first row of each as its header."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source, parsing
from modelyard.knowledge.documents.loaders.delimiters import Dialect, dialect
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

READ_AGAIN = 4
"""Multiple of the text's length that may be parsed again because of unbalanced quotation marks; then they are literal."""
FORMULA = re.compile(r'="([^"]*)"')
"""A text in a formula, which keeps Excel from converting it to a number."""
NUMBER = re.compile(r"[-+]?[\d.,'\s]*\d\s*%?")
TITLED_ROWS = 3
"""Minimum number of rows with several cells, for single-cell lines above them to count as titles."""

Row = Sequence[str]


def load(source: Source) -> LoadedDocument:
    """Read the tables. Empty rows are dropped; single-cell lines above a wide table are paragraphs."""
    text, encoding = source.text()
    spelled = dialect(text, "\t" if source.extension in {"tsv", "tab"} else ",")
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    with parsing(source, "table", csv.Error):
        rows = _Rows(source, text, spelled)
        found = list(_tables(rows))
        blocks = [block for table in found for block in _blocks(table, len(found) > 1)]
    return LoadedDocument(blocks, {"encoding": encoding})


class _Rows:
    """The rows of a text, an empty one for each blank line. A line with unbalanced quotation marks is split at each delimiter."""

    def __init__(self, source: Source, text: str, spelled: Dialect) -> None:
        self._source = source
        self._lines = text.split("\n")
        self._at = 0
        self._budget = READ_AGAIN * len(text)
        self._spelled = spelled

    def __iter__(self) -> Iterator[list[str]]:
        self._at = int(self._spelled.declared)
        while self._at < len(self._lines):
            reader = self._reader(self._following(), csv.QUOTE_MINIMAL)
            while True:
                begin = self._at
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error:
                    yield self._broken(begin)
                    break
                yield [FORMULA.sub(r"\1", cell) if cell.startswith("=") else cell for cell in row]

    def _reader(self, lines: Iterator[str], quoting: int) -> Iterator[list[str]]:
        return csv.reader(
            lines,
            delimiter=self._spelled.delimiter,
            escapechar=self._spelled.escape,
            quoting=quoting,  # type: ignore[arg-type]
            skipinitialspace=True,
            strict=True,
        )

    def _following(self) -> Iterator[str]:
        while self._at < len(self._lines):
            self._at += 1
            yield f"{self._lines[self._at - 1]}\n"

    def _broken(self, begin: int) -> list[str]:
        """Split one line without quoting; the next row begins after it."""
        self._budget -= sum(len(line) + 1 for line in self._lines[begin : self._at])
        self._source.note(f"The quotation marks in line {begin + 1} are unbalanced; it was split at every delimiter.")
        if self._budget < 0:
            self._lines[begin + 1 :] = [line.replace('"', "”") for line in self._lines[begin + 1 :]]
        self._at = begin + 1
        cells = self._lines[begin].split(self._spelled.delimiter)
        return [cell.strip().removeprefix('"').removesuffix('"').replace('""', '"') for cell in cells]


def _tables(rows: _Rows) -> Iterator[list[Row]]:
    """The parts between blank lines; parts with equal numbers of cells are one table."""
    table: list[Row] = []
    behind = False
    for row in rows:
        if not row:
            behind = True
        elif any(map(str.strip, row)):
            if behind and table and len(row) != len(table[-1]):
                yield table
                table = []
            table.append(row)
            behind = False
    if table:
        yield table


def _blocks(table: list[Row], several: bool) -> Iterator[Block]:
    """One table; `several` means that the file has more, so that single-cell lines are text between them."""
    if several and max(map(len, table)) == 1:
        yield Block("\n".join(row[0].strip() for row in table))
        return
    first = next((at for at, row in enumerate(table) if len(row) > 1), 0)
    if first and len(table) - first >= TITLED_ROWS and all(len(row) > 1 for row in table[first : first + TITLED_ROWS]):
        yield Block("\n".join(row[0].strip() for row in table[:first]))
        table = table[first:]
    if len(table) > 1 and all(NUMBER.fullmatch(cell.strip()) for cell in table[0]):
        table = [[""] * len(table[0]), *table]
    yield Block(tables.markdown(table), BlockKind.TABLE)
