"""`POST /v1/completions`: texts or token ids, continued; whole or as a stream."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Grammar
from modelyard.serving.app import Answer, Request
from modelyard.serving.bodies import MOST_CHOICES, Completion
from modelyard.serving.constraints import constraint
from modelyard.serving.generating import DONE, Writer, event, new_id, said
from modelyard.serving.logprobs import Told
from modelyard.serving.usage import Count, StreamedUsage, token_ids

MOST_LOGPROBS = 20
DEFAULT_TOKENS = 16
"""As OpenAI's."""


@dataclass(slots=True)
class Choice:
    """One continuation as it grows."""

    told: Told
    prompt: list[int] | None
    """None when it is told."""
    text: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """Its tokens that are not told yet."""
    begun: bool = False
    """The prompt is behind it."""
    finish: str | None = None


class Continuation:
    """One request and its continuations: `n` for each prompt, in order."""

    def __init__(self, writer: Writer, request: Completion) -> None:
        self.writer = writer
        self.request = request
        source = writer.adapters.source(request.model)
        self.head = {
            "id": new_id("cmpl"),
            "object": "text_completion",
            "created": int(time.time()),
            "model": request.model,
            "system_fingerprint": writer.fingerprint,
        }
        given = prompts(request)
        suffix = said(request.suffix, "")
        self._shown = self.prompts = [tokens(writer, prompt) for prompt in given]
        if suffix:
            self.prompts = [writer.language.fill(prompt, suffix) for prompt in given]
        self.each = said(request.n, 1)
        if self.each * len(self.prompts) > MOST_CHOICES * 8:
            raise InvalidParameter("prompt", f"at most {MOST_CHOICES * 8} continuations in one request.")
        self.logprobs = _logprobs(request)
        self.echo = request.echo is True
        reading = self.logprobs if self.echo else None
        if suffix and reading is not None:
            raise InvalidParameter("echo", "with a suffix the transformers engine tells no logprobs of the prompt.")
        found = constraint(request)
        self.grammar: Grammar | None = found[0] if found else None
        self.grammar_of = found[1] if found else ""
        repeated = [prompt for prompt in self.prompts for _ in range(self.each)]
        wanted = said(request.max_tokens, DEFAULT_TOKENS)
        limits = [writer.limits(request, prompt, wanted, "prompt", chat=False) for prompt in repeated]
        if suffix and not said(request.ignore_eos, False):
            limits = [replace(limit, ends=limit.ends | writer.language.fill_ends) for limit in limits]
        wishes = [
            writer.wish(request, index % self.each, self.logprobs, self.grammar, reading)
            for index in range(len(repeated))
        ]
        self.choices = [Choice(Told(writer.language.decode), prompt) for prompt in repeated]
        if reading is not None:
            for choice, prompt in zip(self.choices, repeated, strict=True):
                choice.told.first(prompt[0])
        self.skip_special = limits[0].skip_special
        self.counted = Count(self.prompts, self.each)
        self.usage = StreamedUsage(request)
        self._pieces = writer.answers(repeated, wishes, limits, source)

    async def pieces(self) -> AsyncGenerator[tuple[int, Choice, str]]:
        """What each piece adds to the text."""
        async with contextlib.aclosing(self._pieces) as pieces:
            async for index, piece in pieces:
                choice = self.choices[index]
                for drawn in piece.read:
                    choice.told.add(drawn)
                if piece.read:
                    continue
                self.counted.add(index, piece)
                choice.ids += token_ids(piece)
                choice.finish = piece.finish
                text = piece.text if choice.begun else self._begin(index, choice) + piece.text
                if piece.drawn is not None and self.logprobs is not None:
                    choice.told.add(piece.drawn)
                yield index, choice, text

    async def whole(self) -> bytes:
        """The continuations in one document."""
        async with contextlib.aclosing(self.pieces()) as all:
            async for _, choice, text in all:
                choice.text.append(text)
        choices = [
            self._choice(index, "".join(choice.text), choice.finish) for index, choice in enumerate(self.choices)
        ]
        return msgspec.json.encode({**self.head, "choices": choices, "usage": self.counted.told()})

    async def events(self) -> AsyncGenerator[bytes]:
        """The continuations as they come."""
        async with contextlib.aclosing(self.pieces()) as all:
            async for index, choice, text in all:
                if text or choice.finish or len(choice.told):
                    yield self._event(index, text, choice.finish)
        if self.usage.wanted:
            yield event({**self.head, "choices": [], "usage": self.counted.told()})
        yield DONE

    def _event(self, index: int, text: str, finish: str | None) -> bytes:
        return event({**self.head, "choices": [self._choice(index, text, finish)], **self.usage.so_far(self.counted)})

    def _choice(self, index: int, text: str, finish: str | None) -> dict[str, Any]:
        choice = self.choices[index]
        made = {"index": index, "text": text, "logprobs": choice.told.take(), "finish_reason": finish}
        if self.request.return_token_ids is True:
            made["token_ids"], choice.ids = choice.ids, []
            made["prompt_token_ids"], choice.prompt = choice.prompt, None
        return made

    def _begin(self, index: int, choice: Choice) -> str:
        """What stands before the first token of a continuation."""
        choice.begun = True
        decode = self.writer.language.decode
        text = decode(self._shown[index // self.each]) if self.echo else ""
        choice.told.go_on(partial(decode, skip_special=self.skip_special), len(text))
        return text


def _logprobs(request: Completion) -> int | None:
    given = said(request.logprobs, None)
    if given is None or given is False:
        return None
    if given > MOST_LOGPROBS:
        raise InvalidParameter("logprobs", f"at most {MOST_LOGPROBS}.")
    return int(given)


def prompts(request: Completion) -> list[str | list[int]]:
    """The prompts, each a text or token ids. Raises `InvalidParameter` for a mixture."""
    given = request.prompt
    if isinstance(given, str):
        return [given]
    if not given:
        raise InvalidParameter("prompt", "it is empty.")
    if all(isinstance(each, int) for each in given):
        return [[each for each in given if isinstance(each, int)]]
    if any(isinstance(each, int) for each in given):
        raise InvalidParameter("prompt", "a list holds either token ids or prompts, not both.")
    return [each for each in given if not isinstance(each, int)]


def tokens(writer: Writer, prompt: str | list[int]) -> list[int]:
    return writer.language.encode(prompt, special=True) if isinstance(prompt, str) else prompt


async def completions(request: Request, writer: Writer) -> Answer:
    """The handler."""
    asked = request.read(Completion)
    continuation = Continuation(writer, asked)
    await writer.check_grammar(continuation.grammar, continuation.grammar_of)
    return continuation.events() if asked.stream else await continuation.whole()
