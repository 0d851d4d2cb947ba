"""Tokens in the shape of completions' `logprobs`: parallel lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from modelyard.engines.generation import Drawn
from modelyard.serving.text import Characters

LEAST = -9999.0
"""JSON knows no infinity."""


class Decode(Protocol):
    """`Language.decode`."""

    def __call__(self, tokens: Sequence[int], skip_special: bool = True) -> str: ...


class Told:
    """The tokens of one text that are to be told and are not yet."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._characters = Characters(decode)
        self._offset = 0
        """Characters of the text before the next token; the tokens of one character all begin where it does."""
        self._lists: tuple[list[str], list[float | None], list[dict[str, float] | None], list[int]] = ([], [], [], [])

    def __len__(self) -> int:
        return len(self._lists[0])

    def first(self, token: int) -> None:
        """The first token of a prompt, of which no model thinks anything."""
        self._append(token, None, None)

    def add(self, drawn: Drawn) -> None:
        """The next token; it stands among the likeliest even if it is none of them."""
        own = (drawn.token, drawn.logprob)
        top = {self._text(token): max(logprob, LEAST) for token, logprob in (*drawn.top, own)}
        self._append(drawn.token, max(drawn.logprob, LEAST), top)

    def go_on(self, decode: Callable[[Sequence[int]], str], offset: int) -> None:
        """What follows begins at this character and is decoded apart from what came before."""
        self._characters = Characters(decode)
        self._offset = offset

    def take(self) -> dict[str, Any] | None:
        """The lists; None when nothing is to be told."""
        if not len(self):
            return None
        tokens, logprobs, top, offsets = self._lists
        self._lists = ([], [], [], [])
        return {"tokens": tokens, "token_logprobs": logprobs, "top_logprobs": top, "text_offset": offsets}

    def _append(self, token: int, logprob: float | None, top: dict[str, float] | None) -> None:
        for values, value in zip(self._lists, (self._text(token), logprob, top, self._offset), strict=True):
            values.append(value)  # type: ignore[attr-defined]
        self._offset += len(self._characters.add(token))

    def _text(self, token: int) -> str:
        return self._decode([token], skip_special=False)
