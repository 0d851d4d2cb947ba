"""Which formats there are, by extension, and what the first bytes say where an extension lies."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from zipfile import BadZipFile, ZipFile

HERE = "modelyard.knowledge.loaders"

GROUPS: tuple[tuple[str, str, str], ...] = (
    ("txt text log", "text:load", "plain text"),
    ("srt vtt ass ssa", "subtitles:load", "subtitles, without their times"),
    ("rst", "rst:load", "reStructuredText"),
    ("md markdown mdown mkd", "markdown:load", "Markdown, with front matter"),
    ("html htm xhtml", "html:load", "web page"),
    ("csv", "delimited:load", "table, comma- or semicolon-separated"),
    ("tsv tab", "delimited:load", "table, tab-separated"),
    ("json", "records:load", "JSON: records, or one object"),
    ("jsonl ndjson", "records:load_lines", "JSON, one record in each line"),
    ("docx docm dotx", "word:load", "Word document"),
    ("xlsx xlsm xltx", "sheets:load", "Excel workbook"),
    ("pptx pptm ppsx potx", "slides:load", "PowerPoint slides"),
    ("pdf", "pdf:load", "PDF"),
    ("eml mht mhtml", "mail:load", "e-mail, or a web page saved as one"),
    ("mbox", "mail:load_folder", "folder of e-mail"),
    ("ipynb", "notebook:load", "Jupyter notebook"),
    ("toml yaml yml xml ini cfg conf properties", "code:load", "configuration or data, as code"),
    (
        "py pyi js mjs cjs jsx ts tsx vue java kt scala go rs c cc cpp cxx h hpp cs m swift rb php pl lua r jl dart "
        "sh bash zsh ps1 bat sql proto css scss less tex cmake gradle dockerfile makefile",
        "code:load",
        "source code",
    ),
    ("png jpg jpeg bmp webp tiff tif", "ocr:load", "picture, read with OCR: pip install 'modelyard[ocr]'"),
)


def formats() -> Iterator[tuple[str, str, str]]:
    """Each of our extensions with where its loader is and what it is."""
    for extensions, target, description in GROUPS:
        for extension in extensions.split():
            yield extension, f"{HERE}.{target}", description


PARTS = (("word/document", "docx"), ("xl/workbook.xml", "xlsx"), ("ppt/presentation", "pptx"))
"""A file in the zip that says which Office format it is."""
MAGIC = (
    (re.compile(rb"%PDF-\d"), "pdf"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"RIFF[\s\S]{4}WEBP"), "webp"),
    (re.compile(rb"II\*\0|MM\0\*"), "tiff"),
)
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--[\s\S]{0,500}?-->\s*)?<(?:!doctype\s+html|html)\b", re.I
)
OLD = {
    "doc": "docx",
    "xls": "xlsx",
    "ppt": "pptx",
    "wps": "docx",
    "et": "xlsx",
    "dps": "pptx",
    "msg": "eml",
}
"""Binary Office formats, and what to save them as."""
SIGNED = frozenset({"pdf", "docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "ppsx", "potx"})
"""Formats that always begin with their magic bytes."""


def extension_of(name: str) -> str:
    """In lower case, without the dot; the whole name where it has none, such as `Dockerfile`."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    return base.rpartition(".")[2]


def sniffed(data: bytes) -> str | None:
    """What the first bytes say: an extension of ours, `zip`, `ole`, `encrypted` or `rtf`; None if they say nothing."""
    if data.startswith(b"PK\x03\x04"):
        return _in_zip(data)
    if data.startswith(OLE):
        return "encrypted" if "EncryptedPackage".encode("utf-16-le") in data else "ole"
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if data.startswith(b"BM") and int.from_bytes(data[2:6], "little") == len(data):
        return "bmp"
    return next((extension for magic, extension in MAGIC if magic.match(data)), None)


def _in_zip(data: bytes) -> str:
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (BadZipFile, ValueError, EOFError, OSError, NotImplementedError):
        return "zip"
    return next((found for part, found in PARTS if any(name.startswith(part) for name in names)), "zip")


def has_pdf(data: bytes) -> bool:
    """Whether a PDF begins somewhere in the first bytes, as its readers allow."""
    return b"%PDF-" in data[:1024]


def looks_like_html(data: bytes) -> bool:
    """Whether it begins as a web page does."""
    return HTML.match(data[:2000]) is not None
