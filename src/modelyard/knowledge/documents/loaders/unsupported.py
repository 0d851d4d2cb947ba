"""Formats that are recognised but not supported, with advice for each."""

from __future__ import annotations

import re

PARTS = (
    ("xl/workbook.bin", "xlsb"),
    ("visio/", "visio"),
    ("index/document.iwa", "iwork"),
    ("index.zip", "iwork"),
    ("fixeddocseq.fdseq", "xps"),
    ("fixeddocumentsequence.fdseq", "xps"),
    ("ofd.xml", "ofd"),
    ("contents/section0.xml", "hwpx"),
)
"""Prefixes of names in a zip, in lower case → format."""
MAGIC = (
    (re.compile(rb"[\s\S]{60}(?:BOOKMOBI|TEXtREAd)"), "mobi"),
    (re.compile(rb"AT&TFORM"), "djvu"),
    (re.compile(rb"ITSF"), "chm"),
    (re.compile(rb"\x00\x01\x00\x00Standard (?:Jet|ACE) DB"), "access"),
    (re.compile(rb"[\s\S]{4}ftyp(?:heic|heix|mif1|avif)"), "heic"),
    (re.compile(rb"Rar!\x1a\x07|7z\xbc\xaf\x27\x1c|\x1f\x8b\x08"), "archive"),
    (re.compile(rb"HWP Document File"), "hwp"),
    (re.compile(rb"SQLite format 3\0"), "sqlite"),
    (re.compile(rb"%!PS"), "postscript"),
)
REFUSED = {
    "encrypted": "it is encrypted; save it without a password.",
    "ole": "it is in an old binary Office format; save it as {better}.",
    "xlsb": "it is a binary Excel workbook (xlsb); save it as xlsx.",
    "visio": "it is a Visio drawing; export it as PDF.",
    "iwork": "it is a document of Apple's Pages, Numbers or Keynote; export it as docx, xlsx, pptx or PDF.",
    "xps": "it is an XPS document; print or export it as PDF.",
    "ofd": "it is an OFD document; export it as PDF.",
    "hwpx": "it is a Hangul document; save it as docx or PDF.",
    "hwp": "it is a Hangul document; save it as docx or PDF.",
    "mobi": "it is a Kindle book (mobi, azw); convert it to EPUB.",
    "djvu": "it is a DjVu document; convert it to PDF.",
    "chm": "it is a compiled help file (chm); unpack it to HTML.",
    "access": "it is an Access database; export its tables as csv or xlsx.",
    "sqlite": "it is an SQLite database; export its tables as csv.",
    "heic": "it is a HEIC or AVIF picture; save it as JPEG or PNG.",
    "archive": "it is a packed archive; unpack it.",
    "postscript": "it is PostScript; convert it to PDF.",
}
"""A format recognised by the first bytes → why it is not read, and what to do."""
