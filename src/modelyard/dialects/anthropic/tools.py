"""Tools of Anthropic's API as functions of a chat completion. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.dialects.anthropic.features import TOOLS
from modelyard.dialects.features import Fate
from modelyard.protocol.anthropic import ToolOffer, ToolPreference

DATE = re.compile(r"_20\d{6}$")
TEXT = {"type": "string"}
NUMBER = {"type": "integer"}


def _schema(required: Sequence[str], **properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required)}


def _command(*names: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)}


DEFINED: Mapping[str, tuple[str, dict[str, Any]]] = {
    "bash": (
        "Run a command in a bash session that stays open, or restart it.",
        _schema((), command=TEXT, restart={"type": "boolean"}),
    ),
    "text_editor": (
        "View and edit text files.",
        _schema(
            ("command", "path"),
            command=_command("view", "create", "str_replace", "insert"),
            path=TEXT,
            file_text=TEXT,
            old_str=TEXT,
            new_str=TEXT,
            insert_line=NUMBER,
            insert_text=TEXT,
            view_range={"type": "array", "items": NUMBER},
        ),
    ),
    "memory": (
        "Read and write files in the folder /memories, which is kept between conversations.",
        _schema(
            ("command",),
            command=_command("view", "create", "str_replace", "insert", "delete", "rename"),
            path=TEXT,
            file_text=TEXT,
            old_str=TEXT,
            new_str=TEXT,
            insert_line=NUMBER,
            insert_text=TEXT,
            view_range={"type": "array", "items": NUMBER},
            old_path=TEXT,
            new_path=TEXT,
        ),
    ),
}
"""Tools that Anthropic has defined and the client carries out → description and parameters."""


def kind_of(offer: ToolOffer) -> str:
    """The kind of a tool: its type without the date."""
    return DATE.sub("", offer.type or "custom")


def functions(offers: Sequence[ToolOffer]) -> list[dict[str, Any]]:
    """The functions of a chat completion. Raises `InvalidParameter`, also for tools that Anthropic's servers run."""
    return [{"type": "function", "function": _function(offer, index)} for index, offer in enumerate(offers)]


def _function(offer: ToolOffer, index: int) -> dict[str, Any]:
    kind = kind_of(offer)
    feature = TOOLS.get(kind)
    if feature is None or feature.fate is Fate.REFUSED:
        known = ", ".join(name for name, each in TOOLS.items() if each.fate is not Fate.REFUSED)
        why = f"tools here are {known}" if feature is None else feature.note
        raise InvalidParameter(f"tools[{index}].type", f"'{offer.type}': {why}.")
    if not offer.name:
        raise InvalidParameter(f"tools[{index}].name", "it is required.")
    if kind in DEFINED:
        description, parameters = DEFINED[kind]
        return {"name": offer.name, "description": description, "parameters": parameters}
    if offer.input_schema is None:
        raise InvalidParameter(f"tools[{index}].input_schema", "it is required: a JSON schema, an object.")
    function: dict[str, Any] = {"name": offer.name}
    if offer.description is not None:
        function["description"] = offer.description
    function["parameters"] = offer.input_schema
    if offer.strict:
        function["strict"] = True
    return function


CHOICES = {"auto": "auto", "any": "required", "none": "none"}


def preference(choice: ToolPreference, offers: Sequence[ToolOffer]) -> dict[str, Any]:
    """`tool_choice` and `parallel_tool_calls` of a chat completion. Raises `InvalidParameter`."""
    found: dict[str, Any] = {}
    if choice.type == "tool":
        if choice.name not in [offer.name for offer in offers]:
            raise InvalidParameter("tool_choice.name", f"there is no tool '{choice.name or ''}'.")
        found["tool_choice"] = {"type": "function", "function": {"name": choice.name}}
    elif offers:
        found["tool_choice"] = CHOICES[choice.type]
    elif choice.type == "any":
        raise InvalidParameter("tool_choice", "there are no 'tools' to choose from.")
    if choice.disable_parallel_tool_use and offers:
        found["parallel_tool_calls"] = False
    return found
