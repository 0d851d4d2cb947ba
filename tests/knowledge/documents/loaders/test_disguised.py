"""Files whose names lie, and formats that are recognised and not read: text, or what to do instead."""

from __future__ import annotations

import io
import zipfile

import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import load
from tests.knowledge.documents.loaders import made

OLE = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600)
MAIL = (
    b'MIME-Version: 1.0\r\nContent-Type: multipart/related; boundary="b"\r\n\r\n--b\r\nContent-Type: text/html; charset=utf-8\r\n'
    b"\r\n<p>from <b>Word</b></p>\r\n--b--\r\n"
)


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(name, "x")
    return out.getvalue()


@pytest.mark.parametrize(
    ("name", "data", "text"),
    [
        ("export.xls", b"Name\tSum\nx\t1\n", "| Name | Sum |\n| --- | --- |\n| x | 1 |"),
        ("export.xls", b"Name,Sum\nx,1\n", "| Name | Sum |\n| --- | --- |\n| x | 1 |"),
        ("export.xls", b"<html><table><tr><td>a<td>b</table>", "| a | b |\n| --- | --- |"),
        ("letter.doc", b"{\\rtf1 rich}", "rich"),
        ("letter.doc", b"plain words", "plain words"),
        ("letter.doc", MAIL, "from Word"),
        ("letter.txt", made.word(lambda document: document.add_paragraph("a docx")), "a docx"),
    ],
)
def test_names_that_lie(name: str, data: bytes, text: str) -> None:
    assert load(data, name).text.endswith(text)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.doc", OLE, "old binary Office format; save it as docx"),
        ("a.xls", OLE, "old binary Office format; save it as xlsx"),
        ("a.ppt", OLE, "old binary Office format; save it as pptx"),
        ("a.docx", OLE + "EncryptedPackage".encode("utf-16-le"), "encrypted; save it without a password"),
        ("a.xlsb", zipped("xl/workbook.bin"), "binary Excel workbook .*; save it as xlsx"),
        ("a.pages", zipped("Index/Document.iwa"), "Pages, Numbers or Keynote; export"),
        ("a.vsdx", zipped("visio/document.xml"), "Visio drawing; export it as PDF"),
        ("a.xps", zipped("FixedDocSeq.fdseq"), "XPS document; print or export it as PDF"),
        ("a.ofd", zipped("OFD.xml"), "OFD document; export it as PDF"),
        ("a.hwpx", zipped("Contents/section0.xml"), "Hangul document; save it"),
        ("a.azw", b"x" * 60 + b"BOOKMOBI" + bytes(99), "Kindle book .*; convert it to EPUB"),
        ("a.djvu", b"AT&TFORM" + bytes(99), "DjVu document; convert it to PDF"),
        ("a.chm", b"ITSF" + bytes(99), "compiled help file .*; unpack it"),
        ("a.mdb", b"\0\1\0\0Standard Jet DB" + bytes(99), "Access database; export"),
        ("a.db", b"SQLite format 3\0" + bytes(99), "SQLite database; export"),
        ("a.heic", b"\0\0\0\x18ftypheic" + bytes(99), "HEIC or AVIF picture; save it"),
        ("a.tgz", b"\x1f\x8b\x08" + bytes(99), "packed archive; unpack it"),
        ("a.7z", b"7z\xbc\xaf\x27\x1c" + bytes(99), "packed archive; unpack it"),
        ("a.ps", b"%!PS-Adobe-3.0\n" + bytes(99), "PostScript; convert it to PDF"),
        ("a.zip", zipped("notes.txt"), "zip archive; unpack it"),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_what_is_not_read_says_what_to_do(name: str, data: bytes, problem: str) -> None:
    with pytest.raises(DocumentUnreadable, match=problem):
        load(data, name)
