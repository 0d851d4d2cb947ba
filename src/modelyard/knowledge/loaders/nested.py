"""Documents inside a document: read by the loader of their own format, a few deep."""

from __future__ import annotations

from collections.abc import Sequence

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.types import Block

DEEPEST = 3
MARK = " › "
"""Stands between the name of a document and that of one inside it."""


def read_nested(source: Source, data: bytes, name: str) -> Sequence[Block]:
    """The blocks of a document that another holds; none, and a note with the reason, where it cannot be read."""
    from modelyard.knowledge.loaders import load

    base = name.rpartition("/")[2] or name
    try:
        if source.name.count(MARK) >= DEEPEST:
            raise source.unreadable("documents stand too deep inside one another.")
        loaded = load(data, f"{source.name}{MARK}{base}", limits=source.limits, ocr=source.ocr)
    except DocumentUnreadable as error:
        source.note(f"The inserted document '{base}' was not read: {error.problem}")
        return []
    for note in loaded.notes:
        source.note(note)
    return loaded.blocks
