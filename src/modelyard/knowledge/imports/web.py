"""Names and contents of documents that were fetched from URLs. Pure."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from urllib.parse import unquote, urlsplit

from modelyard.core.fetching import Fetched
from modelyard.knowledge.documents.loaders.formats import extension_of
from modelyard.knowledge.documents.web_pages import HTML_TYPES

LONGEST = 300
"""Characters of a name that is made of a URL."""
EXTENSIONS = {
    "application/json": "json",
    "application/msword": "doc",
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/epub+zip": "epub",
    "application/xml": "xml",
    "text/csv": "csv",
    "text/markdown": "md",
    "text/plain": "txt",
    "text/xml": "xml",
}
"""Content type → extension of a document whose URL has none that is read. Others are recognised by their first bytes."""
PAGES = frozenset({"html", "htm", "xhtml"})


def document_name(fetched: Fetched, formats: Collection[str]) -> str:
    """`HOST/PATH`, with the file name that the host gives in place of the last part, and an extension that fits its type."""
    parts = urlsplit(fetched.url)
    folder, _, last = unquote(parts.path).strip("/").rpartition("/")
    if fetched.filename:
        last = fetched.filename
    elif parts.query:
        last = f"{last}?{unquote(parts.query)}"
    last = "".join(each if each.isprintable() else "_" for each in last) or "index"
    extension = extension_of(last)
    if fetched.content_type in HTML_TYPES:
        last = last if extension in PAGES else f"{last}.html"
    elif extension not in formats and fetched.content_type in EXTENSIONS:
        last = f"{last}.{EXTENSIONS[fetched.content_type]}"
    name = "/".join(part for part in (parts.netloc, folder, last) if part)
    if len(name) <= LONGEST:
        return name
    digest = sha256(fetched.url.encode()).hexdigest()[:12]
    suffix = f"…{digest}.{extension_of(last)}"
    return name[: LONGEST - len(suffix)] + suffix


def content(fetched: Fetched) -> bytes:
    """The bytes to store: as they came, but for a page whose charset only its host says, which becomes UTF-8."""
    if fetched.content_type not in HTML_TYPES or fetched.charset.lower() in ("", "utf-8", "utf8"):
        return fetched.data
    try:
        return b"\xef\xbb\xbf" + fetched.data.decode(fetched.charset).encode()
    except (LookupError, UnicodeError):
        return fetched.data
