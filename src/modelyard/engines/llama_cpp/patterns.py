"""Converts regular expressions of JSON schemas to the subset that llama.cpp's grammars support. Pure.

llama.cpp accepts any text for a pattern that it cannot translate, lets `.` and `[^a]` match quotation marks, which end the JSON
string, and repeats a whole word if its last letter is escaped. So a pattern is rewritten with character classes that JSON can
represent unescaped. The result matches a subset of the texts that the schema's pattern matches.
"""

from __future__ import annotations

import re

UNSAFE = r"\"\\\x00-\x1F\x7F"
"""Characters that a class must not match, because JSON escapes them."""
ANYTHING = f"[^{UNSAFE}]"
CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": " "}
NEGATED = {"D": "0-9", "W": "A-Za-z0-9_", "S": r" \x09-\x0D"}
PUNCTUATION = frozenset("^$.|?*+()[]{}/-:,;=!<>@#%&~_' ")
"""Characters that a backslash makes literal."""
IN_CLASS = frozenset("[]-")
"""Characters that llama.cpp requires to be escaped in a class."""
QUANTIFIER = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")


class NotHeld(Exception):
    """A pattern that llama.cpp's grammars cannot express; the text names the part."""


def held(pattern: str) -> str:
    """The pattern in llama.cpp's subset. Raises `NotHeld`."""
    begins, ends = pattern.startswith("^"), pattern.endswith("$") and not pattern.endswith("\\$")
    inner = pattern[1 if begins else 0 : len(pattern) - 1 if ends else len(pattern)]
    body = _Reader(inner).alternatives()
    return "^" + ("" if begins else ANYTHING + "*") + body + ("" if ends else ANYTHING + "*") + "$"


class _Reader:
    """Parses a pattern without its anchors, and rewrites it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def alternatives(self) -> str:
        written = self._branch(inside=False)
        if self._at < len(self._text):
            raise NotHeld("')'")
        return written

    def _branch(self, inside: bool) -> str:
        written = ""
        while self._at < len(self._text):
            character = self._text[self._at]
            if character == ")" and inside:
                return written
            self._at += 1
            if character == "|":
                written += "|"
                continue
            atom = self._atom(character)
            found = QUANTIFIER.match(self._text, self._at)
            if found is None:
                written += atom
                continue
            self._at = found.end()
            if QUANTIFIER.match(self._text, self._at):
                raise NotHeld(f"'{found[0]}{self._text[self._at]}'")
            written += (f"({atom})" if len(atom) == 1 else atom) + found[0]
        if inside:
            raise NotHeld("'('")
        return written

    def _atom(self, character: str) -> str:
        if character == ".":
            return ANYTHING
        if character == "[":
            return self._class()
        if character == "(":
            return self._group()
        if character == "\\":
            return self._escaped()
        if character in '^$*+?{}])"' or character < " " or character == "\x7f":
            raise NotHeld(f"'{character}'")
        return character

    def _group(self) -> str:
        if self._text.startswith("?:", self._at):
            self._at += 2
        elif self._text.startswith("?", self._at):
            raise NotHeld(f"'({self._text[self._at : self._at + 2]}'")
        written = self._branch(inside=True)
        self._at += 1
        return f"({written})"

    def _escaped(self) -> str:
        character = self._text[self._at : self._at + 1]
        self._at += 1
        if character in CLASSES and character:
            return f"[{CLASSES[character]}]"
        if character in NEGATED and character:
            return f"[^{NEGATED[character]}{UNSAFE}]"
        if character in PUNCTUATION and character:
            return f"[{_in_class(character)}]"
        raise NotHeld(f"'\\{character}'")

    def _class(self) -> str:
        negated = self._text.startswith("^", self._at)
        self._at += negated
        written, start = "", self._at
        while (character := self._text[self._at : self._at + 1]) != "]" or self._at == start:
            self._at += 1
            if not character:
                raise NotHeld("'['")
            written += self._member(character)
        self._at += 1
        if negated:
            return f"[^{written}{UNSAFE}]"
        return f"[{written}]"

    def _member(self, character: str) -> str:
        """A character, a range or an escape in a class."""
        first = self._single(character)
        if len(first) != 1:
            return first
        if self._text.startswith("-", self._at) and self._text[self._at + 1 : self._at + 2] not in ("]", ""):
            self._at += 2
            last = self._single(self._text[self._at - 1])
            if len(last) != 1 or last < first:
                raise NotHeld(f"'{first}-{last}'")
            for unsafe in '"\\\x7f':
                if first <= unsafe <= last:
                    raise NotHeld(f"'{first}-{last}', which holds characters that JSON escapes")
            return f"{_in_class(first)}-{_in_class(last)}"
        return _in_class(first)

    def _single(self, character: str) -> str:
        if character == "\\":
            escaped = self._text[self._at : self._at + 1]
            self._at += 1
            if escaped in CLASSES and escaped:
                return CLASSES[escaped]
            if escaped not in PUNCTUATION or not escaped:
                raise NotHeld(f"'\\{escaped}'")
            return escaped
        if character in '"' or character < " " or character == "\x7f":
            raise NotHeld(f"'{character}'")
        return character


def _in_class(character: str) -> str:
    if character == "^":  # at the beginning it would negate the class
        return r"\x5E"
    return "\\" + character if character in IN_CLASS else character
