"""Required tool calls (`tool_choice` "required" or a function's name): enforced by a schema, and parsed from the text. Pure.

llama.cpp accepts such a request and lets the model write any amount of text before its call. So the answer is constrained to
a schema, with the tools left in the prompt, and its text is converted to calls: for a named function only its arguments, for
"required" an object, or a list of objects, with `name` and `arguments`.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Sequence
from typing import Any, Protocol

import msgspec

from modelyard.engines.llama_cpp import schemas
from modelyard.engines.llama_cpp.plans import Body, RequestRefused
from modelyard.protocol import messages
from modelyard.protocol.tool_calls import Part, new_call_id, whole_calls

MOST_CALLS = 16
"""Maximum number of calls in an answer that must call a tool; small models would not stop by themselves."""

HEAD = re.compile(r'[\s\[,]*\{\s*"name"\s*:\s*("(?:[^"\\]|\\.)*")\s*,\s*"arguments"\s*:\s*')
"""Matches what precedes a call's arguments."""


class Reading(Protocol):
    """Finds the calls in the text of one answer."""

    def add(self, text: str) -> list[Part]:
        """Add a piece of the text; returns what it adds to the calls."""
        ...

    def whole(self, text: str) -> list[Body]:
        """The calls in a whole text, as `message.tool_calls`."""
        ...


class Demand:
    """A required call."""

    def __init__(self, tools: Sequence[tuple[int, Body]], name: str | None, parallel: bool) -> None:
        """`tools` are those that may be called, with their indices in the request; `name` is that of a required function."""
        self._tools = tools
        self._name = name
        self._parallel = parallel

    def schema(self) -> Body:
        """The schema that the answer must follow."""
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
        return ListOfCalls() if self._name is None else ArgumentsOfOne(self._name)


def parameters(tool: Body, number: int) -> Body:
    """The schema of a function's arguments, which always are an object.

    A `strict` function is refused if llama.cpp cannot enforce its schema; for others it is enforced as far as
    possible, as in OpenAI's API.
    """
    given: Body = tool["function"].get("parameters") or {"properties": {}}
    given = given if "$ref" in given else {**given, "type": "object"}
    try:
        return schemas.held(copy.deepcopy(given), "tools", f"tools.{number}.function.parameters")
    except RequestRefused:
        if tool["function"].get("strict") is True:
            raise
        return {key: _without_patterns(value) for key, value in given.items()}


def _without_patterns(schema: Any) -> Any:
    """A schema without the patterns that llama.cpp may convert to grammars of texts that are not JSON."""
    if isinstance(schema, list):
        return [_without_patterns(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key != "pattern" or not isinstance(value, str)}
    return {key: _without_patterns(value) for key, value in kept.items()}


def demand(request: Body) -> Demand | None:
    """The required call of a request; None if the model may choose.

    Raises `RequestRefused` or `InvalidParameter`.
    """
    tools, choice = _checked(request)
    if choice in (None, "auto", "none"):
        return None
    name = choice["function"]["name"] if isinstance(choice, dict) else None
    called = [each for each in enumerate(tools) if name in (None, each[1]["function"]["name"])]
    return Demand(called if name is None else called[:1], name, request.get("parallel_tool_calls") is not False)


def _checked(request: Body) -> tuple[Sequence[Body], str | Body | None]:
    """Tools and choice. The gateway has checked them too; this is for requests that bypass it."""
    given, choice = request.get("tools") or [], request.get("tool_choice")
    if not isinstance(given, list) or not all(isinstance(tool, dict) for tool in given):
        raise RequestRefused("tools", "it must be a list of objects.")
    tools = messages.tools(given)
    if choice is None:
        return tools, None
    if not isinstance(choice, str | dict):
        raise RequestRefused("tool_choice", messages.CHOICE_FORM)
    return tools, messages.tool_choice(choice, tools)


def _moved(schema: Any, place: str) -> Any:
    """A schema that is moved to another position of its document, with its references adapted."""
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


class ArgumentsOfOne:
    """Parses a text that consists of the arguments of one function."""

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


class ListOfCalls:
    """Parses a text that is a call or a list of calls, each an object with a name and arguments."""

    def __init__(self) -> None:
        self._held = ""
        self._count = 0
        self._name = ""
        """The name of the current call, until it is returned."""
        self._depth = 0
        self._quoted = self._escaped = False
        self._inside = False
        """Whether the arguments have begun and not ended."""

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
