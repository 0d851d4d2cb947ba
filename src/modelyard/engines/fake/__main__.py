"""The process of a fake replica: an HTTP server that is fast enough to be the load source of benchmarks.

A streamed token costs one timer and one write. `answers.py` computes the texts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
import msgspec
import uvloop

from modelyard.engines.fake import TOKEN_VARIABLE, FakeConfig, FakeOptions
from modelyard.engines.fake.answers import AnswerPlan, embed, plan, rerank, texts_of_ids
from modelyard.engines.fake.tokens import classify, detokenize, tokenize

GENERATED = {"/v1/chat/completions": True, "/v1/completions": False}
"""Path → whether it is a chat."""

GARBAGE = b"\x00\x01SSH-2.0-not-http\r\n\r\n" + b"\xff" * 64


@dataclass(slots=True)
class Stats:
    """The answer of `/fake/stats`."""

    requests: int = 0
    connections: int = 0
    """Connections accepted so far."""
    started: int = 0
    finished: int = 0
    abandoned: int = 0
    """Answers whose client disconnected before the end."""
    active: int = 0
    queued: int = 0
    tokens: int = 0
    """Tokens generated."""
    sent_bytes: int = 0
    """Bytes of streamed answers written to the socket."""


@dataclass(slots=True)
class FakeServer:
    """State that all connections share: the options, the counters and the slots."""

    config: FakeConfig
    token: str
    stats: Stats = field(default_factory=Stats)
    ready_at: float = 0.0
    waiting: deque[FakeGeneration] = field(default_factory=deque)
    adapters: dict[str, str] = field(default_factory=dict)
    """Name → path."""

    def enter(self, generation: FakeGeneration) -> None:
        """Start an answer now, or when a slot becomes free."""
        slots = self.config.options.slots
        if slots and self.stats.active >= slots:
            self.waiting.append(generation)
            self.stats.queued = len(self.waiting)
            return
        self.stats.started += 1
        self.stats.active += 1
        generation.begin()

    def leave(self, generation: FakeGeneration, finished: bool) -> None:
        """Free the slot of an answer that has ended or whose client disconnected."""
        if not generation.begun:
            self.waiting.remove(generation)
        else:
            self.stats.active -= 1
            self.stats.finished += finished
            self.stats.abandoned += not finished
            if self.waiting:
                self.enter(self.waiting.popleft())
        self.stats.queued = len(self.waiting)


class FakeConnection(asyncio.Protocol):
    """One client connection: parses requests one after another and answers each."""

    def __init__(self, server: FakeServer) -> None:
        self.server = server
        self.generation: FakeGeneration | None = None
        self.paused = False
        server.stats.connections += 1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are not subclasses
        self.parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        if self.generation:
            self.generation.stop(finished=False)

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if self.generation:
            self.generation.resume()

    def on_message_begin(self) -> None:
        self.url, self.body = b"", b""
        self.headers: dict[bytes, bytes] = {}

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        if self.headers.get(b"expect", b"").lower() == b"100-continue":
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        if self.server.config.options.garbage:
            self.transport.write(GARBAGE)
            return
        path = self.url.partition(b"?")[0].decode()
        try:
            respond(self, self.parser.get_method().decode(), path)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            self.fail(400, f"bad request: {error!r}")

    def answer(self, status: int, body: object) -> None:
        """Send a complete answer: bytes as plain text, else JSON."""
        kind, data = (
            ("text/plain", body) if isinstance(body, bytes) else ("application/json", msgspec.json.encode(body))
        )
        head = f"HTTP/1.1 {status} -\r\ncontent-type: {kind}\r\ncontent-length: {len(data)}\r\n\r\n"
        self.transport.write(head.encode() + data)
        if self.server.config.options.close_after:
            self.transport.close()

    def fail(self, status: int, message: str) -> None:
        """Send an error in OpenAI's envelope."""
        error = {"message": message, "type": "fake_error", "code": status, "param": None}
        self.answer(status, {"error": error})


def metrics(server: FakeServer) -> bytes:
    """Prometheus' text: requests that wait, and with a number of slots the share that is in use."""
    slots, stats = server.config.options.slots, server.stats
    lines = ["# TYPE fake_queued gauge", f"fake_queued {stats.queued}"]
    if slots:
        lines.append(f'fake_kv_cache_share{{engine="0"}} {stats.active / slots}')
    return ("\n".join(lines) + "\n").encode()


