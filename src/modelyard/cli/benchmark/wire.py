"""Sends one request at a time over a connection, and records when each token of the answer arrives.

It decodes only what it counts, so that one process keeps up with hundreds of streams. Times are `time.perf_counter`.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from array import array
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import httptools
import msgspec

from modelyard.core.errors import BadRequest

MOST_BODY = 64 * 1024
"""Maximum bytes that are kept of an answer that is neither a token stream nor embeddings."""
MOST_ERROR = 300
"""Maximum characters of a server's error that are shown."""


class EventDelta(msgspec.Struct):
    """The delta of a chat event."""

    content: Any = None
    reasoning_content: Any = None
    reasoning: Any = None
    tool_calls: Any = None


class EventChoice(msgspec.Struct):
    """One choice of an event, of a chat or of a completion."""

    delta: EventDelta | None = None
    text: Any = None
    finish_reason: Any = None


class EventUsage(msgspec.Struct):
    """The token counts of the server."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class StreamEvent(msgspec.Struct):
    """The fields that are read of an event, or of an answer that is not streamed."""

    choices: list[EventChoice] | None = None
    usage: EventUsage | None = None
    error: Any = None


READ_EVENT = msgspec.json.Decoder(StreamEvent).decode


@dataclass(slots=True)
class BenchmarkSample:
    """The measurements of one request. Times are in seconds; `start` is relative to the beginning of the run."""

    start: float = 0.0
    queued: float = 0.0
    """Seconds for which the limit of concurrent requests delayed it."""
    latency: float = 0.0
    """Seconds from sending the request to the last event of its answer."""
    ttft: float | None = None
    """Seconds from sending the request to the first event with text."""
    itls: array[float] = field(default_factory=lambda: array("d"))
    """Seconds between events with text."""
    events: int = 0
    """Number of events with text."""
    input_tokens: int | None = None
    counted_tokens: int | None = None
    """Output tokens by the server's count."""
    problem: str = ""
    """The kind of error; empty if the answer is complete."""
    example: str = ""
    """The complete error message."""
    text: list[str] = field(default_factory=list)

    @property
    def output_tokens(self) -> int:
        """Output tokens by the server's count, else one per event."""
        return self.events if self.counted_tokens is None else self.counted_tokens

    def fail(self, problem: str, example: str = "") -> None:
        """Record an error, unless one was recorded before."""
        if not self.problem:
            self.problem, self.example = problem, (example or problem)[:MOST_ERROR]


class AnswerReader:
    """Parses one answer into its sample."""

    def __init__(self, sample: BenchmarkSample, stream: bool, keep_text: bool = False) -> None:
        self.sample = sample
        self.done = False
        """Whether the stream's end marker has arrived."""
        self._stream = stream
        self._keep_text = keep_text
        self._began = self._last = time.perf_counter()
        self._token_at = 0.0
        self._rest = b""
        self._body = bytearray()

    @property
    def body(self) -> bytes:
        """The received data that is not part of an event."""
        return bytes(self._body)

    def feed(self, data: bytes, now: float, status: int) -> None:
        """Process bytes of the body."""
        if not self._stream or status != 200:
            if status == 200 or len(self._body) < MOST_BODY:
                self._body += data
            return
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(b"data:"):
                self._event(line[5:].strip(), now)
            elif line.startswith(b"{") and len(self._body) < MOST_BODY:
                self._body += line

    def end(self, now: float, status: int) -> None:
        """Process the end of the body."""
        sample = self.sample
        if status != 200:
            sample.fail(f"HTTP {status}", f"HTTP {status}: {error_text(bytes(self._body))}")
        elif not self._stream:
            self._last = now
            self._whole()
        elif self._last == self._began:
            body_text = error_text(bytes(self._body) + self._rest)
            sample.fail(
                "no events", f"the answer is no stream of events: {body_text}" if body_text else "an empty answer"
            )
        elif not self.done:
            sample.fail("cut off", "the stream ended before the answer did")
        sample.latency = self._last - self._began

    def lost(self, problem: str, example: str = "") -> None:
        """Process the loss of the connection."""
        self.sample.fail(problem, example)
        self.sample.latency = time.perf_counter() - self._began

    def again(self) -> None:
        """Reset after a lost connection, because the request is sent again on another one."""
        self.sample.problem = self.sample.example = ""

    def _event(self, data: bytes, now: float) -> None:
        if data == b"[DONE]":
            self.done = True
            return
        try:
            event = READ_EVENT(data)
        except msgspec.MsgspecError as error:
            self.sample.fail("not understood", f"{error}: {data[:MOST_ERROR].decode(errors='replace')}")
            return
        if event.error is not None:
            self.sample.fail("error in the stream", error_text(data))
        self._last = now
        if event.usage:
            self._count(event.usage)
        adds_token = False
        for choice in event.choices or ():
            adds_token |= self._adds_token(choice)
            self.done = self.done or bool(choice.finish_reason)
        if adds_token:
            self._token(now)

    def _adds_token(self, choice: EventChoice) -> bool:
        """Whether a choice adds a token: text, thoughts, or a piece of a tool call."""
        delta = choice.delta
        text = choice.text if delta is None else delta.content or delta.reasoning_content or delta.reasoning
        if self._keep_text and isinstance(text, str):
            self.sample.text.append(text)
        return bool(text) or (delta is not None and bool(delta.tool_calls))

    def _token(self, now: float) -> None:
        sample = self.sample
        sample.events += 1
        if sample.ttft is None:
            sample.ttft = now - self._began
        else:
            sample.itls.append(now - self._token_at)
        self._token_at = now

    def _whole(self) -> None:
        try:
            answer = READ_EVENT(bytes(self._body))
        except msgspec.MsgspecError as error:
            self.sample.fail("not understood", f"{error}: {error_text(bytes(self._body))}")
            return
        if answer.error is not None:
            self.sample.fail("error in the answer", error_text(bytes(self._body)))
        if answer.usage:
            self._count(answer.usage)

    def _count(self, usage: EventUsage) -> None:
        self.sample.input_tokens = usage.prompt_tokens
        if self._stream and usage.completion_tokens is not None:
            self.sample.counted_tokens = usage.completion_tokens


