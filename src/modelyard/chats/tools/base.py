"""The protocol of a tool, and reading its arguments, which a model wrote."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from modelyard.core.errors import InvalidParameter

Arguments = Mapping[str, Any]


class Tool(Protocol):
    """A function that a model can call. Calls may run concurrently."""

    @property
    def name(self) -> str:
        """Letters, digits, `_` and `-`; at most 64 of them."""

    @property
    def description(self) -> str:
        """Tells the model what the tool does and when to use it."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The JSON schema of the arguments, which is one of an object."""

    async def call(self, arguments: dict[str, Any]) -> str:
        """Return the output for the model. If it raises a `ModelyardError`, the model gets the error's message instead."""


def object_schema(
    required: Mapping[str, Mapping[str, Any]], optional: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Build the JSON schema of an object with these properties and no others."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def tool_definition(tool: Tool) -> dict[str, Any]:
    """Return a tool in the form of an item of `tools` in a chat completion."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)},
    }


def text_argument(arguments: Arguments, name: str) -> str:
    """Return a required text argument. Raises `InvalidParameter`."""
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise InvalidParameter(name, "it must be a text that is not empty.")
    return value.strip()


def integer_argument(arguments: Arguments, name: str, default: int, least: int, most: int) -> int:
    """Return an integer argument, clamped to its bounds; a number in quotes is accepted. Raises `InvalidParameter`."""
    value = arguments.get(name, default)
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal():
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidParameter(name, "it must be a whole number.")
    return max(least, min(most, value))
