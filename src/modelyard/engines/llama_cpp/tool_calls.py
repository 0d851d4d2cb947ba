"""Calls that a request demands, by `tool_choice` "required" or by a function's name: held by a schema, and read back. Pure.

llama.cpp takes the demand and lets the model write on before its call, without an end. So the answer is held to a schema of
ours, with the tools left in the prompt, and its text becomes the calls: for a named function its arguments alone, for
"required" an object, or a list of objects, with `name` and `arguments`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from modelyard.engines.llama_cpp import schemas
from modelyard.engines.llama_cpp.plans import Body, Refused
from modelyard.protocol import messages
from modelyard.protocol.tool_calls import Part, new_call_id, whole_calls

MOST_CALLS = 16
"""In one answer that must call: a small model would go on and on."""

HEAD = re.compile(r'[\s\[,]*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
"""What stands before a call's arguments."""


class Reading(Protocol):
    """Finds the calls of one answer in its text."""

    def add(self, text: str) -> list[Part]:
        """What a piece of text adds."""
        ...

    def whole(self, text: str) -> list[Body]:
        """The calls of a whole text, as `message.tool_calls`."""
        ...


class Demand:
    """A call that an answer must make."""

    def __init__(self, tools: Sequence[tuple[int, Body]], name: str | None, parallel: bool) -> None:
        """`tools` are those that may be called, with their places in the request; `name` is that of a demanded function."""
        self._tools = tools
        self._name = name
        self._parallel = parallel

    def schema(self) -> Body:
        """What the answer is held to."""
        named = [(str(tool["function"]["name"]), parameters(tool, number)) for number, tool in self._tools]
        if self._name is not None:
            return named[0][1]
        defs = {f"f{number}": _moved(schema, f"#/$defs/f{number}") for number, (_, schema) in enumerate(named)}
        calls = [
            {
                "type": "object",
                "properties": {"name": {"const": name}, "arguments": {"$ref": f"#/$defs/f{number}"}},
                "required": ["name", "arguments"],
                "additionalProperties": False,
            }
            for number, (name, _) in enumerate(named)
        ]
        call = calls[0] if len(calls) == 1 else {"anyOf": calls}
        if not self._parallel:
            return {**call, "$defs": defs}
        return {"type": "array", "items": call, "minItems": 1, "maxItems": MOST_CALLS, "$defs": defs}

    def reading(self) -> Reading:
        return Listed() if self._name is None else Named(self._name)


def parameters(tool: Body, number: int) -> Body:
    """The schema of a function's arguments, which are an object whatever it says.

    A function that is `strict` is refused where llama.cpp cannot hold its schema; another, as with OpenAI, is held as far as
    that goes.
    """
    given: Body = tool["function"].get("parameters") or {"properties": {}}
    given = given if "$ref" in given else {**given, "type": "object"}
    try:
        return schemas.held(copy.deepcopy(given), "tools", f"tools.{number}.function.parameters")
    except Refused:
        if tool["function"].get("strict") is True:
            raise
        return {key: _without_patterns(value) for key, value in given.items()}


def _without_patterns(schema: Any) -> Any:
    """A schema without the patterns that llama.cpp may turn into grammars of texts that are no JSON."""
    if isinstance(schema, list):
        return [_without_patterns(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "pattern" or not isinstance(value, str)}
    return {key: _without_patterns(value) for key, value in kept.items()}


def demand(request: Body) -> Demand | None:
    """The call that a request demands; None when it leaves the choice to the model. Raises `Refused` or `InvalidParameter`."""
    tools, choice = _checked(request)
    if choice in (None, "auto", "none"):
        return None
    name = choice["function"]["name"] if isinstance(choice, dict) else None
    called = [each for each in enumerate(tools) if name in (None, each[1]["function"]["name"])]
    return Demand(called if name is None else called[:1], name, request.get("parallel_tool_calls") is not False)


def _checked(request: Body) -> tuple[Sequence[Body], str | Body | None]:
    """Tools and choice, checked as the gateway does, whose clients never come to this."""
    given, choice = request.get("tools") or [], request.get("tool_choice")
    if not isinstance(given, list) or not all(isinstance(tool, dict) for tool in given):
        raise Refused("tools", "it must be a list of objects.")
    tools = messages.tools(given)
    if choice is None:
        return tools, None
    if not isinstance(choice, str | dict):
        raise Refused("tool_choice", messages.CHOICE_FORM)
    return tools, messages.tool_choice(choice, tools)


def _moved(schema: Any, place: str) -> Any:
    """A schema that stands at another place of its document, with its references."""
    if isinstance(schema, list):
        return [_moved(each, place) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        key: place + value[1:]
        if key == "$ref" and isinstance(value, str) and value[:1] == "#"
        else _moved(value, place)
        for key, value in schema.items()
    }


class Named:
    """The text is the arguments of one function."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._begun = False

    def add(self, text: str) -> list[Part]:
        if not text:
            return []
        if self._begun:
            return [Part(0, text)]
        self._begun = True
        return [Part(0, text, self._name, new_call_id())]

    def whole(self, text: str) -> list[Body]:
        return whole_calls(self.add(text))


class Listed:
    """The text is a call or a list of them, each an object with a name and arguments."""

    def __init__(self) -> None:
        self._held = ""
        self._count = 0
        self._name = ""
        """Of the call under way, until it is told."""
        self._depth = 0
        self._quoted = self._escaped = False
        self._inside = False
        """The arguments have begun and not ended."""

    def add(self, text: str) -> list[Part]:
        self._held += text
        parts: list[Part] = []
        while True:
            if self._inside:
                taken = self._value(self._held)
                self._held = self._held[len(taken) :]
                if taken:
                    parts.append(self._part(taken))
                if self._inside:
                    return parts
            self._held = self._held.lstrip("} \t\r\n")
            found = HEAD.match(self._held)
            if found is None or found.end() == len(self._held):
                return parts
            self._name = msgspec.json.decode(found[1], type=str)
            self._held = self._held[found.end() :]
            self._inside = True

    def whole(self, text: str) -> list[Body]:
        return whole_calls(self.add(text))

    def _part(self, arguments: str) -> Part:
        if not self._name:
            return Part(self._count - 1, arguments)
        name, self._name = self._name, ""
        self._count += 1
        return Part(self._count - 1, arguments, name, new_call_id())

    def _value(self, text: str) -> str:
        """The part of a text that belongs to the arguments."""
        for place, character in enumerate(text):
            if self._quoted:
                self._quoted = self._escaped or character != '"'
                self._escaped = character == "\\" and not self._escaped
                continue
            if character == '"':
                self._quoted = True
            self._depth += (character in "{[") - (character in "}]")
            if self._depth == 0 and character in "}]":
                self._inside = False
                return text[: place + 1]
        return text
