"""The HTTP client against scripted servers: every way an answer can be framed, and every way it can break."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from modelyard.core.types import Address, Endpoint
from tests.gateway.conftest import Yard, chat, route

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
SSE = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"


def read_request(sock: socket.socket) -> bytes:
    """One request, head and body; empty when the peer closed."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(65536)
        if not more:
            return b""
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(int(line[15:]) for line in head.split(b"\r\n") if line.startswith(b"content-length:"))
    while len(body) < length:
        body += sock.recv(65536)
    return head + b"\r\n\r\n" + body


class Scripted:
    """A server that gives each connection its own list of answers, and closes it when they are used up."""

    def __init__(self, scripts: list[list[bytes]]) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(20)
        self.requests: list[bytes] = []
        self.accepted = 0
        self.current: socket.socket | None = None
        self.thread = threading.Thread(target=self.serve, args=(scripts,))
        self.thread.start()

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("scripted", Address(port=self.listener.getsockname()[1]), ((b"X-Token", b"t"),))

    def serve(self, scripts: list[list[bytes]]) -> None:
        for script in scripts:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.accepted += 1
            self.current = sock
            with sock:
                sock.settimeout(20)
                for answer in script:
                    request = read_request(sock)
                    if not request:
                        break
                    self.requests.append(request)
                    sock.sendall(answer)

    def stop(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        if self.current and self.current.fileno() >= 0:
            self.current.shutdown(socket.SHUT_RDWR)
        self.thread.join(20)


@pytest.fixture
def scripted(yard: Yard) -> Iterator[Callable[..., Scripted]]:
    """Makes a server from the answers of its connections, and routes model `m` to it."""
    made: list[Scripted] = []

    def make(*scripts: list[bytes], **more: Any) -> Scripted:
        made.append(Scripted(list(scripts)))
        yard.publish(route(made[-1].endpoint, **more))
        return made[-1]

    yield make
    for each in made:
        each.stop()


WHOLE = OK + b"content-length: 2\r\n\r\n{}"


@pytest.mark.parametrize(
    "answer",
    [
        WHOLE,
        OK + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
        OK + b"Connection: close\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\n\r\n{}",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + WHOLE,
        OK + b"content-length: 2\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\nset-cookie: a=b\r\n\r\n{}",
    ],
)
def test_every_framing_of_an_answer_is_read(yard: Yard, scripted: Callable[..., Scripted], answer: bytes) -> None:
    scripted([answer])
    reply = yard.post(chat())
    assert (reply.status, reply.body) == (200, b"{}")
    assert not {"x-hop", "keep-alive", "link", "set-cookie"} & set(reply.headers)


@pytest.mark.parametrize("status", [204, 304])
def test_answers_without_a_body_are_complete(yard: Yard, scripted: Callable[..., Scripted], status: int) -> None:
    scripted([b"HTTP/1.1 %d x\r\n\r\n" % status])
    reply = yard.post(chat())
    assert (reply.status, reply.body) == (status, b"")


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-x\r\n",
        b"\x00" * 100,
        b"HTTP/1.1 999 x\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 101 x\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\nbad\x01name: x\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_a_502(yard: Yard, scripted: Callable[..., Scripted], answer: bytes) -> None:
    server = scripted([answer], [answer])
    reply = yard.post(chat())
    assert (reply.status, reply.json["error"]["code"]) == (502, "upstream_failed")
    assert server.accepted == 1  # bytes came, so it is not tried again


@pytest.mark.parametrize(
    "answer", [OK + b"content-length: 10\r\n\r\n{}", OK + b"transfer-encoding: chunked\r\n\r\n1\r\n{\r\n"]
)
def test_a_broken_answer_cannot_be_taken_for_a_whole_one(
    yard: Yard, scripted: Callable[..., Scripted], answer: bytes
) -> None:
    scripted([answer])
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        yard.post(chat())


def test_a_stream_that_breaks_inside_an_event_ends_with_an_error_event(
    yard: Yard, scripted: Callable[..., Scripted]
) -> None:
    scripted([SSE + b"transfer-encoding: chunked\r\n\r\n8\r\ndata: {}\r\n"])
    *_, error, empty = yard.post(chat(stream=True)).body.split(b"\n\n")
    assert json.loads(error.removeprefix(b"data: "))["error"]["code"] == "upstream_failed"
    assert empty == b""


def test_a_stale_connection_is_replaced(yard: Yard, scripted: Callable[..., Scripted]) -> None:
    """The server takes the second request on the old connection and closes it without a word."""
    server = scripted([WHOLE, b""], [WHOLE])
    assert yard.post(chat()).status == 200
    assert yard.post(chat()).status == 200
    assert len(server.requests) == 3
    assert server.accepted == 2


def test_a_fresh_connection_is_not_tried_twice(yard: Yard, scripted: Callable[..., Scripted]) -> None:
    server = scripted([b""], [b""])
    assert yard.post(chat()).status == 502
    assert server.accepted == 1


def test_surplus_bytes_end_a_connection(yard: Yard, scripted: Callable[..., Scripted]) -> None:
    server = scripted([WHOLE + WHOLE], [WHOLE])
    assert yard.post(chat()).body == b"{}"
    assert yard.post(chat()).body == b"{}"
    assert server.accepted == 2


def test_a_replica_gets_the_headers_but_no_credentials(yard: Yard, scripted: Callable[..., Scripted]) -> None:
    server = scripted([WHOLE])
    body = b'{ "model":"m",  "messages":[{"role":"user","content":"\\u4f60"}], "extra": 1e400 }'
    secrets = {"authorization": "Bearer mine", "cookie": "c=1", "x_api_key": "k", "proxy_authorization": "p"}
    headers = {"x_token": "forged", "te": "trailers", "connection": "x-private", "x_private": "1", "x_kept": "yes"}
    yard.post(body, x_request_id="id-1", **secrets, **headers)
    head, _, sent = server.requests[0].partition(b"\r\n\r\n")
    assert sent == body
    first, *lines = head.decode().lower().split("\r\n")
    given = dict(line.split(": ", 1) for line in lines)
    assert first == "post /v1/chat/completions http/1.1"
    assert given["x-token"] == "t"
    assert given["x-kept"] == "yes"
    assert given["x-request-id"] == "id-1"
    assert given["host"].startswith("127.0.0.1:")
    assert not {"authorization", "cookie", "x-api-key", "proxy-authorization", "te", "connection", "x-private"} & set(
        given
    )


def test_foreign_servers_have_their_own_names_and_paths(yard: Yard) -> None:
    server = Scripted([[WHOLE]])
    port = server.listener.getsockname()[1]
    there = Endpoint("there", Address(port=port, prefix="/api/openai/v9"))
    yard.publish(route(there, upstream_name="gpt-x"))
    yard.post(chat(), "/v1/chat/completions?api-version=3")
    server.stop()
    assert server.requests[0].startswith(b"POST /api/openai/v9/chat/completions?api-version=3 HTTP/1.1\r\n")
    assert json.loads(server.requests[0].partition(b"\r\n\r\n")[2])["model"] == "gpt-x"


def test_sockets_to_replicas_send_at_once(yard: Yard, scripted: Callable[..., Scripted]) -> None:
    server = scripted([WHOLE, WHOLE])
    yard.post(chat())
    connection = yard.on_loop(lambda: yard.gateway._pool.reuse(server.endpoint.address))
    assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    yard.on_loop(lambda: yard.gateway._pool.put_back(connection))
