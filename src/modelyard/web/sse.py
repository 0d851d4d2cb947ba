"""Server-sent events: streams of JSON values, with pings, and with errors as last events."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Any

from starlette.responses import StreamingResponse

from modelyard.core.asgi import Receive, Scope, Send
from modelyard.core.errors import ClientGone, InternalError, ModelyardError
from modelyard.protocol import errors
from modelyard.web.disconnects import unless_disconnected

log = logging.getLogger(__name__)

PING_SECONDS = 15.0
"""Seconds without an event after which a comment is sent, so that proxies do not time out."""
MEDIA_TYPE = "text/event-stream"
HEADERS = {"cache-control": "no-store", "x-accel-buffering": "no"}


def event(value: Any) -> bytes:
    """Encode one event."""
    return b"data: " + json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def ping() -> bytes:
    """Encode a comment."""
    return b": ping\n\n"


class Pings:
    """Sends a comment after every `PING_SECONDS` without an event. Uses one timer, however many events there are."""

    def __init__(self, send: Send, comment: Callable[[], bytes] = ping) -> None:
        self._send = send
        self._comment = comment
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._timer = self._loop.call_later(PING_SECONDS, self._check)
        self._pinging: asyncio.Future[None] | None = None

    def beat(self) -> None:
        """Record that something was sent."""
        self._last = self._loop.time()

    def stop(self) -> None:
        """Send no more comments."""
        self._timer.cancel()
        if self._pinging is not None:
            self._pinging.cancel()

    def _check(self) -> None:
        now = self._loop.time()
        if now - self._last >= PING_SECONDS:
            message = {"type": "http.response.body", "body": self._comment(), "more_body": True}
            self._pinging = asyncio.ensure_future(self._send(message))
            self._last = now
        self._timer = self._loop.call_at(self._last + PING_SECONDS, self._check)


async def send_events(events: AsyncGenerator[bytes], send: Send, comment: Callable[[], bytes] = ping) -> None:
    """Send the body of an answer whose head was sent: the events as they come, and comments in between.

    Always closes the generator. Raises the errors of the generator; the body is not ended then.
    """
    pings = Pings(send, comment)
    try:
        async with aclosing(events):
            async for each in events:
                await send({"type": "http.response.body", "body": each, "more_body": True})
                pings.beat()
    finally:
        pings.stop()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


class EventStream(StreamingResponse):
    """A streamed response of events. It ends when the client disconnects; an error after the first event is the last event."""

    def __init__(
        self,
        events: AsyncGenerator[bytes],
        headers: Mapping[str, str] = HEADERS,
        failure: Callable[[Mapping[str, object]], bytes] = event,
        comment: Callable[[], bytes] = ping,
    ) -> None:
        """`failure` encodes an error's envelope as an event."""
        super().__init__(events, media_type=MEDIA_TYPE, headers=headers)
        self._events = events
        self._failure = failure
        self._comment = comment

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        try:
            await unless_disconnected(receive, self._send_all(send))
        except ClientGone:
            return
        if self.background is not None:
            await self.background()

    async def _send_all(self, send: Send) -> None:
        try:
            await send_events(self._events, send, self._comment)
        except ModelyardError as error:
            last = self._failure(errors.envelope(error))
        except Exception as error:  # the top of a stream: the client receives an unexpected error like any other one
            log.exception("a stream failed")
            last = self._failure(errors.envelope(InternalError(f"Internal error: {type(error).__name__}.")))
        else:
            return
        await send({"type": "http.response.body", "body": last, "more_body": False})


def streamed(values: AsyncGenerator[bytes]) -> StreamingResponse:
    """A response that sends events as they come."""
    return EventStream(values)
