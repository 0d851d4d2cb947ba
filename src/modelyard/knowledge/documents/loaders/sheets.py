"""Excel: each sheet is a page with its name as heading, its cells as tables, then comments, text boxes and charts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.charts import A
from modelyard.knowledge.documents.loaders.drawings import Drawings
from modelyard.knowledge.documents.loaders.package import RELATION, opened
from modelyard.knowledge.documents.loaders.sheet_cells import Cells, Rows, SheetReader, letters
from modelyard.knowledge.documents.loaders.workbook import S, Sheet, Workbook, rich
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

MOST_PLACES = 5_000_000
"""Maximum number of cells of a table, including empty ones; cells of a sparser sheet are listed one by one."""
DRAWING = "{http://schemas.openxmlformats.org/drawingml/2006/spreadsheetDrawing}"
FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
VML = "{urn:schemas-microsoft-com:vml}"
CONTROL = "{urn:schemas-microsoft-com:office:excel}"
USUAL_NAME = re.compile(r"(?:table|tabelle|tableau|tabla|表|テーブル)_?\d+", re.IGNORECASE)
"""Excel's default names of tables."""


def load(source: Source) -> LoadedDocument:
    """Read all sheets, including hidden ones, which are noted; formulas are read as their stored values."""
    with opened(source, "workbook") as package:
        book = Workbook(package)
        source.allow_pages(len(book.sheets), "sheets")
        reader = _SheetReader(book)
        blocks = [block for page, sheet in enumerate(book.sheets, 1) for block in reader.sheet(sheet, page)]
        reader.drawings.close()
        return LoadedDocument(blocks, package.properties())


class _SheetReader:
    """Reads the sheets of one workbook."""

    def __init__(self, book: Workbook) -> None:
        self._book = book
        self._package = book.package
        self._source = book.package.source
        self._persons: dict[str, str] | None = None
        self.drawings = Drawings(book.package)

    def sheet(self, sheet: Sheet, page: int) -> Iterator[Block]:
        """The name, tables and other contents of a sheet; nothing for an empty one."""
        relation = {each.target: each.kind for each in self._package.relations(self._book.name).values()}
        cells = Cells() if relation[sheet.part] == "chartsheet" else self._cells(sheet)
        found = [*self._tables(cells, sheet.part, page), *self._beside(cells, sheet.part, page)]
        if found:
            if sheet.hidden:
                self._source.note(f"The sheet '{sheet.title}' is hidden, and was read.")
            yield Block(sheet.title, BlockKind.HEADING, 1, page)
            yield from found

    def _cells(self, sheet: Sheet) -> Cells:
        cells = SheetReader(self._book, sheet.part, sheet.title).read()
        if cells.hidden:
            self._source.note(f"Hidden rows or columns of the sheet '{sheet.title}' were read.")
        if cells.formulas:
            noun = "1 formula" if cells.formulas == 1 else f"{cells.formulas:,} formulas"
            self._source.note(
                f"{noun} of the sheet '{sheet.title}' had no stored value and were read as formulas; "
                "save the file in Excel to store the values."
            )
        if cells.broken:
            which = ", ".join(cells.broken[:10]) + (" …" if len(cells.broken) > 10 else "")
            self._source.note(f"Damaged cells of the sheet '{sheet.title}' were not read: {which}.")
        return cells

    def _tables(self, cells: Cells, part: str, page: int) -> Iterator[Block]:
        starts: dict[int, str] = {}
        for each in self._package.related(part, "table"):
            root = self._package.xml(each)
            first = re.match(r"[A-Z]+(\d+)", "" if root is None else root.get("ref", ""))
            if root is not None and first:
                name = root.get("displayName") or root.get("name") or ""
                starts[int(first[1])] = "" if USUAL_NAME.fullmatch(name) else name
        for numbers in segments(cells, starts):
            if name := starts.get(numbers[0]):
                yield Block(f"Table {name}", BlockKind.TEXT, 0, page)
            yield from table_blocks(cells.rows, numbers, page)

    def _beside(self, cells: Cells, part: str, page: int) -> Iterator[Block]:
        texts = [*cells.beside, *self._comments(part), *self._controls(part)]
        yield from (Block(text, BlockKind.TEXT, 0, page) for text in texts)
        for drawing in self._package.related(part, "drawing"):
            root = self._package.xml(drawing)
            if root is not None:
                yield from self._drawing(drawing, root, page)
        for relation in self._package.relations(part).values():
            if relation.kind in {"oleObject", "package"} and not relation.external:
                self._source.note(f"The embedded file '{relation.target.rpartition('/')[2]}' was not read.")

    def _comments(self, part: str) -> Iterator[str]:
        """Threaded comments, and notes of cells without such comments."""
        threads: set[str] = set()
        for each in self._package.related(part, "threadedComment"):
            root = self._package.xml(each)
            self._persons = self._book.persons() if self._persons is None else self._persons
            for comment in () if root is None else root.iter("{*}threadedComment"):
                threads.add(place := comment.get("ref", ""))
                who = self._persons.get(comment.get("personId", ""), "")
                text = (comment.findtext("{*}text") or "").strip()
                yield f"Comment{f' by {who}' if who else ''} on {place}: {text}"
        for each in self._package.related(part, "comments"):
            root = self._package.xml(each)
            for comment in () if root is None else root.iterfind(f"{S}commentList/{S}comment"):
                body = comment.find(f"{S}text")
                if body is not None and (place := comment.get("ref", "")) not in threads:
                    yield f"Comment on {place}: {rich(body).strip()}"

    def _controls(self, part: str) -> Iterator[str]:
        """Captions of check boxes and other controls, with their state."""
        from lxml import etree

        recovering = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, recover=True)
        for each in self._package.related(part, "vmlDrawing"):
            data = self._package.bytes(each)
            root = etree.fromstring(data, recovering) if data else None
            for shape in () if root is None else root.iter(f"{VML}shape"):
                control = shape.find(f"{CONTROL}ClientData")
                box = shape.find(f"{VML}textbox")
                if control is None or box is None or control.get("ObjectType") == "Note":
                    continue
                caption = " ".join("".join(box.itertext()).split())
                checked = control.findtext(f"{CONTROL}Checked") == "1"
                if control.get("ObjectType") in {"Checkbox", "Radio"}:
                    caption = f"{'☒' if checked else '☐'} {caption}"
                yield caption

    def _drawing(self, part: str, root: Any, page: int) -> Iterator[Block]:
        """Text boxes, charts, diagrams and pictures of a sheet."""
        for shape in root.iter(f"{DRAWING}sp", f"{DRAWING}pic", f"{DRAWING}graphicFrame"):
            if next(shape.iterancestors(FALLBACK), None) is not None:
                continue
            paragraphs = ("".join(each.text or "" for each in line.iter(f"{A}t")) for line in shape.iter(f"{A}p"))
            if shape.tag == f"{DRAWING}sp":
                yield Block("\n".join(line for line in paragraphs if line.strip()), BlockKind.TEXT, 0, page)
            yield from self.drawings.blocks(part, shape, page)
        if any(True for _ in root.iter(f"{RELATION}link")):
            self._source.note("A linked picture was not read.")


