"""Text generation in the form of a FastChat worker: JSON values separated by NUL bytes, each with the whole text so far."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from modelyard.core.errors import (
    InvalidParameter,
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
    RateLimited,
    UnsupportedParameter,
    UpstreamTimeout,
)
from modelyard.knowledge.models import ServedModels
from modelyard.protocol.bounds import Few, Many
from modelyard.protocol.deferred import DeferredModel

INTERNAL, NO_WORKER, TIMEOUT = 50001, 50005, 50006
CODES: Mapping[type[ModelyardError], int] = {
    ModelNotFound: NO_WORKER,
    ModelNotReady: NO_WORKER,
    UpstreamTimeout: TIMEOUT,
    InvalidParameter: 40302,
    UnsupportedParameter: 40302,
    RateLimited: 42901,
}
"""Our error codes → FastChat's; every other error is `INTERNAL`."""
NEUTRAL = {"top_k": -1, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""Values without effect, which are not passed on."""


class GenerationBody(DeferredModel):
    """A generation request. `prompt` is a text, or messages as pairs of role and text that begin with the user's."""

    model: str = ""
    prompt: str | Many[tuple[str, str | None]]
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    max_new_tokens: int | None = 256
    echo: bool = True
    stop: str | Few[str] | None = None
    stop_token_ids: Few[int] | None = None
    logprobs: int | bool | None = None
    use_beam_search: bool = False
    best_of: int | None = None
    images: Few[Any] | None = None

    def check(self) -> None:
        """Raise `UnsupportedParameter` for parameters that this server's workers lack."""
        unsupported = {
            "logprobs": self.logprobs,
            "use_beam_search": self.use_beam_search,
            "best_of": (self.best_of or 1) > 1,
            "images": self.images,
        }
        for name, is_set in unsupported.items():
            if is_set:
                raise UnsupportedParameter(name, self.model, "use /v1/completions or /v1/chat/completions instead.")

    def openai_parameters(self, model: str) -> dict[str, Any]:
        """Convert to the fields of an OpenAI request, without the prompt."""
        fields: dict[str, Any] = {"model": model, "temperature": max(self.temperature, 0.0), "top_p": self.top_p}
        if self.max_new_tokens is not None:
            fields["max_tokens"] = self.max_new_tokens
        for name, neutral in NEUTRAL.items():
            if (value := getattr(self, name)) != neutral:
                fields[name] = value
        if self.stop:
            fields["stop"] = self.stop
        if self.stop_token_ids:
            fields["stop_token_ids"] = self.stop_token_ids
        return fields


def error_value(error: ModelyardError) -> dict[str, Any]:
    """Render an error as a worker's value, whose `text` is the error's message."""
    return {"text": error.message, "error_code": CODES.get(type(error), INTERNAL)}


async def generation_stream(models: ServedModels, name: str, body: GenerationBody) -> AsyncGenerator[bytes]:
    """Yield the values as bytes; an error ends the stream as its last value."""
    async with aclosing(_values(models, name, body)) as values:
        async for value in values:
            yield json.dumps(value).encode() + b"\0"


async def generate(models: ServedModels, name: str, body: GenerationBody) -> dict[str, Any]:
    """Return the last value, which has the whole text."""
    last: dict[str, Any] = {}
    async with aclosing(_values(models, name, body)) as values:
        async for value in values:
            last = value
    return last


async def _values(models: ServedModels, name: str, body: GenerationBody) -> AsyncGenerator[dict[str, Any]]:
    text = body.prompt if body.echo and isinstance(body.prompt, str) else ""
    usage = {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    reason: str | None = None
    try:
        body.check()
        async with aclosing(_chunks(models, name, body)) as chunks:
            async for chunk in chunks:
                usage = {**usage, **_counts(chunk.get("usage"))}
                for choice in chunk.get("choices", []):
                    reason = choice.get("finish_reason") or reason
                    if piece := _piece(choice):
                        text += piece
                        usage["completion_tokens"] += 1
                        usage["total_tokens"] = usage["prompt_tokens"] + usage["completion_tokens"]
                        yield {"text": text, "error_code": 0, "usage": dict(usage), "finish_reason": None}
    except ModelyardError as error:
        yield error_value(error)
        return
    yield {"text": text, "error_code": 0, "usage": usage, "finish_reason": reason or "stop"}


def _chunks(models: ServedModels, name: str, body: GenerationBody) -> AsyncGenerator[dict[str, Any]]:
    parameters = body.openai_parameters(name)
    if isinstance(body.prompt, str):
        return models.complete({**parameters, "prompt": body.prompt})
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, (_, text) in enumerate(body.prompt) if text]
    return models.chat({**parameters, "messages": messages})


def _piece(choice: Mapping[str, Any]) -> str:
    return str(choice.get("text") or (choice.get("delta") or {}).get("content") or "")


def _counts(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """Return the engine's own token counts if a chunk has them."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: usage[name] for name in names if isinstance(usage.get(name), int)} if usage else {}
