"""Converts tokens to the text that clients receive: whole characters, with thoughts separated from the answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from modelyard.core.stops import overlap

UNFINISHED = "\ufffd"
OPENING, CLOSING = "<think>", "</think>"


class Characters:
    """Decodes tokens incrementally: bytes of an incomplete character wait for the next token."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        """Tokens that are not sent yet, after those sent last, because some tokens decode differently at the start of a text."""
        self._sent_tokens = 0
        self._sent_text = ""

    def add(self, token: int) -> str:
        """Add a token; return the text that later tokens cannot change."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if text.endswith(UNFINISHED) or len(text) <= len(self._sent_text):
            return ""
        new = text[len(self._sent_text) :]
        self._tokens = self._tokens[self._sent_tokens :]
        self._sent_tokens = len(self._tokens)
        self._sent_text = self._decode(self._tokens)
        return new

    def end(self) -> str:
        """Return the remaining text, including incomplete characters."""
        return self._decode(self._tokens)[len(self._sent_text) :]


class DividedText(NamedTuple):
    """A piece of an answer, divided into thoughts and text."""

    thought: str = ""
    text: str = ""


class Thoughts:
    """Divides an output into the thoughts between `<think>` and `</think>` and the text that follows.

    Blank space around either is removed. `open` means that the prompt ends with the opening mark.
    """

    def __init__(self, open: bool) -> None:
        self._state = "thinking" if open else "beginning"
        self._pending = ""
        self._leading = True
        """Whether only blank space has come since the current state began."""

    @property
    def under_way(self) -> bool:
        """Whether the next output belongs to a thought."""
        return self._state == "thinking"

    def add(self, text: str) -> DividedText:
        """Add output; return what later output cannot change."""
        self._pending += text
        if self._state == "beginning":
            self._begin()
        thought = self._think() if self._state == "thinking" else ""
        return DividedText(thought, self._take(self._pending) if self._state == "answering" else "")

    def end(self) -> DividedText:
        """Return the text that was held back."""
        rest, self._pending = self._pending, ""
        if self._state == "thinking":
            return DividedText(thought=self._trim(rest).rstrip())
        return DividedText(text=rest)

    def _begin(self) -> None:
        start = self._pending.lstrip()
        if start.startswith(OPENING):
            self._pending = start[len(OPENING) :]
            self._state = "thinking"
        elif start and not OPENING.startswith(start):
            self._state, self._leading = "answering", False

    def _think(self) -> str:
        thought, mark, rest = self._pending.partition(CLOSING)
        if mark:
            thought_end = self._trim(thought).rstrip()
            self._pending, self._state, self._leading = rest, "answering", True
            return thought_end
        certain = thought[: len(thought) - overlap(thought, CLOSING)].rstrip()
        self._pending = thought[len(certain) :]
        return self._trim(certain)

    def _take(self, text: str) -> str:
        self._pending = ""
        return self._trim(text)

    def _trim(self, text: str) -> str:
        if self._leading:
            text = text.lstrip()
            self._leading = not text
        return text