def segments(cells: Cells, starts: dict[int, str]) -> Iterator[list[int]]:
    """The row numbers of each table of a sheet, starting with its title.

    A table begins where Excel defines one, and after empty rows if a row of words is followed by other values or is in
    other columns than the previous table.
    """
    rows, numbers = cells.rows, sorted(cells.rows)
    current: list[int] = []
    for at, number in enumerate(numbers):
        after = numbers[at + 1] if at + 1 < len(numbers) else 0
        if current and (number in starts or _begins(cells, current, number, after, rows)):
            yield current
            current = []
        current.append(number)
    if current:
        yield current


def _begins(cells: Cells, current: Sequence[int], number: int, after: int, rows: Rows) -> bool:
    if number == current[-1] + 1 or after != number + 1 or number in cells.valued or len(current) < 2:
        return False
    return after in cells.valued or rows[number].keys() != rows[current[0]].keys()


def table_blocks(rows: Rows, numbers: Sequence[int], page: int | None) -> Iterator[Block]:
    """The texts above the table, and the table without empty columns."""
    columns = sorted({at for number in numbers for at in rows[number]})
    if len(numbers) * len(columns) > MOST_PLACES:
        lines = (f"{letters(at)}{number}: {rows[number][at]}" for number in numbers for at in sorted(rows[number]))
        yield Block("\n".join(lines), BlockKind.TEXT, 0, page)
        return
    above = 0
    while above < len(numbers) - 1 and len(columns) > 1 and len({*rows[numbers[above]].values()}) == 1:
        yield Block(next(iter(rows[numbers[above]].values())), BlockKind.TEXT, 0, page)
        above += 1
    table = []
    for number in numbers[above:]:
        row = rows[number]
        texts = [row.get(at, "") for at in columns]
        while texts and not texts[-1]:
            texts.pop()
        table.append(texts)
    yield Block(tables.markdown(table), BlockKind.TABLE, 0, page)
