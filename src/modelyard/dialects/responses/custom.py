"""Custom tools, whose input is a text: the text in the arguments of a call, also while they arrive. Pure."""

from __future__ import annotations

import re

import msgspec

BEGIN = re.compile(r'\s*\{\s*"input"\s*:\s*"')
PREFIX = re.compile(r'\s*(?:\{\s*(?:"(?:i(?:n(?:p(?:u(?:t(?:"\s*(?::\s*)?)?)?)?)?)?)?)?)?')
"""What may become `BEGIN`."""
PLAIN = re.compile(r'[^"\\]+')
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


def arguments_of(text: str) -> str:
    """The arguments of a call whose input is a text."""
    return msgspec.json.encode({"input": text}).decode()


def input_text(arguments: str) -> str:
    """The input in the arguments of a call."""
    reader = InputReader()
    return reader.feed(arguments) + reader.finish()


class InputReader:
    """Reads the value of `input` from a JSON object that arrives in pieces. A text that is no such object is the input itself."""

    def __init__(self) -> None:
        self._rest = ""
        self._state = "before"

    def feed(self, piece: str) -> str:
        """The characters of the input that this piece completes."""
        self._rest += piece
        if self._state == "before":
            self._begin()
        return self._characters() if self._state == "inside" else ""

    def finish(self) -> str:
        """The rest, after the last piece."""
        found, self._rest = self._rest, ""
        if self._state in ("inside", "after"):
            return ""
        if not found.strip():
            return ""
        try:
            value = msgspec.json.decode(found)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return found
        if isinstance(value, str):
            return value
        inner = value.get("input") if isinstance(value, dict) else None
        return inner if isinstance(inner, str) else found

    def _begin(self) -> None:
        if match := BEGIN.match(self._rest):
            self._rest, self._state = self._rest[match.end() :], "inside"
        elif not PREFIX.fullmatch(self._rest):
            self._state = "other"

    def _characters(self) -> str:
        found, place, text = [], 0, self._rest
        while place < len(text):
            if text[place] == '"':
                self._state, place = "after", len(text)
            elif text[place] != "\\":
                plain = PLAIN.match(text, place)
                assert plain is not None
                found.append(plain[0])
                place = plain.end()
            elif (length := _escape(text, place)) == 0:
                break
            else:
                found.append(_unescaped(text[place : place + length]))
                place += length
        self._rest = text[place:]
        return "".join(found)


def _escape(text: str, place: int) -> int:
    """The length of the escape at a place; 0 if it is not complete. The two halves of a surrogate pair are one escape."""
    if place + 1 >= len(text):
        return 0
    if text[place + 1] != "u":
        return 2
    if place + 6 > len(text):
        return 0
    if not text[place + 2 : place + 6].lower().startswith(("d8", "d9", "da", "db")):
        return 6
    after = text[place + 6 : place + 12]
    if not "\\u".startswith(after[:2]):
        return 6
    if len(after) < 6:
        return 0
    return 12 if after[2:].lower().startswith(("dc", "dd", "de", "df")) else 6


def _unescaped(escape: str) -> str:
    if escape[1] != "u":
        return ESCAPES.get(escape[1], escape[1])
    try:
        found: str = msgspec.json.decode(f'"{escape}"')
    except (msgspec.DecodeError, ValueError):
        return "\N{REPLACEMENT CHARACTER}"
    return found
