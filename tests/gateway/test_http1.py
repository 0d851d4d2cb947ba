"""What a client can make a connection take before its request is understood: raw bytes against a real server."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
import uvloop

from modelyard.core.asgi import Receive, Scope, Send
from modelyard.core.config import Settings
from modelyard.gateway.asgi import header
from modelyard.gateway.http1 import LINGER_BYTES, MAX_HEADERS, MAX_PIPELINED, BoundedProtocol, Bounds, bounded

HEAD = b"POST /read HTTP/1.1\r\nHost: x\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SOCKETS = 24 * 1024 * 1024
"""More than the kernel's buffers between two sockets hold."""


class App:
    """Reads a body and tells its size; `/unread` reads nothing, `/held` and `/busy` wait for `release`, `/large` answers much."""

    def __init__(self) -> None:
        self.release = asyncio.Event()
        self.requests = 0
        self.left = threading.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.requests += 1
        body = b""
        if scope["path"] == "/held":
            await receive()
            leaving = asyncio.create_task(self._left(receive))
            await self.release.wait()
            leaving.cancel()
        elif scope["path"] == "/busy":
            await self.release.wait()
        elif scope["path"] != "/unread":
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    self.left.set()
                    return
                body, more = body + message["body"], message["more_body"]
        fields = {"path": scope["path"], "size": len(body), "trailer": header(scope["headers"], b"x-late") is not None}
        answer = b"x" * (64 << 20) if scope["path"] == "/large" else json.dumps(fields).encode()
        length = (b"content-length", str(len(answer)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": answer})

    async def _left(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self.left.set()


class BoundedServer:
    """A server of one connection class, in a thread."""

    def __init__(self, app: App | None = None, **bounds: Any) -> None:
        protocol = type("Tested", (BoundedProtocol,), {"bounds": Bounds(**bounds)})
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.loop = uvloop.new_event_loop()
        self.app = app or App()
        self.mishaps: list[str] = []
        self.loop.set_exception_handler(lambda _, context: self.mishaps.append(str(context)))
        config = uvicorn.Config(self.app, http=protocol, lifespan="off", log_config=None, access_log=False)
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=lambda: self.loop.run_until_complete(self.server.serve([self.listener])))
        self.thread.start()

    def connect(self) -> socket.socket:
        return socket.create_connection(self.listener.getsockname(), timeout=20)

    def ask(self, *parts: bytes) -> bytes:
        """Everything that a server sends until it closes."""
        with self.connect() as sock:
            for part in parts:
                sock.sendall(part)
            return rest(sock)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.app.release.set)
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)
        self.loop.close()
        self.listener.close()
        assert not self.mishaps


def rest(sock: socket.socket) -> bytes:
    found = b""
    while part := sock.recv(65536):
        found += part
    return found


def answers(sock: socket.socket, count: int) -> bytes:
    """What comes until as many answers have begun and the last is complete."""
    found = b""
    while found.count(b"HTTP/1.1") < count or not found.endswith(b"}"):
        part = sock.recv(65536)
        if not part:
            break
        found += part
    return found


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def message(answer: bytes) -> str:
    found: str = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]["message"]
    return found


@pytest.fixture
def server() -> Iterator[BoundedServer]:
    server = BoundedServer()
    yield server
    server.stop()


FLOODS = {
    "headers": (HEAD, b"X-A: " + b"a" * 60_000 + b"\r\n"),
    "small headers": (HEAD, b"a:b\r\n" * 10_000),
    "a header's name": (HEAD, b"a" * 65536),
    "a header's value": (HEAD + b"x: ", b"a" * 65536),
    "the request line": (b"GET /", b"a" * 65536),
    "the method": (b"", b"A" * 65536),
    "empty lines": (b"", b"\r\n" * 32768),
    "chunk extensions": (CHUNKED + b"1;", b"a" * 65536),
    "a quoted chunk extension": (CHUNKED + b'1;a="', b"a" * 65536),
    "trailers": (CHUNKED + b"0\r\n", b"X-A: " + b"a" * 60_000 + b"\r\n"),
    "a trailer's name": (CHUNKED + b"0\r\n", b"a" * 65536),
    "zeros of a chunk's size": (CHUNKED, b"0" * 65536),
    "a body that is not read": (
        b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
        b"a" * 65536,
    ),
    "a head behind a held answer": (b"GET /held HTTP/1.1\r\nHost: x\r\n\r\nGET /", b"a" * 65536),
    "requests behind a held answer": (
        b"GET /held HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n" * 2000,
    ),
}


@pytest.mark.parametrize("kind", FLOODS)
def test_endless_heads_and_bodies_are_ended(server: BoundedServer, kind: str) -> None:
    """The server closes, or stops reading, after which the kernel's buffers take no more."""
    start, piece = FLOODS[kind]
    with server.connect() as sock:
        sock.settimeout(2)
        sent = 0
        try:
            sock.sendall(start)
            while sent < LINGER_BYTES + SOCKETS:
                sent += sock.send(piece)
        except OSError:
            pass
        assert sent < LINGER_BYTES + SOCKETS
        assert server.app.requests <= MAX_PIPELINED + 2