def respond(connection: FakeConnection, method: str, path: str) -> None:
    """Answer one request by its path."""
    server = connection.server
    if path == "/health":
        ready = time.monotonic() >= server.ready_at
        connection.answer(200 if ready else 503, {"status": "ok" if ready else "loading"})
        return
    if server.token and connection.headers.get(b"authorization") != b"Bearer " + server.token.encode():
        connection.fail(401, "wrong or missing token")
        return
    reads: dict[str, Callable[[], object]] = {
        "/v1/models": lambda: {"object": "list", "data": [{"id": server.config.uid, "object": "model"}]},
        "/fake/stats": lambda: msgspec.to_builtins(server.stats),
        "/metrics": lambda: metrics(server),
    }
    at_once = AT_ONCE
    if method == "POST" and path in ADAPTING:
        adapt(connection, path, msgspec.json.decode(connection.body, type=dict[str, Any]))
    elif method == "GET" and path in reads:
        connection.answer(200, reads[path]())
    elif method == "POST" and (path in at_once or path in GENERATED):
        body = msgspec.json.decode(connection.body, type=dict[str, Any])
        options = server.config.options
        if given := body.get("fake"):
            options = msgspec.convert({**msgspec.structs.asdict(options), **given}, FakeOptions)
        if misbehave(connection, options):
            return
        if path in at_once:
            made = at_once[path](body, options, server.config.uid)
            if options.answer_seconds:
                asyncio.get_running_loop().call_later(options.answer_seconds, connection.answer, 200, made)
            else:
                connection.answer(200, made)
        else:
            generate(connection, body, options, GENERATED[path])
    else:
        connection.fail(404, f"no {method} {path}")


AT_ONCE: Mapping[str, Callable[[Mapping[str, Any], FakeOptions, str], object]] = {
    "/v1/embeddings": embed,
    "/v1/rerank": rerank,
    "/v1/convert_ids_to_tokens": texts_of_ids,
    "/tokenize": tokenize,
    "/detokenize": detokenize,
    "/classify": classify,
}
"""Path → its answer."""
ADAPTING = ("/v1/load_lora_adapter", "/v1/unload_lora_adapter")


def adapt(connection: FakeConnection, path: str, body: Mapping[str, Any]) -> None:
    """Load or unload an adapter, with vLLM's answers."""
    server, name = connection.server, body["lora_name"]
    if path == ADAPTING[1]:
        known = server.adapters.pop(name, None) is not None
        connection.answer(200, "Success") if known else connection.fail(404, f"no adapter {name}")
    elif server.config.options.adapter_error:
        connection.fail(400, server.config.options.adapter_error)
    elif name in server.adapters:
        connection.fail(400, f"adapter {name} has already been loaded")
    else:
        server.adapters[name] = body["lora_path"]
        connection.answer(200, "Success")


def misbehave(connection: FakeConnection, options: FakeOptions) -> bool:
    """Misbehave as the options say, before any answer. Returns whether no other answer follows."""
    stats = connection.server.stats
    stats.requests += 1
    if options.crash_after_requests and stats.requests >= options.crash_after_requests:
        crash(f"error: crash_after_requests={options.crash_after_requests}")
    if options.garbage:
        connection.transport.write(GARBAGE)
    elif time.monotonic() < connection.server.ready_at:
        connection.fail(503, "loading")
    elif options.error_status:
        connection.fail(options.error_status, f"error_status={options.error_status}")
    elif not options.hang:
        return False
    return True


