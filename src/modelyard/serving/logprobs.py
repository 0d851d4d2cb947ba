"""Log probabilities in the form of the completions API's `logprobs`: parallel lists."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from modelyard.engines.generation import SampledToken
from modelyard.serving.text import Characters

LEAST = -9999.0
"""Stands for minus infinity, which JSON does not have."""


class Decode(Protocol):
    """The signature of `Language.decode`."""

    def __call__(self, tokens: Sequence[int], skip_special: bool = True) -> str: ...


class LogprobLists:
    """The log probabilities of one text that have not been sent yet."""

    def __init__(self, decode: Decode) -> None:
        self._decode = decode
        self._characters = Characters(decode)
        self._offset = 0
        """Characters of the text before the next token. All tokens of one character have the offset of that character."""
        self._lists: tuple[list[str], list[float | None], list[dict[str, float] | None], list[int]] = ([], [], [], [])

    def __len__(self) -> int:
        return len(self._lists[0])

    def first(self, token: int) -> None:
        """Add the first token of a prompt, which has no log probability."""
        self._append(token, None, None)

    def add(self, drawn: SampledToken) -> None:
        """Add the next token; it is always in the list of the likeliest tokens, even if it is not one of them."""
        own = (drawn.token, drawn.logprob)
        top = {self._text(token): max(logprob, LEAST) for token, logprob in (*drawn.top, own)}
        self._append(drawn.token, max(drawn.logprob, LEAST), top)

    def go_on(self, decode: Callable[[Sequence[int]], str], offset: int) -> None:
        """Set the character at which the next token begins; it is decoded without the tokens before it."""
        self._characters = Characters(decode)
        self._offset = offset

    def take(self) -> dict[str, Any] | None:
        """Return the lists since the last call; None if they are empty."""
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
