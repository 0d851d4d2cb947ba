"""E-books (EPUB): the pages of the book in reading order."""

from __future__ import annotations

import io
import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from urllib.parse import unquote
from zipfile import ZipFile

from modelyard.knowledge.documents.loaders import html
from modelyard.knowledge.documents.loaders.base import DAMAGE, Source, parsing
from modelyard.knowledge.documents.loaders.odf_names import DC, document_part
from modelyard.knowledge.documents.loaders.office import check
from modelyard.knowledge.documents.loaders.pictures import note_pictures
from modelyard.knowledge.types import Block, LoadedDocument

CONTAINER = "META-INF/container.xml"
ENCRYPTION = "META-INF/encryption.xml"
OBFUSCATED = re.compile(r"obfuscation|/embedding$|RC$")
"""Algorithms that only obfuscate fonts."""
PAGES = frozenset({"application/xhtml+xml", "text/html", "application/xml", "text/x-oeb1-document"})
HIDDEN = re.compile(
    r"(<(?:aside|section|div|p|li|ol|ul|dl|dd)\b[^<>]{0,500}?)\shidden(?:=[\"'][^\"']*[\"'])?(?=[\s/>])", re.I
)
"""Footnotes and similar parts, which reading programs show on request only."""
ENCODING = re.compile(rb"<\?xml[^>]{0,100}?encoding=[\"']([\w.-]+)")
IMAGE = re.compile(r"<(?:img|image)\b[^<>]{0,2000}>", re.I)
ALTERNATIVE = re.compile(r"\salt=([\"'])\s*([^\"'<>]*[^\"'<>\s])")


def load(source: Source) -> LoadedDocument:
    """Read the book. Raises `DocumentUnreadable` for a copy-protected one."""
    from lxml import etree

    with parsing(source, "e-book", etree.LxmlError):
        check(source, declared=True)
        with ZipFile(io.BytesIO(source.data)) as archive:
            book = _Book(source, archive)
            blocks = list(book.blocks())
            return LoadedDocument(blocks, book.metadata())


class _Book:
    """One book."""

    def __init__(self, source: Source, archive: ZipFile) -> None:
        self._source = source
        self._archive = archive
        self._names = {name.lower(): name for name in archive.namelist()}
        self._refuse_protected()
        root = document_part(archive.read(CONTAINER))
        path = next((each.get("full-path") for each in root.iter("{*}rootfile")), None)
        if not path:
            raise ValueError("it names no package")
        self._folder = posixpath.dirname(path)
        self._package = document_part(archive.read(path))
        self._items = {each.get("id"): each for each in self._package.iter("{*}item")}

    def _refuse_protected(self) -> None:
        if ENCRYPTION.lower() not in self._names:
            return
        root = document_part(self._archive.read(self._names[ENCRYPTION.lower()]))
        methods = [each.get("Algorithm", "") for each in root.iter("{*}EncryptionMethod")]
        if any(not OBFUSCATED.search(method) for method in methods):
            raise self._source.unreadable("it is protected against copying (DRM); get it without protection.")

    def metadata(self) -> dict[str, str]:
        """Title, author and language."""
        names = {"title": "title", "author": "creator", "language": "language"}
        return {key: self._package.findtext(f".//{DC}{tag}") or "" for key, tag in names.items()}

    def blocks(self) -> Iterator[Block]:
        """All pages, including those outside the reading order, such as notes; without the table of contents."""
        spine = [self._items.get(each.get("idref")) for each in self._package.iter("{*}itemref")]
        self._source.allow_pages(len(spine))
        silent = 0
        for item in spine:
            if item is None or item.get("media-type") not in PAGES:
                self._source.note("A page that is no text was not read.")
                continue
            text = self._page(item)
            if text is None:
                continue
            silent += sum(not ALTERNATIVE.search(image) for image in IMAGE.findall(text))
            yield from self._read(item, IMAGE.sub(_described, HIDDEN.sub(r"\1", text)))
        note_pictures(self._source, silent)

    def _page(self, item: Any) -> str | None:
        href = unquote(item.get("href", ""))
        name = posixpath.normpath(posixpath.join(self._folder, href.partition("#")[0]))
        try:
            data = self._archive.read(self._names[name.lower()])
        except DAMAGE:
            self._source.note(f"The page '{href}' is missing or damaged, and was not read.")
            return None
        declared = ENCODING.match(data.lstrip(b"\xef\xbb\xbf"))
        text, _ = replace(self._source, data=data).text(declared[1].decode() if declared else "utf-8")
        return text

    def _read(self, item: Any, text: str) -> Iterator[Block]:
        if "nav" in (item.get("properties") or "").split():
            text = re.sub(r"<(/?)nav\b", r"<\1div", text)
        yield from html.parse(self._source, text).blocks


def _described(image: re.Match[str]) -> str:
    """The alternative text of a picture, at its position."""
    found = ALTERNATIVE.search(image[0])
    return f"<p>Picture: {found[2]}</p>" if found else ""
