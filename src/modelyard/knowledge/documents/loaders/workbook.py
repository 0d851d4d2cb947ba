"""The parts that all sheets of an Excel workbook share: sheet names and states, texts, number formats and dates."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from modelyard.knowledge.documents.loaders.number_formats import display_text
from modelyard.knowledge.documents.loaders.package import RELATION, DocumentPackage, transitional

S = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


@dataclass(frozen=True, slots=True)
class Sheet:
    """A worksheet or a chart sheet."""

    title: str
    part: str
    hidden: bool


class Workbook:
    """One workbook."""

    def __init__(self, package: DocumentPackage) -> None:
        from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

        self.package = package
        self.name = package.main()
        root = package.root(self.name)
        properties = root.find(f"{S}workbookPr")
        mac = properties is not None and properties.get("date1904") in {"1", "true"}
        self._epoch = CALENDAR_MAC_1904 if mac else CALENDAR_WINDOWS_1900
        self.sheets = [sheet for each in root.iterfind(f"{S}sheets/{S}sheet") if (sheet := self._sheet(each))]
        self._strings = self._shared()
        self._formats = self._styles()

    def _sheet(self, each: Any) -> Sheet | None:
        part = self.package.target(self.name, each.get(f"{RELATION}id"))
        title = each.get("name", "")
        if part is None:
            self.package.source.note(f"The sheet '{title}' is missing.")
            return None
        return Sheet(title, part, each.get("state", "visible") != "visible")

    def _part(self, kind: str) -> str | None:
        """A part that the workbook refers to, or one with the usual name, because some programs omit the reference."""
        beside = posixpath.join(posixpath.dirname(self.name), f"{kind}.xml")
        return next(iter(self.package.related(self.name, kind) or self.package.names(beside)), None)

    def _root(self, kind: str) -> Any | None:
        part = self._part(kind)
        return self.package.xml(part) if part else None

    def _shared(self) -> list[str]:
        """The texts that cells refer to by number; parsed incrementally, because they may be most of a workbook."""
        from lxml import etree

        part = self._part("sharedStrings")
        data = self.package.bytes(part) if part else None
        texts: list[str] = []
        try:
            for each in elements(data or b"<none/>", "si"):
                texts.append(rich(each))
        except etree.XMLSyntaxError:
            self.package.source.note("The texts of the workbook are damaged, and some were not read.")
        return texts

    def _styles(self) -> list[str]:
        """The number format of each style of cells."""
        from openpyxl.styles.numbers import BUILTIN_FORMATS

        root = self._root("styles")
        if root is None:
            return []
        codes = {str(number): code for number, code in BUILTIN_FORMATS.items()}
        for each in root.iterfind(f"{S}numFmts/{S}numFmt"):
            codes[each.get("numFmtId", "")] = each.get("formatCode", "")
        styles = root.iterfind(f"{S}cellXfs/{S}xf")
        return [codes.get(each.get("numFmtId", "0"), "General") for each in styles]

    def persons(self) -> dict[str, str]:
        """The authors of threaded comments, by id."""
        root = self._root("person")
        return (
            {} if root is None else {each.get("id", ""): each.get("displayName", "") for each in root.iter("{*}person")}
        )

    def text(self, kind: str, raw: str, style: str) -> str:
        """The text of a cell by its type (`t`) and stored value. Raises `LookupError` for a missing text."""
        if kind == "s":
            return self._strings[int(raw)].strip() if raw.strip().isdigit() else ""
        if kind == "b":
            return "TRUE" if raw.strip() in {"1", "true"} else "FALSE"
        if kind in {"str", "e"}:
            return raw.strip()
        code = self._formats[int(style)] if style.isdigit() and int(style) < len(self._formats) else "General"
        return self._date(raw) if kind == "d" else self._number(raw, code)

    def _date(self, raw: str) -> str:
        from openpyxl.utils.datetime import from_ISO8601

        try:
            return display_text(from_ISO8601(raw.strip()), "General")
        except (ValueError, TypeError):
            return raw.strip()

    def _number(self, raw: str, code: str) -> str:
        from openpyxl.styles.numbers import is_date_format, is_timedelta_format
        from openpyxl.utils.datetime import from_excel

        try:
            value: int | float = int(raw) if raw.strip().lstrip("-").isdigit() and len(raw) < 300 else float(raw)
        except ValueError:
            return raw.strip()
        if is_date_format(code):
            try:
                return display_text(from_excel(value, self._epoch, timedelta=is_timedelta_format(code)), code)
            except (OverflowError, ValueError):
                return display_text(value, "General")
        return display_text(value, code) if abs(value) < 1e300 else raw.strip()


def elements(data: bytes, *names: str) -> Iterator[Any]:
    """Yield elements of a sheet or of the shared texts while the file is parsed. Raises `XMLSyntaxError`."""
    from lxml import etree

    options: dict[str, Any] = {"no_network": True, "load_dtd": False, "huge_tree": False, "resolve_entities": False}
    tags = [f"{S}{name}" for name in names]
    for _, element in etree.iterparse(io.BytesIO(transitional(data)), events=("end",), tag=tags, **options):
        yield element
        if element.tag in {f"{S}row", f"{S}si"}:
            element.clear()
            while element.getprevious() is not None:
                del element.getparent()[0]


def rich(element: Any) -> str:
    """The text of a shared or inline string, without phonetic readings of East Asian words."""
    parts = []
    for child in element:
        if child.tag == f"{S}t":
            parts.append(child.text or "")
        elif child.tag == f"{S}r":
            parts.append(child.findtext(f"{S}t") or "")
    return "".join(parts)