@pytest.mark.parametrize(
    ("sent", "expected", "words"),
    [
        (HEAD + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n", 431, "MODELYARD_MAX_HEAD_BYTES"),
        (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n", 431, "MODELYARD_MAX_HEAD_BYTES"),
        (HEAD + b"a: b\r\n" * (MAX_HEADERS + 1) + b"\r\n", 431, f"{MAX_HEADERS} headers"),
        (CHUNKED + b"1;" + b"a" * 400_000, 431, "extensions"),
        (CHUNKED + b"fffffffffffffffffff\r\n", 400, "HTTP/1.1"),
        (CHUNKED + b"-1\r\n", 400, "HTTP/1.1"),
        (HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", 400, "HTTP/1.1"),
        (HEAD + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "HTTP/1.1"),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: x\r\n\r\n", 400, ""),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "HTTP/1.1"),
        (b"GET http://a:99999999/ HTTP/1.1\r\nHost: x\r\n\r\n", 400, "HTTP/1.1"),
        (b"GET /\xc3\xa9 HTTP/1.1\r\nHost: x\r\n\r\n", 400, "HTTP/1.1"),
    ],
)
def test_wrong_requests_are_refused_with_a_sentence(
    server: BoundedServer, sent: bytes, expected: int, words: str
) -> None:
    answer = server.ask(sent)
    assert status(answer) == expected
    assert b"connection: close" in answer
    assert words in message(answer)


def test_a_head_of_just_under_the_limit_is_taken(server: BoundedServer) -> None:
    head = HEAD + b"Connection: close\r\nX-A: " + b"a" * 65_000 + b"\r\n\r\n"
    assert status(server.ask(*(head[at : at + 9000] for at in range(0, len(head), 9000)))) == 200


def test_slow_heads_are_refused() -> None:
    server = BoundedServer(head_timeout=0.3)
    try:
        slow = [server.connect() for _ in range(20)]
        for each in slow[1:]:
            each.sendall(b"GET / HTT")
        assert rest(slow[0]) == b""
        for each in slow[1:]:
            answer = rest(each)
            assert status(answer) == 408
            assert "MODELYARD_HEAD_TIMEOUT" in message(answer)
        for each in slow:
            each.close()
        assert server.app.requests == 0
    finally:
        server.stop()


@pytest.mark.parametrize("framing", [b"Content-Length: 100000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n5\r\nab"])
def test_a_body_that_does_not_come_is_refused(framing: bytes) -> None:
    server = BoundedServer(body_window=0.2)
    try:
        answer = server.ask(HEAD + framing)
        assert status(answer) == 408
        assert "MODELYARD_MIN_BODY_RATE" in message(answer)
        assert server.app.left.wait(10)
    finally:
        server.stop()


def test_a_body_may_stand_still_while_nobody_reads_it() -> None:
    """The app is busy, so the client is not slow: it gets its answer after many windows."""
    server = BoundedServer(body_window=0.05)
    try:
        with server.connect() as sock:
            sock.sendall(
                b"POST /busy HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n"
                + b"a" * 100_000
            )
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.5), server.loop).result(10)  # many windows
            assert not server.app.left.is_set()
            server.loop.call_soon_threadsafe(server.app.release.set)
            assert status(answers(sock, 1)) == 200
    finally:
        server.stop()


UPGRADE = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize(
    ("framing", "size"),
    [
        (b"Content-Length: 5\r\n\r\nhello", 5),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n2\r\nyo\r\n0\r\n\r\n", 7),
        (b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-Late: 1\r\n\r\n", 5),
        (b"\r\n", 0),
    ],
)
def test_an_upgrade_is_ignored_and_its_body_read(server: BoundedServer, framing: bytes, size: int, step: int) -> None:
    """The connection goes on as HTTP/1.1, with the next request at its right place."""
    sent = HEAD + UPGRADE + framing
    with server.connect() as sock:
        for _ in range(2):
            for at in range(0, len(sent), step):
                sock.sendall(sent[at : at + step])
            answer = answers(sock, 1)
            assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"path": "/read", "size": size, "trailer": False}
        sock.sendall(sent * 3)
        assert answers(sock, 3).count(b'"size": %d' % size) == 3


def test_trailers_are_not_headers(server: BoundedServer) -> None:
    sent = CHUNKED + b"5\r\nhello\r\n0\r\nX-Late: 1\r\nAuthorization: Bearer x\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(sent)
        assert b'"trailer": false' in answers(sock, 1)


def test_pipelined_requests_are_answered_in_order_and_bounded(server: BoundedServer) -> None:
    with server.connect() as sock:
        sock.sendall(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % number for number in range(1000)))
        found = rest(sock)
    paths = [json.loads(b"{" + each.partition(b"{")[2])["path"] for each in found.split(b"HTTP/1.1 ")[1:]]
    assert paths == [f"/{number}" for number in range(len(paths))]
    assert 1 <= len(paths) <= MAX_PIPELINED + 1
    assert b"connection: close" in found.rpartition(b"HTTP/1.1")[2]


def test_pipelined_requests_within_the_bound_keep_the_connection(server: BoundedServer) -> None:
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" * MAX_PIPELINED)
            assert answers(sock, MAX_PIPELINED).count(b'"size": 3') == MAX_PIPELINED


def test_an_unread_body_that_comes_soon_keeps_the_connection(server: BoundedServer) -> None:
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
            assert status(answers(sock, 1)) == 200
            sock.sendall(b"a" * 300_000)


def test_an_answer_that_nobody_reads_is_dropped() -> None:
    server = BoundedServer(write_window=0.2)
    try:
        with server.connect() as sock:
            sock.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
            seen = sock.recv(1)
            for _ in range(1000):
                if not server.server.server_state.connections:
                    break
                asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), server.loop).result(10)
            assert seen and not server.server.server_state.connections
    finally:
        server.stop()


def test_settings_are_the_bounds() -> None:
    settings = Settings(max_head_bytes=9000, head_timeout=7, min_body_rate=0)
    assert bounded(settings).bounds == Bounds(9000, 7, 0)
