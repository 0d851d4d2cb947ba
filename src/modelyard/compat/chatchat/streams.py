"""Chatchat's event streams, in sse-starlette's format: `data: …` lines that end in CR LF, pings, and no `[DONE]`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from starlette.responses import StreamingResponse

from modelyard.knowledge.types import Models, texts_of
from modelyard.web.sse import EventStream

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def event(value: Any) -> bytes:
    """Encode one event: a string unchanged, anything else as JSON with non-ASCII characters unescaped."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    lines = "".join(f"data: {line}\r\n" for line in re.split(r"\r\n|\r|\n", text))
    return f"{lines}\r\n".encode()


def ping() -> bytes:
    """Encode the comment that keeps an idle stream open."""
    return f": ping - {datetime.now(UTC).replace(tzinfo=None)}\r\n\r\n".encode()


def event_stream(values: AsyncGenerator[Any]) -> StreamingResponse:
    """Return a stream of events. An error becomes the last event, `{"error": {…}}`; Chatchat sends none in that case."""
    return EventStream(_bytes(values), HEADERS, _failure, ping)


def _failure(envelope: Mapping[str, object]) -> bytes:
    """Encode an error as an event."""
    return event({"error": envelope["error"]})


async def _bytes(values: AsyncGenerator[Any]) -> AsyncGenerator[bytes]:
    async with aclosing(values):
        async for value in values:
            yield event(value)


def token_limit(max_tokens: int | None) -> dict[str, int]:
    """Convert Chatchat's token limit to the field of a request; 0 and less mean no limit."""
    return {"max_tokens": max_tokens} if max_tokens and max_tokens > 0 else {}


async def answer_text(
    models: Models,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    temperature: float,
    max_tokens: int | None,
) -> AsyncGenerator[str]:
    """Yield a model's answer piece by piece. Raises the errors of the model's server."""
    body = {"model": model, "messages": list(messages), "temperature": temperature, **token_limit(max_tokens)}
    async with aclosing(models.chat(body)) as chunks:
        async for chunk in chunks:
            for text in texts_of(chunk):
                yield text
