"""How a FastChat worker generates: JSON values with NUL bytes between, each with the whole text so far."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic import BaseModel

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

INTERNAL, NO_WORKER, TIMEOUT = 50001, 50005, 50006
CODES: Mapping[type[ModelyardError], int] = {
    ModelNotFound: NO_WORKER,
    ModelNotReady: NO_WORKER,
    UpstreamTimeout: TIMEOUT,
    InvalidParameter: 40302,
    UnsupportedParameter: 40302,
    RateLimited: 42901,
}
"""Our errors as FastChat numbers them; all others are `INTERNAL`."""
NEUTRAL = {"top_k": -1, "repetition_penalty": 1.0, "presence_penalty": 0.0, "frequency_penalty": 0.0}
"""Values that ask for nothing, and are not passed on."""


class Generate(BaseModel):
    """What a worker is asked. `prompt` is a text, or messages as pairs of a role and a text, the user's first."""

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
        """Raises `UnsupportedParameter` for what workers of this server do not do."""
        asks = {
            "logprobs": self.logprobs,
            "use_beam_search": self.use_beam_search,
            "best_of": (self.best_of or 1) > 1,
            "images": self.images,
        }
        for name, wanted in asks.items():
            if wanted:
                raise UnsupportedParameter(name, self.model, "ask /v1/completions or /v1/chat/completions instead.")

    def asked(self, model: str) -> dict[str, Any]:
        """The same as OpenAI's parameters, but for the prompt."""
        given: dict[str, Any] = {"model": model, "temperature": max(self.temperature, 0.0), "top_p": self.top_p}
        if self.max_new_tokens is not None:
            given["max_tokens"] = self.max_new_tokens
        for name, neutral in NEUTRAL.items():
            if (value := getattr(self, name)) != neutral:
                given[name] = value
        if self.stop:
            given["stop"] = self.stop
        if self.stop_token_ids:
            given["stop_token_ids"] = self.stop_token_ids
        return given


def told(error: ModelyardError) -> dict[str, Any]:
    """An error as a worker tells it: its sentence in the place of the text."""
    return {"text": error.message, "error_code": CODES.get(type(error), INTERNAL)}


async def generated(models: ServedModels, name: str, body: Generate) -> AsyncGenerator[bytes]:
    """The values as bytes; an error is the last one."""
    async with aclosing(_values(models, name, body)) as values:
        async for value in values:
            yield json.dumps(value).encode() + b"\0"


async def last(models: ServedModels, name: str, body: Generate) -> dict[str, Any]:
    """The last value."""
    found: dict[str, Any] = {}
    async with aclosing(_values(models, name, body)) as values:
        async for value in values:
            found = value
    return found


async def _values(models: ServedModels, name: str, body: Generate) -> AsyncGenerator[dict[str, Any]]:
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
        yield told(error)
        return
    yield {"text": text, "error_code": 0, "usage": usage, "finish_reason": reason or "stop"}


def _chunks(models: ServedModels, name: str, body: Generate) -> AsyncGenerator[dict[str, Any]]:
    asked = body.asked(name)
    if isinstance(body.prompt, str):
        return models.complete({**asked, "prompt": body.prompt})
    roles = ("user", "assistant")
    messages = [{"role": roles[at % 2], "content": text} for at, (_, text) in enumerate(body.prompt) if text]
    return models.chat({**asked, "messages": messages})


def _piece(choice: Mapping[str, Any]) -> str:
    return str(choice.get("text") or (choice.get("delta") or {}).get("content") or "")


def _counts(usage: Mapping[str, Any] | None) -> dict[str, int]:
    """The engine's own count, where a chunk has one."""
    names = ("prompt_tokens", "completion_tokens", "total_tokens")
    return {name: usage[name] for name in names if isinstance(usage.get(name), int)} if usage else {}
