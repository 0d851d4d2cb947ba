"""From tokens to the text that clients get: whole characters, thoughts apart from the answer. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from modelyard.core.stops import overlap

UNFINISHED = "\ufffd"
OPENING, CLOSING = "<think>", "</think>"


class Characters:
    """Tokens in, text out: what may yet become another character waits for the next token."""

    def __init__(self, decode: Callable[[Sequence[int]], str]) -> None:
        self._decode = decode
        self._tokens: list[int] = []
        """Those that are not told, after those that were told last: some tokens read differently at a text's start."""
        self._told = 0
        self._told_text = ""

    def add(self, token: int) -> str:
        """The text that is certain now."""
        self._tokens.append(token)
        text = self._decode(self._tokens)
        if text.endswith(UNFINISHED) or len(text) <= len(self._told_text):
            return ""
        new = text[len(self._told_text) :]
        self._tokens = self._tokens[self._told :]
        self._told = len(self._tokens)
        self._told_text = self._decode(self._tokens)
        return new

    def end(self) -> str:
        """What is left, whole characters or not."""
        return self._decode(self._tokens)[len(self._told_text) :]


class Said(NamedTuple):
    """A piece of an answer, divided."""

    thought: str = ""
    text: str = ""


class Thoughts:
    """Divides a text into what stands between `<think>` and `</think>` and what follows.

    Blank space around either is left out. `open` says that the prompt has the opening mark already.
    """

    def __init__(self, open: bool) -> None:
        self._state = "thinking" if open else "beginning"
        self._held = ""
        self._leading = True
        """Nothing but blank space has come since the state began."""

    @property
    def under_way(self) -> bool:
        """Whether what comes next is a thought."""
        return self._state == "thinking"

    def add(self, text: str) -> Said:
        """What is certain now."""
        self._held += text
        if self._state == "beginning":
            self._begin()
        thought = self._think() if self._state == "thinking" else ""
        return Said(thought, self._take(self._held) if self._state == "answering" else "")

    def end(self) -> Said:
        """What was held back."""
        held, self._held = self._held, ""
        if self._state == "thinking":
            return Said(thought=self._trimmed(held).rstrip())
        return Said(text=held)

    def _begin(self) -> None:
        start = self._held.lstrip()
        if start.startswith(OPENING):
            self._held = start[len(OPENING) :]
            self._state = "thinking"
        elif start and not OPENING.startswith(start):
            self._state, self._leading = "answering", False

    def _think(self) -> str:
        thought, mark, rest = self._held.partition(CLOSING)
        if mark:
            told = self._trimmed(thought).rstrip()
            self._held, self._state, self._leading = rest, "answering", True
            return told
        kept = thought[: len(thought) - overlap(thought, CLOSING)].rstrip()
        self._held = thought[len(kept) :]
        return self._trimmed(kept)

    def _take(self, text: str) -> str:
        self._held = ""
        return self._trimmed(text)

    def _trimmed(self, text: str) -> str:
        if self._leading:
            text = text.lstrip()
            self._leading = not text
        return text
