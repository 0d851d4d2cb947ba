"""Excel: each sheet a page with its name as heading, its cells as one table."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

from modelyard.knowledge.loaders import tables
from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.loaders.office import opened, properties
from modelyard.knowledge.loaders.shown import shown
from modelyard.knowledge.types import Block, Kind, Loaded

MOST_CELLS = 20_000_000
"""Cells, empty ones among them, that are gone through: a few cells far apart would span billions."""
MOST_ROWS = 1 << 20
"""Rows that Excel has."""
MOST_FILLED = 1_000_000
"""Cells that merged ranges may fill."""
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]{0,200}?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')
CHUNK = 1 << 20
Rows = dict[int, list[str]]
"""Rows that have text, by number, from 1."""


def load(source: Source) -> Loaded:
    """The sheets that are not hidden; formulas as the values they had when the file was saved."""
    import openpyxl
    from openpyxl.utils import exceptions

    errors = (exceptions.InvalidFileException, exceptions.CellCoordinatesException, exceptions.IllegalCharacterError)
    with opened(source, "workbook", *errors) as file, ZipFile(io.BytesIO(source.data)) as archive:
        book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheets = [sheet for sheet in book.worksheets if sheet.sheet_state == "visible"] or book.worksheets
        source.allow_pages(len(sheets), "sheets")
        reader = _Reader(source, archive)
        blocks = [block for page, sheet in enumerate(sheets, 1) for block in reader.sheet(sheet, page)]
        metadata = properties(book.properties)
        metadata |= {"author": book.properties.creator or ""}
        return Loaded(blocks, {key: text for key, text in metadata.items() if text != "openpyxl"})


class _Reader:
    """Counts what one workbook has cost so far."""

    def __init__(self, source: Source, archive: ZipFile) -> None:
        self._source = source
        self._archive = archive
        self._cells = self._characters = self._filled = 0

    def sheet(self, sheet: Any, page: int) -> Iterator[Block]:
        """Its name, what stands above the table, and the table; nothing for a sheet that is empty."""
        rows = self._rows(sheet)
        if not rows:
            return
        self._fill(rows, sheet)
        yield Block(str(sheet.title), Kind.HEADING, 1, page)
        table = _without_empty_columns([rows[number] for number in sorted(rows)])
        above = 0
        while above < len(table) - 1 and len(table[0]) > 1 and len({*filter(None, table[above])}) == 1:
            yield Block(next(filter(None, table[above])), Kind.TEXT, 0, page)
            above += 1
        yield Block(tables.markdown(table[above:]), Kind.TABLE, 0, page)

    def _rows(self, sheet: Any) -> Rows:
        sheet.reset_dimensions()  # what a file says of its size need not be true
        rows: Rows = {}
        for number, cells in enumerate(sheet.iter_rows(), 1):
            self._cells += 1 + len(cells)
            if number > MOST_ROWS or self._cells > MOST_CELLS:
                raise self._source.unreadable(f"its cells are spread over more than {MOST_CELLS:,} places.")
            texts = [shown(cell.value, cell.number_format) if cell.value is not None else "" for cell in cells]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                rows[number] = texts
                self._characters += sum(map(len, texts))
                self._source.allow(self._characters)
        return rows

    def _fill(self, rows: Rows, sheet: Any) -> None:
        """Put the text of a merged range into each of its cells, in rows and columns that have text anyway."""
        width, last = max(map(len, rows.values())), max(rows)
        for left, top, right, bottom in self._merged(sheet):
            text = rows.get(top, [])[left - 1 : left]
            for number in range(top, min(bottom, last) + 1):
                self._filled += 1
                row = rows.get(number)
                if self._filled > MOST_FILLED:
                    return
                if not text or not text[0] or row is None:
                    continue
                stop = min(right, width)
                row += [""] * (stop - len(row))
                row[left - 1 : stop] = text * (stop - left + 1)
                self._filled += stop - left
                self._characters += len(text[0]) * (stop - left + 1)
                self._source.allow(self._characters)

    def _merged(self, sheet: Any) -> Iterator[tuple[int, int, int, int]]:
        """Merged ranges, which openpyxl reads only where it builds every cell of them."""
        from openpyxl.utils import column_index_from_string as column

        before = b""
        with self._archive.open(sheet._worksheet_path) as stream:
            while chunk := stream.read(CHUNK):
                text = before + chunk
                end = 0
                for found in MERGED.finditer(text):
                    end = found.end()
                    yield column(found[1].decode()), int(found[2]), column(found[3].decode()), int(found[4])
                before = text[max(end, len(text) - 300) :]


def _without_empty_columns(rows: list[list[str]]) -> list[list[str]]:
    width = max(map(len, rows))
    used = [any(len(row) > at and row[at] for row in rows) for at in range(width)]
    if all(used):
        return rows
    return [[text for text, use in zip(row, used, strict=False) if use] for row in rows]
