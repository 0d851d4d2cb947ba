"""Checks all formats that are zip files of XML for zip bombs and entity bombs, before any part is parsed."""

from __future__ import annotations

import io
import re
from typing import Any
from xml.parsers import expat
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from modelyard.knowledge.documents.loaders.base import Source

MOST_RATIO = 300
"""Maximum ratio of decompressed to compressed bytes, from `RATIO_FROM` on. Real workbooks stay below 100."""
RATIO_FROM = 64 << 20
CHUNK = 64 << 10
XML_NAME = re.compile(r"\.(?:xml|rels|vml)$", re.IGNORECASE)
HTML_NAME = re.compile(r"\.x?html?$", re.IGNORECASE)
"""Names of pages inside a document, which are not parsed as XML."""
SEPARATORS = re.compile(r"[\x0b\x1e\x85\u2028\u2029]")


def check(source: Source, *, declared: bool = False) -> None:
    """Refuse content above the limits and, unless `declared`, every document type declaration, which entity bombs need.

    Office writes no declarations; EPUB and old OpenDocument files do, and their parsers do not expand entities.
    """
    with ZipFile(io.BytesIO(source.data)) as archive:
        members = archive.infolist()
        if len(members) > source.limits.max_members:
            raise source.unreadable(f"it holds {len(members):,} files; the limit is {source.limits.max_members:,}.")
        total = sum(member.file_size for member in members)
        if total > source.limits.max_decompressed_bytes or total > max(RATIO_FROM, MOST_RATIO * len(source.data)):
            raise source.unreadable(f"it would unpack to {total:,} bytes, which is more than is allowed: a zip bomb?")
        for member in members:
            if member.flag_bits & 1:
                raise source.unreadable("it is encrypted; save it without a password.")
            if member.compress_type not in {ZIP_STORED, ZIP_DEFLATED}:
                raise source.unreadable("it is compressed in a way that Office does not use.")
            if not member.is_dir() and not declared and not HTML_NAME.search(member.filename):
                _check_member(source, archive, member)


class _Over(Exception):
    """The prolog of an XML file has been read completely."""


def _check_member(source: Source, archive: ZipFile, member: ZipInfo) -> None:
    """Read an XML file up to its first element, because a declaration can only be before it.

    `zipfile` never returns more bytes than the directory states, so the checked sum is reliable.
    """

    def refuse(*_: Any) -> None:
        raise source.unreadable(f"{member.filename} in it declares a document type, as entity bombs do.")

    def stop(*_: Any) -> None:
        raise _Over

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refuse
    parser.StartElementHandler = stop
    head = b""
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(CHUNK):
                head = head or chunk
                parser.Parse(chunk)
    except _Over:
        return
    except (expat.ExpatError, ValueError) as error:
        if XML_NAME.search(member.filename) or head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
            raise BadZipFile(f"{member.filename}: {error}") from error


def tidy(text: str) -> str:
    """The text without Office's separators for soft line breaks, and without blank lines."""
    return "\n".join(line for each in SEPARATORS.sub("\n", text).split("\n") if (line := each.rstrip()))
