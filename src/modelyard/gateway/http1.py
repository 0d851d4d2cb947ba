"""HTTP/1.1 connections with limits on what a client may send before its request is understood.

uvicorn's own protocol accepts heads of any size, waits for them and for bodies forever, queues pipelined requests without limit,
and loses the body of a request that asks for an upgrade (`Upgrade: h2c`, which Java's HttpClient and `curl --http2` send).
`BoundedProtocol` adds limits. The size of a body is limited elsewhere, because the limit depends on the route.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from modelyard.core.config import Settings
from modelyard.core.errors import BadRequest, HeadTooLarge, ModelyardError, RequestTimeout
from modelyard.protocol import errors

MAX_HEADERS = 256
MAX_PIPELINED = 16
"""Maximum number of requests on one connection that wait for the answer to an earlier one."""
LINGER_SECONDS = 2.0
LINGER_BYTES = 8 * 1024 * 1024
"""Bytes that are still read and discarded after the answer to a request that was not read completely. If the socket were
closed while its client sends, it would be reset, and the client could lose the answer."""
HEAD_LINGER_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of a connection; see the settings of the same names."""

    max_head_bytes: int = 64 * 1024
    head_timeout: float = 30.0
    min_body_rate: int = 240
    body_window: float = 15.0
    """Seconds over which the rate of a body is measured; two slow windows in a row end the request."""
    write_window: float = 120.0
    """Seconds after which a connection is closed if its client reads nothing of a waiting answer."""


class Stage(Enum):
    """The parser's position in a request."""

    IDLE = "idle"
    HEAD = "head"
    BODY = "body"


def bounded(settings: Settings) -> type[BoundedProtocol]:
    """The protocol class with a server's settings, for `uvicorn.Config(http=…)`."""
    bounds = Bounds(settings.max_head_bytes, settings.head_timeout, settings.min_body_rate)
    return type("ConfiguredProtocol", (BoundedProtocol,), {"bounds": bounds})


