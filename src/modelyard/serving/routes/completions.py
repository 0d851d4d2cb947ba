"""`POST /v1/completions`: continues texts or token ids; answers as a whole or as a stream."""

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
from modelyard.serving.app import Answer, ReplicaRequest
from modelyard.serving.bodies import MOST_CHOICES, CompletionBody
from modelyard.serving.constraints import constraint
from modelyard.serving.generating import DONE, Writer, event, new_id, value_or
from modelyard.serving.logprobs import LogprobLists
from modelyard.serving.usage import StreamedUsage, UsageCount, token_ids

MOST_LOGPROBS = 20
DEFAULT_TOKENS = 16
"""OpenAI's default of `max_tokens`."""


@dataclass(slots=True)
class CompletionChoice:
    """One continuation while it is generated."""

    logprobs: LogprobLists
    prompt: list[int] | None
    """Tokens of the prompt; None once they have been sent."""
    text: list[str] = field(default_factory=list)
    ids: list[int] = field(default_factory=list)
    """Ids of its tokens that have not been sent yet."""
    begun: bool = False
    """Whether the echoed text of the prompt has been sent."""
    finish: str | None = None


class CompletionAnswer:
    """One request and its continuations: `n` for each prompt, in order."""

    def __init__(self, writer: Writer, request: CompletionBody) -> None:
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
        suffix = value_or(request.suffix, "")
        self._prompts_in_text = self.prompts = [tokens(writer, prompt) for prompt in given]
        if suffix:
            self.prompts = [writer.language.fill(prompt, suffix) for prompt in given]
        self.each = value_or(request.n, 1)
        if self.each * len(self.prompts) > MOST_CHOICES * 8:
            raise InvalidParameter("prompt", f"at most {MOST_CHOICES * 8} continuations in one request.")
        self.logprobs = _logprobs(request)
        self.echo = request.echo is True
        reading = self.logprobs if self.echo else None
        if suffix and reading is not None:
            raise InvalidParameter(
                "echo", "the transformers engine has no logprobs of the prompt when there is a suffix."
            )
        found = constraint(request)
        self.grammar: Grammar | None = found[0] if found else None
        self.grammar_of = found[1] if found else ""
        repeated = [prompt for prompt in self.prompts for _ in range(self.each)]
        max_tokens = value_or(request.max_tokens, DEFAULT_TOKENS)
        limits = [writer.limits(request, prompt, max_tokens, "prompt", chat=False) for prompt in repeated]
        if suffix and not value_or(request.ignore_eos, False):
            limits = [replace(limit, ends=limit.ends | writer.language.fill_ends) for limit in limits]
        samplings = [
            writer.sampling(request, index % self.each, self.logprobs, self.grammar, reading)
            for index in range(len(repeated))
        ]
        self.choices = [CompletionChoice(LogprobLists(writer.language.decode), prompt) for prompt in repeated]
        if reading is not None:
            for choice, prompt in zip(self.choices, repeated, strict=True):
                choice.logprobs.first(prompt[0])
        self.skip_special = limits[0].skip_special
        self.usage_count = UsageCount(self.prompts, self.each)
        self.usage = StreamedUsage(request)
        self._pieces = writer.answers(repeated, samplings, limits, source)

    async def pieces(self) -> AsyncGenerator[tuple[int, CompletionChoice, str]]:
        """Yield each piece with the text that it adds."""
        async with contextlib.aclosing(self._pieces) as pieces:
            async for index, piece in pieces:
                choice = self.choices[index]
                for drawn in piece.prompt_drawn:
                    choice.logprobs.add(drawn)
                if piece.prompt_drawn:
                    continue
                self.usage_count.add(index, piece)
                choice.ids += token_ids(piece)
                choice.finish = piece.finish
                text = piece.text if choice.begun else self._begin(index, choice) + piece.text
                if piece.drawn is not None and self.logprobs is not None:
                    choice.logprobs.add(piece.drawn)
                yield index, choice, text

    async def whole(self) -> bytes:
        """Return the continuations in one document."""
        async with contextlib.aclosing(self.pieces()) as all:
            async for _, choice, text in all:
                choice.text.append(text)
        choices = [
            self._choice(index, "".join(choice.text), choice.finish) for index, choice in enumerate(self.choices)
        ]
        return msgspec.json.encode({**self.head, "choices": choices, "usage": self.usage_count.as_json()})

    async def events(self) -> AsyncGenerator[bytes]:
        """Yield the continuations as events while they are generated."""
        async with contextlib.aclosing(self.pieces()) as all:
            async for index, choice, text in all:
                if text or choice.finish or len(choice.logprobs):
                    yield self._event(index, text, choice.finish)
        if self.usage.at_end:
            yield event({**self.head, "choices": [], "usage": self.usage_count.as_json()})
        yield DONE

    def _event(self, index: int, text: str, finish: str | None) -> bytes:
        return event(
            {**self.head, "choices": [self._choice(index, text, finish)], **self.usage.so_far(self.usage_count)}
        )

    def _choice(self, index: int, text: str, finish: str | None) -> dict[str, Any]:
        choice = self.choices[index]
        result = {"index": index, "text": text, "logprobs": choice.logprobs.take(), "finish_reason": finish}
        if self.request.return_token_ids is True:
            result["token_ids"], choice.ids = choice.ids, []
            result["prompt_token_ids"], choice.prompt = choice.prompt, None
        return result

    def _begin(self, index: int, choice: CompletionChoice) -> str:
        """The text before the first token of a continuation: the prompt, if it is echoed."""
        choice.begun = True
        decode = self.writer.language.decode
        text = decode(self._prompts_in_text[index // self.each]) if self.echo else ""
        choice.logprobs.go_on(partial(decode, skip_special=self.skip_special), len(text))
        return text


def _logprobs(request: CompletionBody) -> int | None:
    given = value_or(request.logprobs, None)
    if given is None or given is False:
        return None
    if given > MOST_LOGPROBS:
        raise InvalidParameter("logprobs", f"at most {MOST_LOGPROBS}.")
    return int(given)


def prompts(request: CompletionBody) -> list[str | list[int]]:
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


async def completions(request: ReplicaRequest, writer: Writer) -> Answer:
    """Handle `/v1/completions`."""
    body = request.read(CompletionBody)
    continuation = CompletionAnswer(writer, body)
    await writer.check_grammar(continuation.grammar, continuation.grammar_of)
    return continuation.events() if body.stream else await continuation.whole()
