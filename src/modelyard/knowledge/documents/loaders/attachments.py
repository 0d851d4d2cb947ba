"""Files inside another file, such as e-mail attachments: read by the loader of their format, or noted as not read."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from dataclasses import replace

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.types import Block

DEEPEST = 3
"""Maximum nesting of files that are opened."""


def blocks(source: Source, name: str, kind: str, data: bytes, what: str = "attachment") -> Sequence[Block]:
    """The blocks of a file inside `source`; empty, with a note in `source`, if it cannot be read.

    `kind` is its MIME type, which is used if the name has no extension; notes refer to it as `what`. Its own notes are added to
    `source`.
    """
    from modelyard.knowledge.documents.loaders import load

    called = f"The {what} '{name}'" if name else f"A part without a name ({kind})"
    if source.depth >= DEEPEST:
        source.note(f"{called} was not read: it stands in {DEEPEST} files inside one another.")
        return ()
    title = name if "." in name else f"{name or 'part'}{mimetypes.guess_extension(kind) or '.bin'}"
    try:
        loaded = load(data, title, limits=source.limits, ocr=source.ocr, depth=source.depth + 1)
    except DocumentUnreadable as error:
        source.note(f"{called} was not read: {error.problem.partition(' Supported: ')[0]}")
        return ()
    for note in loaded.notes:
        source.note(f"{called}: {note}")
    return [replace(block, page=None) for block in loaded.blocks]
