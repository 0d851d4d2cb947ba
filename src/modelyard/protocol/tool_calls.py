"""Tool calls of a chat completion: as pieces of a stream, and whole. Pure."""

from __future__ import annotations

import secrets
import string
from collections.abc import Iterable
from typing import Any, NamedTuple


class Part(NamedTuple):
    """A piece of a tool call. The first piece has its name."""

    number: int
    arguments: str
    name: str = ""
    id: str = ""

    def delta(self) -> dict[str, Any]:
        """The piece as an element of `delta.tool_calls`."""
        function: dict[str, Any] = {"arguments": self.arguments}
        if not self.name:
            return {"index": self.number, "function": function}
        return {"index": self.number, "id": self.id, "type": "function", "function": {"name": self.name, **function}}


def whole_calls(parts: Iterable[Part]) -> list[dict[str, Any]]:
    """The calls of a whole answer, as `message.tool_calls`."""
    calls: dict[int, dict[str, Any]] = {}
    for part in parts:
        if part.name:
            function = {"name": part.name, "arguments": ""}
            calls[part.number] = {"id": part.id, "type": "function", "function": function}
        calls[part.number]["function"]["arguments"] += part.arguments
    return list(calls.values())


def new_call_id() -> str:
    """A new id of nine letters and digits, which the chat templates of Mistral's models require."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(9))
