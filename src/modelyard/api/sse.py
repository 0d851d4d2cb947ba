"""Server-sent events: how a stream of JSON values is answered, and how an error in its middle is told."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from starlette.responses import StreamingResponse

from modelyard.core.errors import InternalError, ModelyardError
from modelyard.protocol import errors

log = logging.getLogger(__name__)

PING_SECONDS = 15.0
"""Silence after which a comment is sent, so that proxies between do not give up."""
_closing: set[asyncio.Task[None]] = set()
"""Streams that are being closed; a task that nobody holds may vanish."""
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(value: Any) -> bytes:
    """One event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def guarded(
    values: AsyncGenerator[bytes], told: Callable[[dict[str, object]], bytes] = event
) -> AsyncGenerator[bytes]:
    """The same; what goes wrong in its middle is its last event, so that no stream ends in silence."""
    try:
        async for value in values:
            yield value
    except ModelyardError as error:
        yield told(errors.envelope(error))
    except Exception as error:  # the top of a stream: a defect of ours is told like any error
        log.exception("a stream failed")
        yield told(errors.envelope(InternalError(f"Internal error: {type(error).__name__}.")))
    finally:
        await values.aclose()


def ping() -> bytes:
    """A comment."""
    return b": ping\n\n"


async def with_pings(values: AsyncGenerator[bytes], comment: Callable[[], bytes] = ping) -> AsyncIterator[bytes]:
    """The same, with a comment in every long silence."""
    waiting: asyncio.Future[bytes] | None = None
    try:
        while True:
            waiting = waiting or asyncio.ensure_future(anext(values))
            done, _ = await asyncio.wait([waiting], timeout=PING_SECONDS)
            if not done:
                yield comment()
                continue
            try:
                value = waiting.result()
            except StopAsyncIteration:
                return
            finally:
                waiting = None
            yield value
    finally:
        # Whoever leaves is cancelled again at every await. Only a task of its own can close what is below in peace.
        closing = asyncio.create_task(_closed(waiting, values))
        _closing.add(closing)
        closing.add_done_callback(_closing.discard)
        await asyncio.shield(closing)


async def _closed(waiting: asyncio.Future[bytes] | None, values: AsyncGenerator[bytes]) -> None:
    if waiting is not None:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await values.aclose()


def streamed(values: AsyncGenerator[bytes]) -> StreamingResponse:
    """An answer of events as they come."""
    return StreamingResponse(with_pings(guarded(values)), media_type="text/event-stream", headers=HEADERS)
