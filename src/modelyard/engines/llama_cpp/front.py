"""The door of a llama.cpp replica: takes requests, relays most bytes untouched, and mends what `dialect.py` says.

Clients are our gateway and health checks, so HTTP here is what they speak: one request at a time on a connection. When a
client closes its connection, ours to llama.cpp is closed at once, and that is what stops generation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import cast

import httptools
import msgspec

from modelyard.core.types import Address
from modelyard.engines.llama_cpp.dialect import NULL_EVENT, Body, Plan, Reader, Refused, mended, plan

HEALTH_PATHS = ("/health", "/v1/health")
REASONS = {200: b"OK", 400: b"Bad Request", 401: b"Unauthorized", 502: b"Bad Gateway", 503: b"Service Unavailable"}
HOP_HEADERS = (b"content-length", b"transfer-encoding", b"expect")
"""Headers of a request that we set ourselves; llama.cpp is always sent a whole body."""


@dataclass(slots=True)
class Request:
    """One request as it came in."""

    method: bytes = b""
    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")

    def wire(self, body: bytes) -> bytes:
        """The request again, with another body."""
        lines = [self.method + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.headers if name.lower() not in HOP_HEADERS]
        lines += [b"Content-Length: %d" % len(body), b"", b""]
        return b"\r\n".join(lines) + body


@dataclass(slots=True)
class Front:
    """What all doors share."""

    upstream: Address
    logits: bool
    """The model's rerank scores are logits, not probabilities."""
    gate: asyncio.Semaphore
    """Lets in what llama.cpp can work on; whoever leaves while waiting here has cost nothing."""


class Door(asyncio.Protocol):
    """One client's connection."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._parser = httptools.HttpRequestParser(self)
        self._request = Request()
        self._waiting: deque[Request] = deque()
        self._work: asyncio.Task[None] | None = None
        self._pipe: Pipe | None = None
        self.transport: asyncio.Transport

    # asyncio calls these

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        if self._work:
            self._work.cancel()

    def pause_writing(self) -> None:
        if self._pipe and not self._pipe.transport.is_closing():
            self._pipe.transport.pause_reading()

    def resume_writing(self) -> None:
        if self._pipe and not self._pipe.transport.is_closing():
            self._pipe.transport.resume_reading()

    # httptools calls these

    def on_message_begin(self) -> None:
        self._request = Request()

    def on_url(self, url: bytes) -> None:
        self._request.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._request.headers.append((name, value))

    def on_body(self, body: bytes) -> None:
        self._request.body += body

    def on_message_complete(self) -> None:
        self._request.method = self._parser.get_method()
        self._waiting.append(self._request)
        if self._work is None or self._work.done():
            self._work = asyncio.get_running_loop().create_task(self._serve())

    # ours

    async def _serve(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            try:
                await self._answer(request)
            except Refused as refused:
                self._respond(400, error_body(400, str(refused), refused.param))
            except OSError as error:
                if self._pipe and self._pipe.begun:
                    self.transport.close()
                else:
                    self._respond(502, error_body(502, f"llama.cpp does not answer: {error}"))

    async def _answer(self, request: Request) -> None:
        if request.path in HEALTH_PATHS:
            # Once loaded, llama.cpp says nothing else, but amid hundreds of streams it takes seconds to.
            self._respond(200, b'{"status":"ok"}')
            return
        made = plan(request.path, bytes(request.body), logits=self._front.logits) if request.method == b"POST" else None
        async with self._front.gate:
            if made is None:
                await self._relay(request.wire(bytes(request.body)), drop_null=False)
            elif made.gather is None and made.rewrite is None and not made.whole:
                await self._relay(request.wire(made.body), made.drop_null)
            else:
                await self._call(request, made)

    async def _relay(self, wire: bytes, drop_null: bool) -> None:
        self._pipe = None
        pipe = Pipe(self, drop_null)
        await connect(self._front.upstream, pipe)
        self._pipe = pipe
        try:
            pipe.transport.write(wire)
            await pipe.done
        finally:
            pipe.transport.abort()

    async def _call(self, request: Request, made: Plan) -> None:
        self._pipe = None
        call = Call(made.gather)
        await connect(self._front.upstream, call)
        try:
            call.transport.write(request.wire(made.body))
            status, body = await call.done
        finally:
            call.transport.abort()
        if status != 200 or made.whole:
            self._respond(*mended(status, body))
        elif made.gather is not None:
            self._respond(*call.gathered(made.gather))
        elif made.rewrite is not None:
            self._respond(200, msgspec.json.encode(made.rewrite(msgspec.json.decode(body, type=Body))))

    def _respond(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, REASONS.get(status, b"Error"), len(body)) + body)


class Pipe(asyncio.Protocol):
    """A connection to llama.cpp for one request, whose answer goes to the client byte by byte as it comes."""

    def __init__(self, door: Door, drop_null: bool) -> None:
        self._door = door
        self._drop_null = drop_null
        self._parser = httptools.HttpResponseParser(self)
        self.begun = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.begun = True
        self._door.transport.write(data.replace(NULL_EVENT, b"") if self._drop_null else data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("it broke off the answer"))


class Call(asyncio.Protocol):
    """A connection to llama.cpp for one request whose answer we read ourselves. `done` gives status and body."""

    def __init__(self, reader: Reader | None) -> None:
        self._reader = reader
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._error: Body | None = None
        self.done: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError("it broke off the answer"))

    def on_body(self, body: bytes) -> None:
        self._body += body
        if self._reader is None or self._parser.get_status_code() != 200:
            return
        *events, rest = self._body.split(b"\n")
        self._body = rest
        for line in events:
            self._event(line)

    def on_message_complete(self) -> None:
        if not self.done.done():
            self.done.set_result((self._parser.get_status_code(), bytes(self._body)))

    def _event(self, line: bytearray) -> None:
        if not line.startswith(b"data: {") or self._reader is None:
            return
        event = msgspec.json.decode(line[6:], type=Body)
        if "error" in event:
            self._error = event
        else:
            self._reader.event(event)

    def gathered(self, reader: Reader) -> tuple[int, bytes]:
        """Status and body of the whole answer: an error in mid-stream becomes the answer's own."""
        if self._error is None:
            return 200, msgspec.json.encode(reader.answer())
        code = self._error["error"].get("code")
        return code if isinstance(code, int) and 400 <= code < 600 else 500, msgspec.json.encode(self._error)


def error_body(status: int, message: str, param: str | None = None) -> bytes:
    """llama.cpp's own envelope, which is OpenAI's."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return msgspec.json.encode({"error": {"code": status, "message": message, "type": kind, "param": param}})


async def connect(address: Address, protocol: asyncio.Protocol) -> None:
    """Connect a protocol to llama.cpp."""
    loop = asyncio.get_running_loop()
    if address.uds:
        await loop.create_unix_connection(lambda: protocol, address.uds)
    else:
        await loop.create_connection(lambda: protocol, address.host, address.port)


async def serve(listen: Address, front: Front) -> asyncio.Server:
    """Open the door."""
    loop = asyncio.get_running_loop()
    if listen.uds:
        return await loop.create_unix_server(lambda: Door(front), listen.uds, backlog=1024)
    return await loop.create_server(lambda: Door(front), listen.host, listen.port, backlog=1024)
