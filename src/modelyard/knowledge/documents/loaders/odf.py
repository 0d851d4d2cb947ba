"""OpenDocument text, sheets and slides (LibreOffice), in document order, with notes and comments at the end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from zipfile import ZipFile

from modelyard.knowledge.documents.loaders.base import DAMAGE, Source, parsing
from modelyard.knowledge.documents.loaders.odf_body import OdfBody
from modelyard.knowledge.documents.loaders.odf_names import DC, DRAW, META, OFFICE, STYLE, TABLE, document_part
from modelyard.knowledge.documents.loaders.office import check
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

MANIFEST = "META-INF/manifest.xml"


def load(source: Source) -> LoadedDocument:
    """Read the document; a flat one (fodt, fods, fodp) is one XML file."""
    from lxml import etree

    with parsing(source, "OpenDocument file", etree.LxmlError), _parts(source) as parts:
        content = parts.required("content.xml")
        kind = next(content.find(f"{OFFICE}body").iterchildren(tag="*"), None)
        if kind is None:
            raise ValueError("it has no body")
        reader = OdfBody(source, parts, content)
        if kind.tag == f"{OFFICE}spreadsheet":
            blocks = list(_sheets(source, reader, kind))
        elif kind.tag in {f"{OFFICE}presentation", f"{OFFICE}drawing"}:
            blocks = list(_slides(source, reader, kind))
        else:
            blocks = [*reader.blocks(kind), *reader.beside()]
        blocks += _common(reader, parts.optional("styles.xml"))
        reader.close()
        return LoadedDocument(blocks, _properties(parts.optional("meta.xml")))


def _sheets(source: Source, reader: OdfBody, kind: Any) -> Iterator[Block]:
    tables = list(kind.iterchildren(f"{TABLE}table"))
    source.allow_pages(len(tables), "sheets")
    for page, table in enumerate(tables, 1):
        reader.page = page
        found = [*reader.table(table), *reader.beside()]
        if found:
            name = table.get(f"{TABLE}name", "")
            if reader.is_hidden(table):
                source.note(f"The sheet '{name}' is hidden, and was read.")
            yield Block(name, BlockKind.HEADING, 1, page)
            yield from found
    reader.page = None
    for choices in kind.iterchildren(f"{TABLE}content-validations"):
        yield from reader.element(choices, 0)


def _slides(source: Source, reader: OdfBody, kind: Any) -> Iterator[Block]:
    pages = list(kind.iterchildren(f"{DRAW}page"))
    source.allow_pages(len(pages), "slides")
    hidden = []
    for number, page in enumerate(pages, 1):
        reader.page = number
        if reader.is_hidden(page):
            hidden.append(str(number))
        yield from (*reader.blocks(page), *reader.beside())
    if hidden:
        source.note(f"Hidden slides were read: {', '.join(hidden[:20])}.")


def _common(reader: OdfBody, styles: Any | None) -> Iterator[Block]:
    """Headers, footers and texts of master pages, each text once."""
    reader.page = None
    seen: set[str] = set()
    masters = () if styles is None else styles.iterfind(f"{OFFICE}master-styles/{STYLE}master-page")
    for master in masters:
        for block in reader.blocks(master):
            if block.text not in seen and any(map(str.isalpha, block.text)):
                seen.add(block.text)
                yield block
    yield from reader.beside()


def _properties(meta: Any | None) -> dict[str, str]:
    if meta is None:
        return {}
    root = meta.find(f"{OFFICE}meta")
    names = {"title": f"{DC}title", "author": f"{DC}creator", "language": f"{DC}language"}
    found = {} if root is None else {key: root.findtext(tag) or "" for key, tag in names.items()}
    if root is not None and (author := root.findtext(f"{META}initial-creator")):
        found["author"] = author
    return found


class _Parts:
    """The XML files of a document; in a flat document all of them are one."""

    def __init__(self, source: Source, archive: ZipFile | None) -> None:
        self._source = source
        self._archive = archive
        self._roots: dict[str, Any | None] = {}
        self._flat = document_part(source.data) if archive is None else None

    def required(self, name: str) -> Any:
        """The root of a part. Raises the parsers' errors, and `KeyError`."""
        return self._flat if self._archive is None else document_part(self._archive.read(name))

    def optional(self, name: str) -> Any | None:
        """The root of a part; None if it is missing, or damaged, which is noted."""
        from lxml import etree

        if self._archive is None:
            return self._flat
        if name not in self._roots:
            self._roots[name] = None
            try:
                self._roots[name] = self.required(name) if name in self._archive.namelist() else None
            except (*DAMAGE, etree.LxmlError):
                self._source.note(f"The part '{name}' of the file is damaged, and was not read.")
        return self._roots[name]


@contextmanager
def _parts(source: Source) -> Iterator[_Parts]:
    if not source.data.startswith(b"PK"):
        yield _Parts(source, None)
        return
    check(source, declared=True)
    with ZipFile(io.BytesIO(source.data)) as archive:
        if MANIFEST in archive.namelist() and b"encryption-data" in archive.read(MANIFEST):
            raise source.unreadable("it is encrypted; save it without a password.")
        yield _Parts(source, archive)