def error_text(body: bytes) -> str:
    """The message in an error's body, or the body's beginning."""
    text = body.decode(errors="replace").strip()
    try:
        value = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return text[:MOST_ERROR]
    if isinstance(value, dict):
        error = value.get("error") or value.get("detail") or value.get("message")
        message = error.get("message") if isinstance(error, dict) else error
        return str(message or text)[:MOST_ERROR]
    return text[:MOST_ERROR]


class BenchConnection(asyncio.Protocol):
    """A connection that carries one request after another."""

    def __init__(self) -> None:
        self.received = False
        """Whether any byte of the current answer has arrived."""
        self._parser = httptools.HttpResponseParser(self)
        self._answer: AnswerReader | None = None
        self._ended: asyncio.Future[None] | None = None
        self._now = 0.0
        self._status = 0
        self._framed = False
        self._gone = False

    def ask(self, request: bytes, answer: AnswerReader) -> asyncio.Future[None]:
        """Send a request and feed the response to `answer`; the future completes at its end, successful or not."""
        self.received, self._answer, self._status = False, answer, 0
        self._ended = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._ended

    @property
    def finished(self) -> bool:
        """Whether the last request has ended."""
        return self._ended is not None and self._ended.done() and not self._ended.cancelled()

    @property
    def stale(self) -> bool:
        """Whether the server had closed the connection before it received the request."""
        return not self.received and self._gone

    @property
    def reusable(self) -> bool:
        return self.finished and not self._gone and not self.transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are not subclasses
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.received = True
        self._now = time.perf_counter()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._lose("not HTTP", f"the answer is not HTTP ({error.__context__ or error})")
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if self._status and not self._framed and exc is None and self._answer is not None:
            self._finish()
        else:
            self._lose("connection lost", f"the connection was lost before the answer was complete{why(exc)}")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._framed = self._framed or name.lower() in (b"content-length", b"transfer-encoding")

    def on_message_begin(self) -> None:
        self._framed = False

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        self._status = status if status >= 200 else 0

    def on_body(self, body: bytes) -> None:
        if self._answer is not None:
            self._answer.feed(body, self._now, self._status)

    def on_message_complete(self) -> None:
        if self._status:
            self._finish()
            if not self._parser.should_keep_alive():
                self.transport.close()

    def _finish(self) -> None:
        if self._answer is not None:
            self._answer.end(self._now, self._status)
        self._end()

    def _lose(self, problem: str, example: str) -> None:
        if self._answer is not None:
            self._answer.lost(problem, example)
        self._end()

    def _end(self) -> None:
        self._answer = None
        if self._ended is not None and not self._ended.done():
            self._ended.set_result(None)


def why(error: Exception | None) -> str:
    return f" ({error})" if error is not None and str(error) else ""


@dataclass(frozen=True, slots=True)
class BenchServer:
    """The address of the server, and the headers of every request."""

    host: str
    port: int
    tls: ssl.SSLContext | None
    authority: str
    prefix: str
    api_key: str | None

    @classmethod
    def at(cls, url: str, api_key: str | None) -> BenchServer:
        """Parse an address such as `http://127.0.0.1:9997`, with or without `/v1`."""
        parts = urlsplit(url if "://" in url else f"http://{url}")
        try:
            port = parts.port
        except ValueError:
            port = 0
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise BadRequest(f"'{url}' is not the address of a server, such as http://127.0.0.1:9997.")
        if api_key is not None and not (api_key.isascii() and api_key.isprintable()):
            raise BadRequest("An API key consists of printable ASCII characters.")
        secure = parts.scheme == "https"
        return cls(
            host=parts.hostname,
            port=port or (443 if secure else 80),
            tls=ssl.create_default_context() if secure else None,
            authority=parts.netloc.rpartition("@")[2],
            prefix=parts.path.rstrip("/").removesuffix("/v1"),
            api_key=api_key,
        )

    def request(self, path: str, body: object | None = None) -> bytes:
        """The bytes of a request: a GET, or a POST with a JSON body."""
        data = b"" if body is None else msgspec.json.encode(body)
        lines = [
            f"{'GET' if body is None else 'POST'} {self.prefix}{path} HTTP/1.1",
            f"Host: {self.authority}",
            "User-Agent: modelyard-bench",
        ]
        if self.api_key:
            lines.append(f"Authorization: Bearer {self.api_key}")
        if body is not None:
            lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        return "\r\n".join([*lines, "", ""]).encode() + data

    async def connect(self) -> BenchConnection:
        """Open a connection. Raises `OSError`."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(BenchConnection, self.host, self.port, ssl=self.tls)
        return connection