def crash(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
    os._exit(3)


class FakeGeneration:
    """One answer being generated, paced by timers. `stop` ends it in any state."""

    def __init__(self, connection: FakeConnection, plan: AnswerPlan, options: FakeOptions) -> None:
        self.connection = connection
        self.server = connection.server
        self.plan = plan
        self.options = options
        self.begun = False
        self.done = 0
        """Tokens generated so far."""
        self.loop = asyncio.get_running_loop()
        self.timer: asyncio.Handle | None = None
        connection.generation = self
        marker = plan.event([plan.choice(0, "\x00", None, True)]).partition(b"\r\n")[2].removesuffix(b"\r\n")
        self.before, _, self.after = marker.partition(b"\\u0000")
        self.frame = len(self.before) + len(self.after)

    def begin(self) -> None:
        """Begin when a slot is free."""
        self.begun = True
        if self.plan.stream:
            self.connection.transport.write(self.plan.opening())
        self.due = self.loop.time()
        self.schedule()

    def schedule(self) -> None:
        """Set the timer of the next token; every deadline is relative to the previous one, so the pace does not drift."""
        pace = self.options.tokens_per_second
        if pace:
            self.due += self.options.chunk_tokens / pace
            self.timer = self.loop.call_at(self.due, self.tick)
        else:
            self.timer = self.loop.call_soon(self.tick)

    def tick(self) -> None:
        """Generate the tokens of one event."""
        self.timer = None
        start, options = self.done, self.options
        self.done = min(start + options.chunk_tokens, len(self.plan.pieces))
        self.server.stats.tokens += self.done - start
        if self.plan.stream and self.done > start:
            self.emit("".join(self.plan.pieces[start : self.done]))
        if options.crash_after and self.done >= options.crash_after:
            self.crash()
        elif options.hang_after and self.done >= options.hang_after:
            return
        elif self.done == len(self.plan.pieces):
            self.finish()
        elif not self.connection.paused:
            self.schedule()

    def emit(self, text: str) -> None:
        """Write one event for each choice."""
        if self.plan.choices > 1:
            events = (self.plan.event([self.plan.choice(i, text, None, True)]) for i in range(self.plan.choices))
            data = b"".join(events)
        else:
            middle = msgspec.json.encode(text)[1:-1]
            data = b"%x\r\n%b%b%b\r\n" % (self.frame + len(middle), self.before, middle, self.after)
        self.server.stats.sent_bytes += len(data)
        self.connection.transport.write(data)

    def resume(self) -> None:
        """Continue when the socket accepts bytes again."""
        if self.begun and self.timer is None and self.done < len(self.plan.pieces) and not self.options.hang_after:
            self.due = self.loop.time()
            self.schedule()

    def crash(self) -> None:
        """Exit in the middle of an answer, once the bytes written so far are sent."""
        self.timer = self.loop.call_later(0.02, crash, f"error: crash_after={self.options.crash_after} tokens")

    def finish(self) -> None:
        """End the answer after its last token."""
        self.stop(finished=True)
        if not self.plan.stream:
            self.connection.answer(200, self.plan.whole())
            return
        self.connection.transport.write(self.plan.ending())
        if self.options.close_after:
            self.connection.transport.close()

    def stop(self, finished: bool) -> None:
        """End the answer because it is complete or its client disconnected."""
        if self.timer:
            self.timer.cancel()
        self.connection.generation = None
        self.server.leave(self, finished)


def generate(connection: FakeConnection, body: Mapping[str, Any], options: FakeOptions, chat: bool) -> None:
    """Answer a chat or a completion, which occupies a slot."""
    server = connection.server
    made = plan(body, options, body["model"] if body.get("model") in server.adapters else server.config.uid, chat)
    connection.server.enter(FakeGeneration(connection, made, options))


async def serve(config: FakeConfig, token: str) -> None:
    """Listen until SIGTERM."""
    options = config.options
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, (lambda: None) if options.ignore_sigterm else stopping.set)
    server = FakeServer(config, token, ready_at=time.monotonic() + options.load_seconds)

    def accept() -> FakeConnection:
        return FakeConnection(server)

    if config.uds:
        listener = await loop.create_unix_server(accept, config.uds, backlog=4096)
    else:
        listener = await loop.create_server(accept, config.host, config.port, backlog=4096)
    print(f"fake engine of {config.uid} listens at {config.uds or f'{config.host}:{config.port}'}", flush=True)
    await stopping.wait()
    listener.close()  # uvloop closes a server without references, so this variable keeps it


def main() -> None:
    config = msgspec.json.decode(sys.argv[1], type=FakeConfig)
    if config.options.crash_at_start:
        sys.exit(f"error: {config.options.crash_at_start}")
    uvloop.run(serve(config, os.environ.get(TOKEN_VARIABLE, "")))


if __name__ == "__main__":
    main()
