"""Chatchat's streams, as sse-starlette sends them: `data: …` lines that end in CR LF, pings, and no `[DONE]`."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from starlette.responses import StreamingResponse

from modelyard.api.sse import EventStream
from modelyard.knowledge.types import Models, texts_of

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}


def event(value: Any) -> bytes:
    """One event: JSON as `json.dumps` writes it, characters as they are; a text is sent as it is."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    lines = "".join(f"data: {line}\r\n" for line in re.split(r"\r\n|\r|\n", text))
    return f"{lines}\r\n".encode()


def ping() -> bytes:
    """The comment that is sent in a silence."""
    return f": ping - {datetime.now(UTC).replace(tzinfo=None)}\r\n\r\n".encode()


def streamed(values: AsyncGenerator[Any]) -> StreamingResponse:
    """An answer of events. What goes wrong in its middle is its last: `{"error": {…}}`, where Chatchat sent nothing."""
    return EventStream(_bytes(values), HEADERS, _failure, ping)


def _failure(envelope: Mapping[str, object]) -> bytes:
    """An error as an event."""
    return event({"error": envelope["error"]})


async def _bytes(values: AsyncGenerator[Any]) -> AsyncGenerator[bytes]:
    async with aclosing(values) as given:
        async for value in given:
            yield event(value)


def limit(max_tokens: int | None) -> dict[str, int]:
    """The field of a request for Chatchat's limit, of which 0 and less are none."""
    return {"max_tokens": max_tokens} if max_tokens and max_tokens > 0 else {}


async def said(
    models: Models,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    temperature: float,
    max_tokens: int | None,
) -> AsyncGenerator[str]:
    """What a model says, piece by piece. Raises what the model's server raises."""
    body = {"model": model, "messages": list(messages), "temperature": temperature, **limit(max_tokens)}
    async with aclosing(models.chat(body)) as chunks:
        async for chunk in chunks:
            for text in texts_of(chunk):
                yield text
