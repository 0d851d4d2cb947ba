"""OpenAI's older names of tools: `functions` and `function_call` of a request, and `function_call` of its answer. Pure.

A request with them becomes one with `tools`, so engines need not know them; the answer to it is translated back.
"""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.protocol import messages
from modelyard.protocol.inference import ChatRequest

Body = dict[str, Any]

CALLS = b'"tool_calls"'
"""Bytes that the data of an event must contain to need translation."""
CHOICE = "it must be 'none', 'auto' or {\"name\": …}."


def as_tools(request: ChatRequest) -> Body:
    """The fields `tools`, `tool_choice` and `parallel_tool_calls` that a request with older names means; empty for others.

    Raises `InvalidParameter`.
    """
    functions = request.functions or []
    if not functions:
        if isinstance(request.function_call, dict):
            raise InvalidParameter("function_call", "there are no 'functions' to choose from.")
        return {}
    for newer in ("tools", "tool_choice"):
        if getattr(request, newer):
            raise InvalidParameter("functions", f"it is the older name of 'tools'; use it without '{newer}'.")
    found = [messages.offered_function(each, f"functions[{index}]") for index, each in enumerate(functions)]
    new: Body = {"tools": [{"type": "function", "function": each} for each in found], "parallel_tool_calls": False}
    choice = request.function_call
    if isinstance(choice, dict):
        name = choice.get("name")
        if not isinstance(name, str) or not name:
            raise InvalidParameter("function_call.name", "it is required: a text that is not empty.")
        if name not in [each["name"] for each in found]:
            raise InvalidParameter("function_call.name", f"there is no function '{name}'.")
        new["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif choice:
        if choice not in ("none", "auto"):
            raise InvalidParameter("function_call", CHOICE)
        new["tool_choice"] = choice
    return new


def old_answer(body: bytes) -> bytes:
    """A whole chat completion, or the data of an event, with `function_call` in place of `tool_calls`.

    Only the first call of each choice is kept, because `function_call` has room for one.
    """
    if CALLS not in body:
        return body
    answer = msgspec.json.decode(body, type=Body)
    for choice in answer.get("choices") or ():
        for name in ("message", "delta"):
            if isinstance(part := choice.get(name), dict):
                _rename(part)
        if choice.get("finish_reason") == "tool_calls":
            choice["finish_reason"] = "function_call"
    return msgspec.json.encode(answer)


def _rename(part: Body) -> None:
    calls = part.pop("tool_calls", None) or []
    first = next((call for call in calls if (call.get("index") or 0) == 0), None)
    if first is not None:
        part["function_call"] = {name: value for name, value in first["function"].items() if value is not None}
