"""The supported formats by extension, and their detection by the first bytes if an extension is wrong."""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from zipfile import BadZipFile, ZipFile

from modelyard.knowledge.documents.loaders import unsupported

HERE = "modelyard.knowledge.documents.loaders"

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
    ("odt ods odp odg ott ots otp fodt fods fodp", "odf:load", "OpenDocument: text, sheets and slides of LibreOffice"),
    ("epub", "epub:load", "e-book"),
    ("rtf", "rtf:load", "Rich Text"),
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
    ("png jpg jpeg bmp webp tiff tif gif", "ocr:load", "picture, read with OCR: pip install rapidocr onnxruntime"),
)
"""Extensions, divided by blanks; module and function in this folder; what people are told of them."""


def formats() -> Iterator[tuple[str, str, str]]:
    """Each of our extensions, its loader and its description."""
    for extensions, target, description in GROUPS:
        for extension in extensions.split():
            yield extension, f"{HERE}.{target}", description


PARTS = (("word/document", "docx"), ("xl/workbook.xml", "xlsx"), ("ppt/presentation", "pptx"))
"""A file in the zip that identifies the Office format."""
FOLDERS = (("word/", "docx"), ("xl/", "xlsx"), ("ppt/", "pptx"))
"""Folders that contain the parts of an Office file."""
MAGIC = (
    (re.compile(rb"%PDF-\d"), "pdf"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "png"),
    (re.compile(rb"\xff\xd8\xff"), "jpg"),
    (re.compile(rb"RIFF[\s\S]{4}WEBP"), "webp"),
    (re.compile(rb"II\*\0|MM\0\*"), "tiff"),
    (re.compile(rb"GIF8[79]a"), "gif"),
    *unsupported.MAGIC,
)
ODF = "application/vnd.oasis.opendocument"
MIMETYPES = {
    "application/epub+zip": "epub",
    **{f"{ODF}.{kind}": found for kind, found in (("text", "odt"), ("spreadsheet", "ods"), ("presentation", "odp"))},
    **{
        f"{ODF}.{kind}": found
        for kind, found in (("graphics", "odg"), ("text-template", "ott"), ("text-master", "odt"))
    },
    f"{ODF}.spreadsheet-template": "ots",
    f"{ODF}.presentation-template": "otp",
    f"{ODF}.text-web": "odt",
}
"""Content of the file `mimetype` in a zip → format."""
FLAT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*<\?xml[^>]{0,200}\?>\s*<office:document\s[\s\S]{0,3900}?mimetype=\"application/vnd\.oasis\.opendocument\.(\w+)"
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
"""Binary Office formats → the format to save them in."""
SIGNED = frozenset({"pdf", "docx", "docm", "dotx", "xlsx", "xlsm", "xltx", "pptx", "pptm", "ppsx", "potx"})
SIGNED |= {"odt", "ods", "odp", "odg", "ott", "ots", "otp", "epub", "rtf"}
"""Formats that always begin with a signature."""


def extension_of(name: str) -> str:
    """The extension in lower case without the dot; the whole name if it has none, such as `Dockerfile`."""
    base = name.replace("\\", "/").rpartition("/")[2].lower()
    return base.rpartition(".")[2]


def sniffed(data: bytes) -> str | None:
    """The format by the first bytes: a supported extension, `zip`, `ole`, `encrypted` or `rtf`; None if unknown."""
    if data.startswith(b"PK\x03\x04"):
        return _in_zip(data)
    if data.startswith(OLE):
        return "encrypted" if "EncryptedPackage".encode("utf-16-le") in data else "ole"
    if data.startswith(b"{\\rtf"):
        return "rtf"
    if (flat := FLAT.match(data[:4000])) is not None:
        return {b"text": "fodt", b"spreadsheet": "fods", b"presentation": "fodp"}.get(flat[1], "fodt")
    if data.startswith(b"BM") and int.from_bytes(data[2:6], "little") == len(data):
        return "bmp"
    return next((extension for magic, extension in MAGIC if magic.match(data)), None)


def _in_zip(data: bytes) -> str:
    kind = ""
    try:
        with ZipFile(io.BytesIO(data)) as archive:
            names = [name.replace("\\", "/").lstrip("/").lower() for name in archive.namelist()]
            if "mimetype" in archive.namelist() and archive.getinfo("mimetype").file_size < 100:
                kind = archive.read("mimetype").decode("ascii", "replace").strip()
    except (BadZipFile, ValueError, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error):
        return "zip"
    if kind in MIMETYPES:
        return MIMETYPES[kind]
    parts = (*unsupported.PARTS, *PARTS, *(FOLDERS if "[content_types].xml" in names else ()))
    return next((found for part, found in parts if any(name.startswith(part) for name in names)), "zip")


def sniffed_text(data: bytes, extension: str) -> str | None:
    """The actual format of a text file with an Office extension, as many programs export them; None for other files."""
    head = data[:4096].lstrip(b"\xef\xbb\xbf \r\n\t")
    if extension in OLD and re.match(rb"MIME-Version:|Content-Type:\s*multipart", head, re.IGNORECASE):
        return "eml"
    if extension == "xls" and not looks_like_html(data) and not head.startswith(b"<"):
        return "tsv" if b"\t" in head else "csv" if re.search(rb"[,;]", head) else None
    return None


def has_pdf(data: bytes) -> bool:
    """Whether a PDF header is somewhere in the first bytes, which PDF readers accept."""
    return b"%PDF-" in data[:1024]


def looks_like_html(data: bytes) -> bool:
    """Whether it begins like a web page."""
    return HTML.match(data[:2000]) is not None
