"""Chatchat's streams, as sse-starlette sends them: `data: …` lines that end in CR LF, pings, and no `[DONE]`."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any

from starlette.responses import StreamingResponse

from modelyard.api.sse import with_pings
from modelyard.core.errors import InternalError, ModelyardError
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.types import Models
from modelyard.protocol import errors

log = logging.getLogger(__name__)

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
    return StreamingResponse(with_pings(_bytes(values), ping), media_type="text/event-stream", headers=HEADERS)


def failure(error: ModelyardError) -> dict[str, Any]:
    """An error as an event."""
    return {"error": errors.envelope(error)["error"]}


async def _bytes(values: AsyncGenerator[Any]) -> AsyncGenerator[bytes]:
    try:
        async for value in values:
            yield event(value)
    except ModelyardError as error:
        yield event(failure(error))
    except Exception as error:  # the top of a stream: a defect of ours is told like any error
        log.exception("a stream failed")
        yield event(failure(InternalError(f"Internal error: {type(error).__name__}.")))
    finally:
        await values.aclose()


async def said(
    models: Models | ServedModels,
    model: str,
    messages: Sequence[Mapping[str, Any]],
    temperature: float,
    max_tokens: int | None,
) -> AsyncGenerator[str]:
    """What a model says, piece by piece. Raises what the model's server raises."""
    body: dict[str, Any] = {"model": model, "messages": list(messages), "temperature": temperature}
    if max_tokens is not None and max_tokens > 0:
        body["max_tokens"] = max_tokens
    chunks: AsyncIterator[dict[str, Any]] = models.chat(body)
    async with aclosing(chunks) as stream:  # type: ignore[type-var]
        async for chunk in stream:
            for choice in chunk.get("choices", []):
                if text := (choice.get("delta") or {}).get("content"):
                    yield text
