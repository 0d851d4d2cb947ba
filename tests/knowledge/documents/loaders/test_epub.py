"""E-books: the order of reading, what stands beside it, and protection."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from tests.knowledge.documents.loaders import made

CONTAINER = '<container xmlns="urn:c"><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
ENCRYPTED = '<encryption xmlns:e="urn:e"><e:EncryptionMethod Algorithm="{}"/></encryption>'
DOCTYPE = '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.1//EN" "http://www.w3.org/TR/xhtml11/DTD/xhtml11.dtd">'


def page(body: str) -> str:
    return f'<?xml version="1.0"?>{DOCTYPE}<html xmlns="http://www.w3.org/1999/xhtml"><body>{body}</body></html>'


def book(pages: Mapping[str, str | bytes], spine: Sequence[str], files: Mapping[str, str] | None = None) -> bytes:
    """A book of pages by their file names; those of `spine` in their order."""
    out = io.BytesIO()
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages)
    items = items.replace('href="nav"', 'href="nav" properties="nav"')
    order = "".join(f'<itemref idref="{name}"/>' for name in spine)
    head = "<dc:title>The Book</dc:title><dc:creator>Ann</dc:creator><dc:language>de</dc:language>"
    opf = (
        f'<package xmlns="urn:p" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>{head}</metadata>'
        f"<manifest>{items}</manifest><spine>{order}</spine></package>"
    )
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        archive.writestr("META-INF/container.xml", CONTAINER)
        archive.writestr("OPS/book.opf", opf)
        for name, content in pages.items():
            archive.writestr(f"OPS/{name}", content)
        for name, content in (files or {}).items():
            archive.writestr(name, content)
    return out.getvalue()


def test_the_order_of_reading() -> None:
    pages = {
        "two": page("<h1>Two</h1><p>b&nbsp;c&eacute;</p>"),
        "one": page("<h1>One</h1><p>a</p>"),
        "nav": page("<nav><ol><li><a href='one'>One</a></li></ol></nav>"),
    }
    loaded = load(book(pages, ["nav", "one", "two"]), "a.epub")
    assert loaded.text == "1. One\n\nOne\n\na\n\nTwo\n\nb cé"
    assert loaded.metadata == {"title": "The Book", "author": "Ann", "language": "de"}
    assert loaded.notes == []


def test_notes_pictures_and_pages_that_are_missing() -> None:
    body = "<p>a<img src='x' alt='A bridge'/><img src='y'/></p><aside hidden='hidden'>the note</aside>"
    loaded = load(book({"one": page(body)}, ["one"]), "a.epub")
    assert loaded.text == "a\n\nPicture: A bridge\n\nthe note"
    assert loaded.notes == ["1 picture has no alternative text, and what is on it was not read."]
    whole = book({"one": page("<p>a</p>"), "two": page("<p>b</p>")}, ["one", "gone", "two"])
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if name != "OPS/two":
                new.writestr(name, old.read(name))
    loaded = load(out.getvalue(), "a.epub")
    assert (loaded.text, loaded.notes) == (
        "a",
        ["A page that is no text was not read.", "The page 'two' is missing or damaged, and was not read."],
    )


def test_other_encodings_and_names() -> None:
    latin = page("<p>caf\u00e9</p>").replace('version="1.0"', 'version="1.0" encoding="iso-8859-1"').encode("latin-1")
    assert load(book({"one": latin}, ["one"]), "a.zip").text == "café"


def test_protection() -> None:
    pages = {"one": page("<p>a</p>")}
    fonts = {"META-INF/encryption.xml": ENCRYPTED.format("http://www.idpf.org/2008/embedding")}
    assert load(book(pages, ["one"], fonts), "a.epub").text == "a"
    locked = {"META-INF/encryption.xml": ENCRYPTED.format("http://www.w3.org/2001/04/xmlenc#aes128-cbc")}
    with pytest.raises(DocumentUnreadable, match="DRM"):
        load(book(pages, ["one"], locked), "a.epub")


def test_damage() -> None:
    whole = book({"one": page("<p>a</p>")}, ["one"])
    with pytest.raises(DocumentUnreadable, match="not a whole epub"):
        load(whole[:300], "a.epub")
    with pytest.raises(DocumentUnreadable, match="damaged"):
        load(book({}, [], {"META-INF/x": ""}).replace(b"rootfile ", b"rootfilx "), "a.epub")
    with pytest.raises(DocumentUnreadable, match="names no package"):
        load(made.repacked(whole, {"META-INF/container.xml": b"<container/>"}), "a.epub")
    with pytest.raises(DocumentUnreadable, match="has no text"):
        load(book({"one": page("")}, ["one"]), "a.epub")
