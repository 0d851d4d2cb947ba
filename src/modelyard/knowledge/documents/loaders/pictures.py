"""What a document's notes say of pictures that nobody described."""

from __future__ import annotations

from modelyard.knowledge.documents.loaders.base import Source


def note_pictures(source: Source, count: int) -> None:
    """Note that pictures have no alternative text."""
    if count > 0:
        what = ("1 picture has", "it") if count == 1 else (f"{count:,} pictures have", "them")
        source.note(f"{what[0]} no alternative text, and what is on {what[1]} was not read.")