class BoundedProtocol(HttpToolsProtocol):
    """One connection. Every callback runs on the event loop, so no locks are needed."""

    bounds = Bounds()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._stage = Stage.IDLE
        self._unfinished = 0  # bytes since the last complete head, part of a body, or message
        self._fed = 0  # `_unfinished` plus the bytes being parsed: an upper bound of the head's size
        self._arrived = 0  # bytes of the body in the current window
        self._slow = False  # whether the previous window was slow
        self._surplus = 0  # bytes that were read to be discarded
        self._discarding = False  # whether all further bytes are discarded
        self._upgrade = False  # whether the request asks for an upgrade, which is not supported
        self._replaying = False  # whether the parser reads a head again, for the body after it
        self._refusal: ModelyardError | None = None
        self._serving: Any = None  # the request that is being answered; `cycle` is the newest one
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # the transport's callbacks

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.flow = _Flow(transport, self.pipeline)
        self._timer = self.loop.call_later(self.bounds.head_timeout, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        self._stop_write_timer()
        self._unset_keepalive_if_required()
        if self._serving is not None and self._serving is not self.cycle:
            self._serving.disconnected = True
            self._serving.message_event.set()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        if self._discarding:
            self._discard(len(data), HEAD_LINGER_BYTES)
            return
        self._fed = self._unfinished = self._unfinished + len(data)
        try:
            self._feed(data)
        except httptools.HttpParserError:
            self._refuse(self._refusal or BadRequest("What was sent is no HTTP/1.1 request."))
            return
        if self._unfinished > self.bounds.max_head_bytes:
            self._refuse(self._head_too_large())
        elif self._timer is None and (self._unfinished or self._stage is not Stage.IDLE):
            self._start_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._watch_writing()

    def resume_writing(self) -> None:
        self._stop_write_timer()
        super().resume_writing()

    # the parser's callbacks

    def on_message_begin(self) -> None:
        if self._replaying:
            return
        self._stage, self._upgrade = Stage.HEAD, False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._unfinished, self._arrived, self._slow = 0, 0, False
        self._stop_timer()
        if self._replaying:
            self._replaying = False
            return
        self._upgrade = self.parser.should_upgrade()
        self._check_head()
        old = self.parser.get_http_version() == "1.0"
        self.expect_100_continue &= not old
        self._note_host_of_target()
        super().on_headers_complete()
        if old:
            self.cycle.send = Unframed(self.cycle).send  # type: ignore[method-assign]
        self._stage = Stage.BODY
        self.headers = []  # what follows are trailers, which must not be added to the headers of a request in progress
        if not self.pipeline:
            self._serving = self.cycle

    def on_body(self, body: bytes) -> None:
        self._unfinished = 0
        self._arrived += len(body)
        if self.cycle.response_complete:
            self._discard(len(body), LINGER_BYTES)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self._upgrade:
            return  # the parser treats the rest as another protocol; `_feed` continues with it as a body
        self._stage, self._unfinished = Stage.IDLE, 0
        self._stop_timer()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        queued = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if queued is not None:
            self._serving = queued
        if self._stage is Stage.BODY and self.cycle.response_complete and not self.transport.is_closing():
            self._linger_over_body()

    def _should_upgrade(self) -> bool:
        return False

    def _note_host_of_target(self) -> None:
        """A target such as `http://name:port/path` also names a host; if it differs from the header, there are two hosts."""
        if self.url[:1] in (b"/", b"*"):
            return
        target = httptools.parse_url(self.url)
        if target.host is not None:
            name = b"[%s]" % target.host if b":" in target.host else target.host
            host = (b"host", name if target.port is None else b"%s:%d" % (name, target.port))
            if host not in [(key, value.lower()) for key, value in self.headers]:
                self.headers.append(host)

    # limits

    def _check_head(self) -> None:
        """Raise, which stops the parser, with the reason in `_refusal`."""
        if self._fed > self.bounds.max_head_bytes and self._head_size() > self.bounds.max_head_bytes:
            self._refusal = self._head_too_large()
        elif len(self.headers) > MAX_HEADERS:
            self._refusal = HeadTooLarge(f"The request has more than {MAX_HEADERS} headers.")
        elif self._upgrade and self.parser.get_method() == b"CONNECT":
            self._refusal = BadRequest("This server is not a proxy: CONNECT is not supported.")
        elif len(self.pipeline) >= MAX_PIPELINED:
            self._refusal = BadRequest(f"More than {MAX_PIPELINED} requests wait on this connection.")
        if self._refusal is not None:
            raise self._refusal

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _head_too_large(self) -> HeadTooLarge:
        if self._stage is Stage.BODY:
            return HeadTooLarge("The body's chunk extensions or trailers are too large.")
        limit = self.bounds.max_head_bytes
        return HeadTooLarge(
            f"The head of the request is larger than {limit} bytes, the limit set by MODELYARD_MAX_HEAD_BYTES."
        )

    def _head_is_late(self) -> None:
        self._timer = None
        if self.flow.read_paused:
            self._start_timer()  # the rest may have arrived already, but is not read yet
        elif self._stage is Stage.IDLE and not self._unfinished:
            self._discarding = True
            self.transport.close()  # nothing was received, so there is nothing to answer
        else:
            self._refuse(
                RequestTimeout(
                    f"The head of the request did not arrive within {self.bounds.head_timeout:g} seconds, the limit set by "
                    "MODELYARD_HEAD_TIMEOUT."
                )
            )

    def _measure_body(self) -> None:
        """Called at the end of each window while a body arrives. A body that the app does not read yet may pause."""
        self._timer = None
        cycle, rate = self.cycle, self.bounds.min_body_rate
        awaited = cycle is self._serving and not (cycle.body or self.flow.read_paused or cycle.waiting_for_100_continue)
        slow = awaited and self._arrived < rate * self.bounds.body_window
        if slow and self._slow:
            self._refuse(
                RequestTimeout(
                    f"The body arrives at less than {rate} bytes a second, the rate set by MODELYARD_MIN_BODY_RATE."
                )
            )
            return
        self._slow, self._arrived = slow, 0
        self._start_timer()

    def _watch_writing(self) -> None:
        waiting = self.transport.get_write_buffer_size()
        self._write_timer = self.loop.call_later(self.bounds.write_window, self._measure_writing, waiting)

    def _measure_writing(self, before: int) -> None:
        if self.transport.get_write_buffer_size() >= before:
            self.transport.abort()
        else:
            self._watch_writing()

    # refusing a request

    def _refuse(self, error: ModelyardError) -> None:
        """Answer with an error if no answer is in progress, and close the connection when the current answers have ended."""
        self._discarding = True
        self._stop_timer()
        if self.transport.is_closing():
            return
        if self._stage is Stage.BODY and not self.cycle.response_complete:
            self._drop_newest()
        serving = self._serving
        if serving is not None and not serving.response_complete and not serving.disconnected:
            self.cycle.keep_alive = False
            return
        if serving is not None and serving.disconnected and serving.response_started:
            self.transport.close()
            return
        self._answer(error)

    def _drop_newest(self) -> None:
        """Drop the request whose body is invalid; its app receives a disconnect."""
        dropped = self.cycle
        dropped.disconnected = True
        dropped.message_event.set()
        if dropped is not self._serving:
            self.pipeline.popleft()
            self.cycle = self.pipeline[0][0] if self.pipeline else self._serving

    def _answer(self, error: ModelyardError) -> None:
        """Write the error, close our side of the connection, and keep reading for a moment."""
        body = errors.encode(error)
        head = (
            f"HTTP/1.1 {error.status} {_PHRASES.get(error.status, 'Bad Request')}\r\ncontent-type: application/json\r\n"
        )
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        if self.transport.can_write_eof():
            self.transport.write_eof()
        self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _linger_over_body(self) -> None:
        """The answer is complete before its request is: read the rest for a moment, so that the connection can be reused."""
        self._stop_timer()
        if self.expect_100_continue:
            self.transport.close()  # the client may or may not send the body, so the meaning of further bytes is unknown
        else:
            self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)

    def _discard(self, size: int, limit: int) -> None:
        self._surplus += size
        if self._surplus > limit:
            self.transport.close()

    # timers: at most one for the request that arrives, and one for the answer that is not read

    def _start_timer(self) -> None:
        if self._stage is not Stage.BODY:
            self._timer = self.loop.call_later(self.bounds.head_timeout, self._head_is_late)
        elif self.cycle.response_complete:
            self._timer = self.loop.call_later(LINGER_SECONDS, self.transport.close)
        elif self.bounds.min_body_rate:
            self._timer = self.loop.call_later(self.bounds.body_window, self._measure_body)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _stop_write_timer(self) -> None:
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    # upgrades

    def _feed(self, data: bytes) -> None:
        """Parse. The parser stops after a head that asks for an upgrade; a new one continues with that request's body."""
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self._read_as_body()
            else:
                return

    def _read_as_body(self) -> None:
        """A parser positioned after a head with the framing of the request whose upgrade was refused."""
        framing = [pair for pair in self.scope["headers"] if pair[0] in (b"content-length", b"transfer-encoding")]
        self._upgrade, self._replaying = False, True
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(b"".join([b"POST / HTTP/1.1\r\n", *(b"%s: %s\r\n" % pair for pair in framing), b"\r\n"]))


class Unframed:
    """Answers to an HTTP/1.0 client, which does not support chunked bodies: a body without a length ends with the connection."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._endless = False

    async def send(self, message: Any) -> None:
        """Send a message of the application; the cycle would otherwise take each part for the whole remaining body."""
        if message["type"] == "http.response.start":
            self._endless = all(name.lower() != b"content-length" for name, _ in message.get("headers", ()))
            if self._endless:
                self._cycle.chunked_encoding = False
        elif self._endless:
            self._cycle.expected_content_length = len(message.get("body", b""))
        await self._send(message)


class _Flow(FlowControl):
    """Stops reading from a connection while requests wait in its queue, even if an earlier request resumes reading."""

    def __init__(self, transport: asyncio.Transport, queue: deque[Any]) -> None:
        super().__init__(transport)
        self._queue = queue

    def resume_reading(self) -> None:
        if not self._queue:
            super().resume_reading()


_PHRASES = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
