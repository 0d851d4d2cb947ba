"""What an answer looks like on the connection: to clients of HTTP/1.0, to those who expect a 100, and to those who are slow."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from modelyard.core.asgi import Receive, Scope, Send
from modelyard.gateway import http1
from tests.gateway.test_http1 import App, BoundedServer, answers, message, rest, status

PARTS = (b"one ", b"", b"two ", b"three")


class Streaming(App):
    """Answers in parts, with a length at `/length`; `/hosts` names the hosts of the request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] not in ("/parts", "/length", "/hosts"):
            await super().__call__(scope, receive, send)
            return
        hosts = [value.decode() for name, value in scope["headers"] if name == b"host"]
        parts = (json.dumps(hosts).encode(),) if scope["path"] == "/hosts" else PARTS
        headers = [(b"Content-Length", b"13")] if scope["path"] == "/length" else []
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def started(**bounds: Any) -> BoundedServer:
    return BoundedServer(Streaming(), **bounds)


@pytest.fixture(scope="module")
def server() -> Iterator[BoundedServer]:
    server = started()
    yield server
    server.stop()


def ask(server: BoundedServer, line: bytes, *headers: bytes) -> tuple[bytes, bytes]:
    """Head and body of what is answered before the server closes."""
    answer = server.ask(b"\r\n".join([line, *headers, b"", b""]))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head.lower(), body


def test_a_client_of_http_1_0_gets_parts_without_chunks_until_the_end(server: BoundedServer) -> None:
    head, body = ask(server, b"GET /parts HTTP/1.0")
    assert status(head) == 200 and body == b"one two three"
    assert b"transfer-encoding" not in head and b"content-length" not in head


def test_a_client_of_http_1_0_gets_a_length_where_there_is_one(server: BoundedServer) -> None:
    head, body = ask(server, b"GET /length HTTP/1.0")
    assert b"content-length: 13" in head and body == b"one two three"


def test_a_client_of_http_1_1_gets_chunks(server: BoundedServer) -> None:
    head, body = ask(server, b"GET /parts HTTP/1.1", b"Host: x", b"Connection: close")
    assert b"transfer-encoding: chunked" in head
    assert body == b"4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"


@pytest.mark.parametrize(("version", "continues"), [(b"1.1", True), (b"1.0", False)])
def test_a_body_is_asked_for_where_the_client_waits_for_it(
    server: BoundedServer, version: bytes, continues: bool
) -> None:
    """Clients of HTTP/1.0 know no 100."""
    head = (
        b"POST /read HTTP/%s\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\nConnection: close\r\n\r\n"
        % version
    )
    with server.connect() as sock:
        sock.sendall(head)
        if continues:
            assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ab")
        answer = rest(sock)
    assert status(answer) == 200 and b'"size": 2' in answer


@pytest.mark.parametrize(
    ("target", "host", "hosts"),
    [
        (b"/hosts", b"a:1", ["a:1"]),
        (b"http://a:1/hosts", b"a:1", ["a:1"]),
        (b"http://a:1/hosts", b"A:1", ["A:1"]),
        (b"http://a/hosts", b"a", ["a"]),
        (b"http://b:2/hosts", b"a:1", ["a:1", "b:2"]),
        (b"http://a/hosts", b"a:1", ["a:1", "a"]),
        (b"http://a:2/hosts", b"a", ["a", "a:2"]),
        (b"http://[::1]:8/hosts", b"[::1]:8", ["[::1]:8"]),
        (b"http://[::1]/hosts", b"x", ["x", "[::1]"]),
    ],
)
def test_a_host_in_the_target_counts_as_one_of_the_request(
    server: BoundedServer, target: bytes, host: bytes, hosts: list[str]
) -> None:
    _, body = ask(server, b"GET %s HTTP/1.0" % target, b"Host: %s" % host)
    assert json.loads(body) == hosts


def test_a_connection_without_a_request_is_closed_without_a_word() -> None:
    server = started(head_timeout=0.1)
    try:
        with server.connect() as sock:
            assert rest(sock) == b""
        with server.connect() as sock:
            sock.sendall(b"G")
            assert status(answer := rest(sock)) == 408 and "0.1 seconds" in message(answer)
    finally:
        server.stop()


def test_a_body_after_an_answer_is_read_for_a_moment_and_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http1, "LINGER_BYTES", 1000)
    monkeypatch.setattr(http1, "LINGER_SECONDS", 0.1)
    server = started()
    head = b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
    try:
        with server.connect() as sock:
            sock.sendall(head % 1000)
            assert status(answers(sock, 1)) == 200
            sock.sendall(b"a" * 1000)
            sock.sendall(head % 0)
            assert status(answers(sock, 1)) == 200, "the connection goes on"
        for sent in (b"a" * 1001, b"a"):
            with server.connect() as sock:
                sock.sendall(head % 5000)
                assert status(answers(sock, 1)) == 200
                sock.sendall(sent)
                assert sock.recv(1) == b"", "too much, or too late"
    finally:
        server.stop()


def test_where_no_rate_is_asked_a_body_may_take_its_time() -> None:
    server = started(body_window=0.02, min_body_rate=0)
    try:
        with server.connect() as sock:
            sock.sendall(b"POST /read HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\na")
            asyncio.run_coroutine_threadsafe(asyncio.sleep(0.2), server.loop).result(10)
            sock.sendall(b"b")
            assert b'"size": 2' in rest(sock)
    finally:
        server.stop()
