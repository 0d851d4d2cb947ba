"""Finds tool calls in a model's output while it is generated, and yields text and pieces of calls. Pure.

It parses character by character, so the result does not depend on how the output was split. Characters that may belong to a
call are held back; if they turn out not to, they are yielded as text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Generator, Mapping
from typing import Any, NamedTuple, TypeAlias, TypeVar

from modelyard.core.stops import overlap
from modelyard.protocol.tool_calls import Part, new_call_id

HERMES, HERMES_END = "<tool_call>", "</tool_call>"
MISTRAL, MISTRAL_ARGUMENTS = "[TOOL_CALLS]", "[ARGS]"
LLAMA = "<|python_tag|>"

MARKS: Mapping[str, str] = {"hermes": HERMES, "llama3_json": LLAMA, "mistral": MISTRAL}
"""Format → the mark that precedes calls."""

ARGUMENTS = ("arguments", "parameters")
KEYS = ("name", "type", "id", "function", *ARGUMENTS)
LONGEST_NAME = 256

T = TypeVar("T")
Reading: TypeAlias = Generator[None, str, T]
"""A parser, as a generator that receives one character at a time."""


class CallPieces(NamedTuple):
    """Text and parts of calls that later output cannot change."""

    text: str = ""
    parts: tuple[Part, ...] = ()


class Calls:
    """The calls of one answer."""

    def __init__(self, format: str, names: Collection[str], most: int | None = None) -> None:
        """`names` are the tools that the request offers; calls beyond the first `most` are dropped."""
        self._mark = MARKS[format]
        self._names = names
        self._most = most
        self.count = 0
        """Calls whose name has been yielded."""
        self._pending = ""
        """Text that may be the beginning of a mark, or blank space before one."""
        self._raw = ""
        """The raw text of the current call, until its name is yielded."""
        self._pushed = ""
        self._name = ""
        self._arguments = ""
        self._announced = True
        self._text: list[str] = []
        self._parts: list[Part] = []
        self._reading: Reading[None] = READERS[format](self)
        next(self._reading)

    def add(self, text: str) -> CallPieces:
        """Add output; return what later output cannot change."""
        for character in text:
            self._reading.send(character)
        return self._take()

    def end(self) -> CallPieces:
        """Return the text that was held back, without blank space after a call."""
        rest = self._pending + self._raw
        if rest.strip() or not self.count:
            self._text.append(rest)
        self._pending = self._raw = ""
        return self._take()

    def _take(self) -> CallPieces:
        parts: list[Part] = []
        for part in self._parts:
            if parts and parts[-1].number == part.number:
                parts[-1] = parts[-1]._replace(arguments=parts[-1].arguments + part.arguments)
            else:
                parts.append(part)
        found = CallPieces("".join(self._text), tuple(parts))
        self._text.clear()
        self._parts.clear()
        return found

    def _add_text(self, text: str) -> bool:
        """Add text; returns whether it ends with the mark. Then the mark is kept as the beginning of a call's raw text."""
        self._pending += text
        if self._pending.endswith(self._mark):
            self._raw, self._pending = self._pending, ""
            self._begin()
            return True
        sure = self._pending[: len(self._pending) - overlap(self._pending, self._mark)].rstrip()
        self._text.append(sure)
        self._pending = self._pending[len(sure) :]
        return False

    def _until_mark(self) -> Reading[None]:
        while not self._add_text((yield)):
            pass

    def hermes(self) -> Reading[None]:
        """Parse `<tool_call>{"name": …, "arguments": …}</tool_call>`, any number of times."""
        while True:
            yield from self._until_mark()
            if (yield from self._object()):
                yield from self._past(HERMES_END)

    def llama(self) -> Reading[None]:
        """Parse `{"name": …, "parameters": …}` as the whole output, or after a mark; several are separated by `;`."""
        blank = ""
        while (character := (yield)).isspace():
            blank += character
        if character == "{":
            self._raw = blank + character
            yield from self._objects(self._names)
        elif self._add_text(blank + character):
            yield from self._objects(None)
        while True:
            yield from self._until_mark()
            yield from self._objects(None)

    def _objects(self, names: Collection[str] | None) -> Reading[None]:
        opened = self._raw.endswith("{")
        while (yield from self._object(names, opened)):
            opened = False
            blank = ""
            while (character := (yield)).isspace():
                blank += character
            if character != ";":
                self._add_text(blank + character)
                return

    def mistral(self) -> Reading[None]:
        """Parse `[TOOL_CALLS][{"name": …, "arguments": …}, …]`, or any number of `[TOOL_CALLS]name[ARGS]{…}`."""
        while True:
            yield from self._until_mark()
            character = yield from self._solid()
            if character != "[":
                yield from self._name_first(character)
                continue
            while (yield from self._object()):
                if (yield from self._solid()) != ",":
                    break

    def _name_first(self, first: str) -> Reading[None]:
        """Parse a call whose arguments follow its name as an object of their own."""
        name = first
        while (character := (yield from self._next())) not in "{[" and len(name) < LONGEST_NAME:
            name += character
        while character != "{" and len(name) < LONGEST_NAME:
            character = yield from self._next()
        if character != "{" or not name.strip():
            self._give_up()
            return
        self._name = name.strip()
        yield from self._value(character, streamed=True)

    def _object(self, names: Collection[str] | None = None, opened: bool = False) -> Reading[bool]:
        """Parse one call as a JSON object; returns whether it was a call. With `names`, only these names make it one."""
        self._begin()
        if not opened and (yield from self._solid()) != "{":
            return self._give_up()
        while (character := (yield from self._solid())) != "}":
            if character == ",":
                continue
            key = yield from self._key(character)
            if key not in KEYS or (yield from self._solid()) != ":":
                return self._give_up()
            character = yield from self._solid()
            value = yield from self._value(character, streamed=key in ARGUMENTS)
            if key == "name":
                self._name = str(_decode(value))
                if names is not None and self._name not in names:
                    return self._give_up()
                self._give_out(self._arguments)
        if not self._announced:
            self._give_out(self._arguments or "{}")
        return self._announced or self._give_up()

    def _key(self, first: str) -> Reading[str]:
        return str(_decode((yield from self._value(first, streamed=False)))) if first == '"' else ""

    def _value(self, first: str, streamed: bool) -> Reading[str]:
        """Parse a JSON value from its first character; with `streamed`, yield its characters as arguments."""
        value, depth, quoted, escaped, character = "", 0, False, False, first
        immediate = streamed and first in "{["
        while True:
            if not quoted and not depth and (character in ",}]:" or character.isspace()):
                self._pushed = character
                break
            value += character
            if immediate:
                self._arguments += character
                self._give_out(self._arguments)
            if quoted:
                quoted = escaped or character != '"'
                escaped = character == "\\" and not escaped
            elif character == '"':
                quoted = True
            else:
                depth += (character in "{[") - (character in "}]")
            if not quoted and not depth and value[-1] in '"}]':
                break
            character = yield from self._next()
        if streamed and not immediate:
            decoded = _decode(value)
            self._arguments = decoded if isinstance(decoded, str) else ("{}" if decoded is None else value)
            self._give_out(self._arguments)
        return value

    def _solid(self) -> Reading[str]:
        """The next character that is not blank."""
        while (character := (yield from self._next())).isspace():
            pass
        return character

    def _next(self) -> Reading[str]:
        if self._pushed:
            character, self._pushed = self._pushed, ""
            return character
        character = yield
        if not self._announced:
            self._raw += character
        return character

    def _begin(self) -> None:
        self._name, self._arguments, self._announced, self._pushed = "", "", False, ""

    def _give_out(self, arguments: str) -> None:
        """Yield the arguments as far as they are known, and the name if this call's has not been yielded yet."""
        if not self._name or not arguments:
            return
        part = Part(self.count - 1, arguments)
        if not self._announced:
            self._announced, self._raw = True, ""
            part = Part(self.count, arguments, self._name, new_call_id())
            self.count += 1
        if self._most is None or part.number < self._most:
            self._parts.append(part)
        self._arguments = ""

    def _give_up(self) -> bool:
        """Treat the current call as text. Returns whether its name was yielded already, in which case it stays a call."""
        raw, self._raw, self._pushed, announced, self._announced = self._raw, "", "", self._announced, True
        if announced:
            return True
        self._text.append(raw[:-1])
        self._add_text(raw[-1:])
        return False

    def _past(self, mark: str) -> Reading[None]:
        """Skip to the end of a mark after a call; anything else there is text."""
        between = ""
        while (rest := between.lstrip()) != mark:
            if not mark.startswith(rest):
                self._add_text(between)
                return
            between += yield


def _decode(value: str) -> Any:
    """Decode a JSON value; return the text itself if it is not JSON."""
    try:
        return json.loads(value)
    except ValueError:
        return value


READERS: Mapping[str, Callable[[Calls], Reading[None]]] = {
    "hermes": Calls.hermes,
    "llama3_json": Calls.llama,
    "mistral": Calls.mistral,
}
