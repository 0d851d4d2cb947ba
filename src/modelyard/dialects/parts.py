"""Parts of a chat completion's messages. Pure."""

from __future__ import annotations

from typing import Any


def text_part(text: str) -> dict[str, Any]:
    """A part that is a text."""
    return {"type": "text", "text": text}


def plain(parts: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """The content of a message: of one text that text, which every chat template takes."""
    return parts[0]["text"] if len(parts) == 1 and parts[0]["type"] == "text" else parts
