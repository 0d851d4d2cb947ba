"""Finds out by test renderings whether a chat template accepts a message's content as a text or as a list of parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from modelyard.core.errors import InvalidParameter

PROBE = "a probe of the template"


class Shapes:
    """The forms of content that a template accepts."""

    def __init__(self, render: Callable[[list[dict[str, Any]]], str], placeholder: str) -> None:
        """`placeholder` replaces a picture if the template accepts texts only."""
        self._placeholder = placeholder
        self._texts = _shows(render, PROBE)
        self._parts = _shows(render, [{"type": "text", "text": PROBE}])

    def fit(self, message: dict[str, Any]) -> dict[str, Any]:
        """Convert a message, whose content is a text or a list of texts and pictures, to the form that the template accepts."""
        content = message.get("content")
        if isinstance(content, str) and self._parts and not self._texts:
            return {**message, "content": [{"type": "text", "text": content}]}
        if isinstance(content, list) and not self._parts:
            return {**message, "content": "\n".join(part.get("text", self._placeholder) for part in content)}
        return message


def _shows(render: Callable[[list[dict[str, Any]]], str], content: Any) -> bool:
    """Whether the rendered text contains the content, and not a printed list."""
    try:
        text = render([{"role": "user", "content": content}])
    except InvalidParameter:
        return False
    return PROBE in text and "'type'" not in text and '"type"' not in text
