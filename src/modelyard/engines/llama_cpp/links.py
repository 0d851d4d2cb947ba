"""Connections to llama.cpp, one per request: relayed unchanged, rewritten event by event, or read to the end."""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools

from modelyard.core.types import Address
from modelyard.engines.llama_cpp.plans import Filter, Rewriter

STREAM = b"text/event-stream"
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)
LAST_CHUNK = b"0\r\n\r\n"


class ClientSink(Protocol):
    """The connection to a client."""

    transport: asyncio.Transport

    def follow(self, link: Link) -> None:
        """Set the link whose answer is being sent to the client."""
        ...


class Link(asyncio.Protocol):
    """A connection to llama.cpp, for one request."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        """Completes when the first byte of the answer has arrived, or the connection is lost."""
        self.done: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        """Status and body; the body is empty if it was passed on."""

    async def open(self, address: Address, wire: bytes) -> None:
        """Connect, and send a request."""
        loop = asyncio.get_running_loop()
        if address.uds:
            transport, _ = await loop.create_unix_connection(lambda: self, address.uds)
        else:
            transport, _ = await loop.create_connection(lambda: self, address.host, address.port)
        transport.write(wire)

    def abort(self) -> None:
        """Close at once; llama.cpp stops working on the request at its next token."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.begin()
        if not self.done.done():
            self.done.set_exception(ConnectionError("it broke off the answer"))
            self.done.exception()  # retrieved, because no task waits for it if the client has disconnected

    def begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)

    def finish(self, status: int, body: bytes = b"") -> None:
        if not self.done.done():
            self.done.set_result((status, body))

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


def pass_on(client: ClientSink, data: bytes) -> None:
    """Write to the client unless it has disconnected; the link is closed when the client's end is noticed."""
    if not client.transport.is_closing():
        client.transport.write(data)


class Pipe(Link):
    """Relays the answer to the client while it arrives, unchanged."""

    def __init__(self, client: ClientSink) -> None:
        super().__init__()
        self._client = client
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self.begin()
        self._client.follow(self)
        pass_on(self._client, data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        self.finish(self._parser.get_status_code())


class WholeAnswer(Link):
    """Reads the answer to its end."""

    def __init__(self, prefilter: Filter | None = None) -> None:
        """`prefilter` is applied first; when it has found the end, the rest of the answer is not awaited."""
        super().__init__()
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._prefilter = prefilter

    def data_received(self, data: bytes) -> None:
        self.begin()
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        if self._prefilter is None:
            self._body += body  # processed at the end, to keep the cost per token low
            return
        self._body += self._prefilter.feed(body)
        if self._prefilter.ended:
            self.finish(200, bytes(self._body))

    def on_message_complete(self) -> None:
        if self._prefilter is not None:
            self._body += self._prefilter.end()
        self.finish(self._parser.get_status_code(), bytes(self._body))


class EventRelay(WholeAnswer):
    """Relays the events of a stream through a rewriter; reads an answer that is not a stream to its end."""

    def __init__(self, client: ClientSink, rewriter: Rewriter, prefilter: Filter | None = None) -> None:
        super().__init__(prefilter)
        self._client = client
        self._rewriter = rewriter
        self._streams = False
        self._type = b""
        self._ready: list[bytes] = []
        """Output for the client from the bytes that are being processed."""

    def data_received(self, data: bytes) -> None:
        self.begin()
        self._parser.feed_data(data)
        if self._ready:
            pass_on(self._client, b"".join(self._ready))
            self._ready.clear()

    def on_body(self, body: bytes) -> None:
        if not self._streams:
            self._body += body
        elif self._prefilter is None:
            self._add(self._rewriter.feed(body))
        elif not self._prefilter.ended:
            self._add(self._rewriter.feed(self._prefilter.feed(body)))
            if self._prefilter.ended:
                self._end()

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"content-type":
            self._type = value

    def on_headers_complete(self) -> None:
        if self._parser.get_status_code() == 200 and self._type.startswith(STREAM):
            self._streams = True
            self._client.follow(self)
            pass_on(self._client, STREAM_HEAD)

    def on_message_complete(self) -> None:
        if not self._streams:
            self.finish(self._parser.get_status_code(), bytes(self._body))
        elif not self.done.done():
            if self._prefilter is not None:
                self._add(self._rewriter.feed(self._prefilter.end()))
            self._end()

    def _end(self) -> None:
        self._add(self._rewriter.end())
        self._ready.append(LAST_CHUNK)
        self.finish(200)

    def _add(self, data: bytes) -> None:
        """Add a chunk for the client."""
        if data:
            self._ready.append(b"%x\r\n%b\r\n" % (len(data), data))
