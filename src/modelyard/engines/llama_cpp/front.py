"""The door of a llama.cpp replica: takes requests, relays most bytes untouched, and mends what `dialect.py` says.

Clients are our gateway and health checks, so HTTP here is what they speak: one request at a time on a connection. When a
client closes its connection, ours to llama.cpp is closed at once, and that is what stops generation.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import httptools
import msgspec

from modelyard.core.fetching import hosts_of_replica
from modelyard.core.types import Address
from modelyard.engines.llama_cpp import tokens
from modelyard.engines.llama_cpp.dialect import (
    EMPTY_ROLE,
    NULL_EVENT,
    NULL_ROLE,
    Body,
    Plan,
    Reader,
    Refused,
    Renaming,
    mended,
    plan,
)
from modelyard.engines.media import Media, MediaRefused, is_plain

HEALTH_PATHS = ("/health", "/v1/health")
GATED = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank")
"""Paths that need a slot."""

TEXTS_ONLY = ("/v1/rerank",)
"""Paths of which `dialect.py` lets texts through only."""

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
    """Lets in so many as may wait for a slot of llama.cpp; whoever leaves while waiting at the gate has cost nothing."""
    stops: tuple[str, ...] = ()
    """Strings that end every chat answer."""
    loras: Mapping[str, list[dict[str, float]]] = field(default_factory=dict)
    """Model name → the adapters that answer for it; empty without named adapters."""
    alias: str = ""
    """What llama.cpp calls the model."""
    media: Media = field(default_factory=lambda: Media(hosts_of_replica()))
    """Fetches what requests have addresses of: llama.cpp would do so itself, from any host."""


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
        if self._pipe:
            self._pipe.pause()

    def resume_writing(self) -> None:
        if self._pipe:
            self._pipe.resume()

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

    def follow(self, pipe: Pipe) -> None:
        """From now on the client is being sent this answer."""
        self._pipe = pipe

    async def _serve(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            try:
                await self._answer(request)
            except (Refused, MediaRefused) as refused:
                self._respond(400, error_body(400, str(refused), refused.param))
            except OSError as error:
                if self._pipe:
                    self.transport.close()
                else:
                    self._respond(502, error_body(502, f"llama.cpp does not answer: {error}"))

    async def _answer(self, request: Request) -> None:
        if request.path in HEALTH_PATHS:
            # Once loaded, llama.cpp says nothing else, but amid hundreds of streams it takes seconds to.
            self._respond(200, b'{"status":"ok"}')
            return
        if request.path == tokens.PATH and request.method == b"POST":
            await self._convert(request)
            return
        made = await self._plan(request) if request.method == b"POST" else None
        if made is None:
            await self._relay(request, Plan(bytes(request.body)))
        elif made.gather is None and made.rewrite is None and not made.whole:
            await self._relay(request, made)
        else:
            await self._call(request, made)

    async def _plan(self, request: Request) -> Plan | None:
        """What llama.cpp gets, with data in place of addresses. Raises `Refused` and `MediaRefused`."""
        front, body = self._front, bytes(request.body)
        decoded: Body | None = None
        try:
            decoded = msgspec.json.decode(body, type=Body)
        except (msgspec.DecodeError, RecursionError) as error:
            if body.lstrip()[:1] in (b"{", b"["):  # llama.cpp may read it otherwise
                raise Refused("body", f"is no JSON object: {error}") from None
        changed = decoded is not None and request.path not in TEXTS_ONLY and not is_plain(decoded)
        if decoded is not None and changed:
            await front.media.bring(decoded)
        return plan(
            request.path,
            body,
            logits=front.logits,
            stops=front.stops,
            loras=front.loras,
            decoded=decoded,
            changed=changed,
        )

    async def _relay(self, request: Request, made: Plan) -> None:
        self._pipe = None
        pipe = Pipe(self, made.drop_null, Renaming(self._front.alias, made.model) if made.model else None)
        try:
            await self._start(pipe, request, made.body)
            await pipe.done
        finally:
            pipe.abort()

    async def _call(self, request: Request, made: Plan) -> None:
        self._pipe = None
        call = Call()
        try:
            await self._start(call, request, made.body)
            status, body = await call.done
        finally:
            call.abort()
        if status != 200 or made.whole:
            self._respond(*mended(status, body))
        elif made.gather is not None:
            self._respond(*gathered(made.gather, body, made.model))
        elif made.rewrite is not None:
            self._respond(200, msgspec.json.encode(made.rewrite(msgspec.json.decode(body, type=Body))))

    async def _convert(self, request: Request) -> None:
        """The text of each token id, asked for one after the other."""
        self._pipe = None
        ids = tokens.read(bytes(request.body))
        asked = replace(request, target=tokens.UPSTREAM)
        texts: dict[int, str] = {}
        for token in ids.distinct():
            call = Call()
            try:
                await call.open(self._front.upstream, asked.wire(tokens.question(token)))
                status, body = await call.done
            finally:
                call.abort()
            if status == 500:
                raise tokens.unknown(token)
            if status != 200:
                self._respond(status, body)
                return
            texts[token] = msgspec.json.decode(body, type=Body)["content"]
        self._respond(200, ids.answer(texts))

    async def _start(self, link: Link, request: Request, body: bytes) -> None:
        """Send a request upstream and return when its answer begins, which is when it has had a slot."""
        if request.path not in GATED:
            await link.open(self._front.upstream, request.wire(body))
            return
        async with self._front.gate:
            await link.open(self._front.upstream, request.wire(body))
            await asyncio.wait((link.begun,))

    def _respond(self, status: int, body: bytes) -> None:
        head = b"HTTP/1.1 %d %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, REASONS.get(status, b"Error"), len(body)) + body)


class Link(asyncio.Protocol):
    """A connection to llama.cpp, for one request."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        loop = asyncio.get_running_loop()
        self.begun: asyncio.Future[None] = loop.create_future()
        """Set when the first byte of the answer is here, or the connection is lost."""
        self.done: asyncio.Future[tuple[int, bytes]] = loop.create_future()
        """Status and body; the body is empty when it went elsewhere."""

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
            self.done.exception()  # nobody waits for it when the client has left first

    def begin(self) -> None:
        if not self.begun.done():
            self.begun.set_result(None)

    def pause(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()


class Pipe(Link):
    """Its answer goes to the client byte by byte as it comes."""

    def __init__(self, door: Door, drop_null: bool, renaming: Renaming | None = None) -> None:
        super().__init__()
        self._door = door
        self._drop_null = drop_null
        self._renaming = renaming
        self._parser = httptools.HttpResponseParser(self)

    def data_received(self, data: bytes) -> None:
        self.begin()
        self._door.follow(self)
        if self._renaming is not None:
            data = self._renaming.feed(data)
        data = data.replace(NULL_ROLE, EMPTY_ROLE)
        self._door.transport.write(data.replace(NULL_EVENT, b"") if self._drop_null else data)
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        if not self.done.done():
            self.done.set_result((self._parser.get_status_code(), b""))


class Call(Link):
    """Its answer is read here."""

    def __init__(self) -> None:
        super().__init__()
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()

    def data_received(self, data: bytes) -> None:
        self.begin()
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body  # read at the end: nothing is done for every token that can be done once

    def on_message_complete(self) -> None:
        if not self.done.done():
            self.done.set_result((self._parser.get_status_code(), bytes(self._body)))


def gathered(reader: Reader, stream: bytes, model: str | None = None) -> tuple[int, bytes]:
    """Status and body of the whole answer that a stream adds up to: an error in mid-stream becomes the answer's own."""
    for line in stream.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        event = msgspec.json.decode(line[6:], type=Body)
        if "error" in event:
            code = event["error"].get("code")
            return code if isinstance(code, int) and 400 <= code < 600 else 500, msgspec.json.encode(event)
        reader.event(event)
    answer = reader.answer()
    return 200, msgspec.json.encode({**answer, "model": model} if model else answer)


def error_body(status: int, message: str, param: str | None = None) -> bytes:
    """llama.cpp's own envelope, which is OpenAI's."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return msgspec.json.encode({"error": {"code": status, "message": message, "type": kind, "param": param}})


async def serve(listen: Address, front: Front) -> asyncio.Server:
    """Open the door."""
    loop = asyncio.get_running_loop()
    if listen.uds:
        return await loop.create_unix_server(lambda: Door(front), listen.uds, backlog=1024)
    return await loop.create_server(lambda: Door(front), listen.host, listen.port, backlog=1024)
