"""Parts of a chat completion's messages. Pure."""

from __future__ import annotations

from typing import Any


def document_text(text: str, title: str | None = None, context: str | None = None) -> str:
    """A document as a model reads it."""
    head = [f"{name}: {value}" for name, value in (("Title", title), ("Context", context)) if value]
    return "\n".join(["<document>", *head, *([""] if head else []), text, "</document>"])


def text_part(text: str) -> dict[str, Any]:
    """A part that is a text."""
    return {"type": "text", "text": text}


def plain(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """The content of a message: of one text that text, which every chat template takes."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts
