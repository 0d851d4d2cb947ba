"""The front of a llama.cpp replica: relays most bytes unchanged, and corrects the deviations listed in `dialect.py`.

Its clients are our gateway and health checks, so it supports only their HTTP: one request at a time on a connection. When a
client closes its connection, the connection to llama.cpp is closed at once, which stops generation.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from typing import cast

import httptools
import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.core.fetching import hosts_of_replica
from modelyard.core.types import Address
from modelyard.core.wording import reason
from modelyard.engines.llama_cpp import figures, tokenizer, tokens
from modelyard.engines.llama_cpp.dialect import PLANNERS, plan
from modelyard.engines.llama_cpp.faults import envelope, mended, sentence
from modelyard.engines.llama_cpp.links import EventRelay, Link, Pipe, WholeAnswer
from modelyard.engines.llama_cpp.plans import AnswerGatherer, Body, RequestPlan, RequestRefused, Rewriter
from modelyard.engines.media import Media, MediaRefused, is_plain
from modelyard.protocol.errors import encode

log = logging.getLogger(__name__)

HEALTH_PATHS = ("/health", "/v1/health")
GATED = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/rerank")
"""Paths that need a slot."""

TEXTS_ONLY = ("/v1/rerank",)
"""Paths on which `dialect.py` accepts texts only."""

REASONS = {
    200: b"OK",
    400: b"Bad Request",
    401: b"Unauthorized",
    500: b"Internal Server Error",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
}
MODELS = b"GET /v1/models HTTP/1.1\r\nHost: replica\r\nAuthorization: Bearer %b\r\n\r\n"
HOP_HEADERS = (b"content-length", b"transfer-encoding", b"expect")
"""Request headers that the front sets itself; llama.cpp always receives a whole body."""


@dataclass(slots=True)
class FrontRequest:
    """One request of a client."""

    method: bytes = b""
    target: bytes = b""
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    @property
    def path(self) -> str:
        return self.target.partition(b"?")[0].decode("latin-1")

    def wire(self, body: bytes) -> bytes:
        """The bytes of this request with another body."""
        lines = [self.method + b" " + self.target + b" HTTP/1.1"]
        lines += [name + b": " + value for name, value in self.headers if name.lower() not in HOP_HEADERS]
        lines += [b"Content-Length: %d" % len(body), b"", b""]
        return b"\r\n".join(lines) + body


@dataclass(slots=True)
class Front:
    """State that all connections of a replica share."""

    upstream: Address
    logits: bool
    """Whether the model's rerank scores are logits instead of probabilities."""
    gate: asyncio.Semaphore
    """Admits as many requests as may wait for a slot in llama.cpp; a client that disconnects before that costs nothing."""
    stops: tuple[str, ...] = ()
    """Strings that end every chat answer."""
    loras: Mapping[str, list[dict[str, float]]] = field(default_factory=dict)
    """Model name → the adapters that answer for it; empty without named adapters."""
    alias: str = ""
    """llama.cpp's name of the model."""
    thinking: bool | None = None
    """The launch's default of the thinking switch; None leaves it to the template."""
    vocabulary: int | None = None
    """Number of the model's tokens; None if unknown."""
    context: int = 0
    """Tokens of prompt and answer that a request may have."""
    waiting: int = 0
    """Requests that the gate does not admit yet."""
    media: Media = field(default_factory=lambda: Media(hosts_of_replica()))
    """Fetches the addresses in requests; llama.cpp would fetch them from any host."""


class ClientConnection(asyncio.Protocol):
    """A connection from a client: the gateway, or a health check."""

    def __init__(self, front: Front) -> None:
        self._front = front
        self._parser = httptools.HttpRequestParser(self)
        self._request = FrontRequest()
        self._waiting: deque[FrontRequest] = deque()
        self._work: asyncio.Task[None] | None = None
        self._pipe: Link | None = None
        self.transport: asyncio.Transport

    # callbacks of asyncio

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

    # callbacks of httptools

    def on_message_begin(self) -> None:
        self._request = FrontRequest()

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

    # own methods

    def follow(self, link: Link) -> None:
        """Set the link whose answer is being sent to the client, for flow control."""
        self._pipe = link

    async def _serve(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            self._pipe = None
            try:
                await self._answer(request)
            except (RequestRefused, MediaRefused) as refused:
                self._respond(400, envelope(400, sentence(refused.param, str(refused)), refused.param))
            except InvalidParameter as refused:
                self._respond(400, encode(refused))
            except OSError as error:
                self._fail(502, f"llama.cpp does not answer: {reason(error)}.")
            except Exception:  # the top of a connection's loop: without an answer the client would wait forever
                log.exception("no answer to %s %s", request.method.decode("latin-1"), request.path)
                self._fail(500, "The llama.cpp replica failed at this request; its log has the reason.")

    def _fail(self, status: int, message: str) -> None:
        """Answer with an error; an answer that has begun is broken off, so that the client does not take it for complete."""
        if self._pipe:
            self.transport.close()
        else:
            self._respond(status, envelope(status, message))

    async def _answer(self, request: FrontRequest) -> None:
        if request.path in HEALTH_PATHS:
            # Once loaded, llama.cpp always answers this, but takes seconds to with hundreds of streams.
            self._respond(200, b'{"status":"ok"}')
            return
        if request.path == tokens.PATH and request.method == b"POST":
            await self._convert(request)
            return
        if request.path in tokenizer.PATHS and request.method == b"POST":
            await self._tokenize(request)
            return
        if request.path == figures.PATH and request.method == b"GET":
            await self._tell_figures(request)
            return
        made = await self._plan(request) if request.method == b"POST" else None
        if made is None:
            await self._relay(request)
        elif made.stream is not None:
            await self._stream(request, made, made.stream)
        else:
            await self._call(request, made)

    async def _plan(self, request: FrontRequest) -> RequestPlan | None:
        """The plan of a request, with data in place of addresses. Raises `RequestRefused` and `MediaRefused`."""
        front, body = self._front, bytes(request.body)
        decoded: Body | None = None
        try:
            decoded = msgspec.json.decode(body, type=Body)
        except (msgspec.DecodeError, RecursionError) as error:
            if body.lstrip()[:1] in (b"{", b"["):  # llama.cpp's parser may accept it
                raise RequestRefused("body", f"it is no JSON object: {error}") from None
        if decoded is not None and (place := tokens.empty_prompt(request.path, decoded)) is not None:
            await self._check_empty(request, place)
        changed = decoded is not None and request.path not in TEXTS_ONLY and not is_plain(decoded)
        if decoded is not None and changed:
            await front.media.bring(decoded)
        return plan(
            request.path,
            body,
            logits=front.logits,
            stops=front.stops,
            loras=front.loras,
            alias=front.alias,
            thinking=front.thinking,
            vocabulary=front.vocabulary,
            decoded=decoded if changed or request.path in PLANNERS else None,
        )

    async def _relay(self, request: FrontRequest) -> None:
        pipe = Pipe(self)
        try:
            await self._start(pipe, request, bytes(request.body))
            await pipe.done
        finally:
            pipe.abort()

    async def _stream(self, request: FrontRequest, made: RequestPlan, rewriter: Rewriter) -> None:
        stream = EventRelay(self, rewriter, made.prefilter)
        try:
            await self._start(stream, request, made.body)
            status, body = await stream.done
        finally:
            stream.abort()
        if self._pipe is None:  # the answer was not a stream
            self._respond(*mended(status, body, made.param))

    async def _call(self, request: FrontRequest, made: RequestPlan) -> None:
        call = WholeAnswer(made.prefilter)
        try:
            await self._start(call, request, made.body)
            status, body = await call.done
        finally:
            call.abort()
        if status != 200 or (made.gather is None and made.rewrite is None):
            self._respond(*mended(status, body, made.param))
        elif made.gather is not None:
            self._respond(*gathered(made.gather, body, made.model, made.param))
        elif made.rewrite is not None:
            answer = made.rewrite(msgspec.json.decode(body, type=Body))
            self._respond(200, msgspec.json.encode({**answer, "model": made.model} if made.model else answer))

    async def _convert(self, request: FrontRequest) -> None:
        """Return the text of each token id, with one request per id."""
        ids = tokens.read(bytes(request.body))
        conversion = replace(request, target=tokens.UPSTREAM)
        texts: dict[int, str] = {}
        for token in ids.distinct():
            status, body = await self._ask(conversion.wire(tokens.question(token)))
            if status == 500:
                raise tokens.unknown(token)
            if status != 200:
                self._respond(status, body)
                return
            texts[token] = msgspec.json.decode(body, type=Body)["content"]
        self._respond(200, ids.answer(texts))

    async def _tokenize(self, request: FrontRequest) -> None:
        front = self._front

        def ask(target: bytes, body: Body) -> Awaitable[tuple[int, bytes]]:
            return self._ask(replace(request, target=target).wire(msgspec.json.encode(body)))

        found = await tokenizer.answer(request.path, bytes(request.body), ask, front.context, front.vocabulary)
        self._respond(*found)

    async def _check_empty(self, request: FrontRequest, place: str) -> None:
        """Raise `RequestRefused` if no token begins a text, because llama.cpp never answers several choices of an empty text."""
        counting = replace(request, target=tokens.COUNTING)
        status, body = await self._ask(counting.wire(tokens.of_nothing()))
        if status == 200 and not msgspec.json.decode(body, type=Body).get("tokens"):
            raise RequestRefused(place, "it is empty: the model has nothing to read.")

    async def _tell_figures(self, request: FrontRequest) -> None:
        status, own = await self._ask(request.wire(b""))
        if status != 200:
            self._respond(status, own)
            return
        _, slots = await self._ask(replace(request, target=figures.SLOTS).wire(b""))
        self._respond(200, figures.metrics(own, slots, self._front.waiting), b"text/plain")

    async def _ask(self, wire: bytes) -> tuple[int, bytes]:
        call = WholeAnswer()
        try:
            await call.open(self._front.upstream, wire)
            return await call.done
        finally:
            call.abort()

    async def _start(self, link: Link, request: FrontRequest, body: bytes) -> None:
        """Send a request to llama.cpp; returns when its answer begins, which means that it has a slot."""
        if request.path not in GATED:
            await link.open(self._front.upstream, request.wire(body))
            return
        self._front.waiting += 1
        try:
            await self._front.gate.acquire()
        finally:
            self._front.waiting -= 1
        try:
            await link.open(self._front.upstream, request.wire(body))
            await asyncio.wait((link.begun,))
        finally:
            self._front.gate.release()

    def _respond(self, status: int, body: bytes, kind: bytes = b"application/json") -> None:
        head = b"HTTP/1.1 %d %s\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        self.transport.write(head % (status, REASONS.get(status, b"Error"), kind, len(body)) + body)


def gathered(
    reader: AnswerGatherer, stream: bytes, model: str | None = None, param: str | None = None
) -> tuple[int, bytes]:
    """Status and body of the whole answer in a stream; an error in the stream becomes the answer's error."""
    for line in stream.split(b"\n"):
        if not line.startswith(b"data: {"):
            continue
        event = msgspec.json.decode(line[6:], type=Body)
        if "error" in event:
            code = event["error"].get("code") if isinstance(event["error"], dict) else None
            return mended(code if isinstance(code, int) and 400 <= code < 600 else 500, line[6:], param)
        reader.event(event)
    answer = reader.answer()
    return 200, msgspec.json.encode({**answer, "model": model} if model else answer)


async def vocabulary(upstream: Address, token: str) -> int | None:
    """The number of tokens in the vocabulary of a llama.cpp server's model."""
    call = WholeAnswer()
    try:
        await call.open(upstream, MODELS % token.encode())
        _, body = await call.done
    finally:
        call.abort()
    models = msgspec.json.decode(body, type=Body).get("data") or [{}]
    size = (models[0].get("meta") or {}).get("n_vocab")
    return size if isinstance(size, int) else None


async def serve(listen: Address, front: Front) -> asyncio.Server:
    """Listen for clients."""
    loop = asyncio.get_running_loop()
    if listen.uds:
        return await loop.create_unix_server(lambda: ClientConnection(front), listen.uds, backlog=1024)
    return await loop.create_server(lambda: ClientConnection(front), listen.host, listen.port, backlog=1024)
