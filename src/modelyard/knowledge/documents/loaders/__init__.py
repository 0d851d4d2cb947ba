"""Reads files into `LoadedDocument`. A format is one file; its extensions are in `formats.py`, those of other packages
in entry points of the group `modelyard.loaders`, with the extension as name and a `base.Loader` as object."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from modelyard.core.errors import DocumentUnreadable
from modelyard.core.registry import Registry
from modelyard.knowledge.documents.loaders.base import Loader, LoadLimits, Source, cleaned, known, listed
from modelyard.knowledge.documents.loaders.encoding import NotText, decode
from modelyard.knowledge.documents.loaders.formats import (
    OLD,
    SIGNED,
    extension_of,
    formats,
    has_pdf,
    looks_like_html,
    sniffed,
    sniffed_text,
)
from modelyard.knowledge.documents.loaders.unsupported import REFUSED
from modelyard.knowledge.types import LoadedDocument

__all__ = ["LOADERS", "LoadLimits", "Loader", "Source", "extensions", "load"]

OURS = {extension: target for extension, target, _ in formats()}
VERSION = 3
"""Raised when the same bytes are read in another way, so that reindexing reads those documents again.

That is so, too, when a format gets its own loader that was read as plain text until then.
"""

LOADERS: Registry[Loader] = Registry("loaders", OURS)
SAMPLE = 65536
"""Bytes that are examined to decide whether a file with an unknown extension is text."""


def extensions() -> Mapping[str, str]:
    """Every supported extension, without its dot, with a short description."""
    described = {extension: description for extension, _, description in formats()}
    return {extension: described.get(extension, "by an installed package") for extension in LOADERS}


def load(
    data: bytes,
    name: str,
    *,
    limits: LoadLimits = LoadLimits(),  # noqa: B008 - frozen
    ocr: bool = False,
    depth: int = 0,
) -> LoadedDocument:
    """Read a file, by the extension of its name, or by its first bytes if these contradict it.

    With `ocr`, PDF pages without text are read by OCR; for `depth` see `Source`.
    Raises `DocumentUnreadable`.
    """
    if len(data) > limits.max_bytes:
        raise DocumentUnreadable(name, f"it is larger than {limits.max_bytes:,} bytes, the limit.")
    if not data.strip():
        raise DocumentUnreadable(name, "it is empty.")
    source = Source(data, name, _extension(data, name), limits, ocr, depth)
    try:
        loaded = LOADERS.get(source.extension)(source)
    except MemoryError as error:
        raise source.unreadable("reading it needs more memory than is available.") from error
    blocks, notes = cleaned(loaded.blocks), [*loaded.notes, *listed(source.notes)]
    if not blocks:
        raise source.unreadable(" ".join(["it has no text.", *notes]))
    source.allow(sum(len(block.text) for block in blocks))
    return replace(loaded, blocks=blocks, metadata=known(**loaded.metadata), notes=notes)


def _extension(data: bytes, name: str) -> str:
    """The extension of the actual format, whatever the file's name. Raises for formats that cannot be read."""
    extension, found = extension_of(name), sniffed(data)
    if extension in LOADERS and extension not in OURS:
        return extension
    if found in REFUSED:
        raise DocumentUnreadable(name, REFUSED[found].format(better=OLD.get(extension, "docx, xlsx or pptx")))
    if extension in SIGNED and found in {None, "zip"} and (extension != "pdf" or not has_pdf(data)):
        raise DocumentUnreadable(name, f"it is not a whole {extension} file: it is damaged, or something else.")
    if found is None and extension not in LOADERS:
        found = sniffed_text(data, extension)
    if found == "zip":
        raise DocumentUnreadable(name, f"it is a zip archive; unpack it. {_supported()}")
    if found is not None:
        return extension if OURS.get(extension) == OURS[found] else found
    return extension if extension in LOADERS else _text_extension(data, name)


def _text_extension(data: bytes, name: str) -> str:
    """The extension for a text file with an unknown extension."""
    try:
        decode(data[:SAMPLE])
    except NotText as error:
        raise DocumentUnreadable(name, f"its format is not supported. {_supported()}") from error
    return "html" if looks_like_html(data) else "txt"


def _supported() -> str:
    return f"Supported: {', '.join(LOADERS)}."
