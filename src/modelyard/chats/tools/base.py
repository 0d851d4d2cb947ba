"""What a tool is, and how its arguments are read: a model wrote them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from modelyard.core.errors import InvalidParameter

Arguments = Mapping[str, Any]


class Tool(Protocol):
    """Something a model can call. Calls may run side by side."""

    @property
    def name(self) -> str:
        """Letters, digits, `_` and `-`; at most 64 of them."""

    @property
    def description(self) -> str:
        """For the model: what it does and when to use it."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """JSON schema of the arguments, an object."""

    async def call(self, arguments: dict[str, Any]) -> str:
        """What the model is told. Raises an error of ours, whose sentence the model is told instead."""


def schema(required: Mapping[str, Mapping[str, Any]], optional: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """JSON schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def described(tool: Tool) -> dict[str, Any]:
    """A tool as it stands in `tools` of a chat completion."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }


def text(arguments: Arguments, name: str) -> str:
    """A text that must be there. Raises `InvalidParameter`."""
    found = arguments.get(name)
    if not isinstance(found, str) or not found.strip():
        raise InvalidParameter(name, "it must be a text that is not empty.")
    return found.strip()


def whole(arguments: Arguments, name: str, default: int, least: int, most: int) -> int:
    """A whole number, brought within its bounds; a number in quotes is taken too. Raises `InvalidParameter`."""
    found = arguments.get(name, default)
    if isinstance(found, str) and found.strip().lstrip("-").isdecimal():
        found = int(found)
    if isinstance(found, float) and found.is_integer():
        found = int(found)
    if not isinstance(found, int) or isinstance(found, bool):
        raise InvalidParameter(name, "it must be a whole number.")
    return max(least, min(most, found))
