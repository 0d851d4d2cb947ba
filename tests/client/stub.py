"""A real HTTP server on loopback that answers what a test scripts, byte for byte, and keeps the requests it got.

It stands in for a Modelyard server in states that a real one passes through too quickly, or never should.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

Write = Callable[[bytes], None]


@dataclass(frozen=True)
class StubRequest:
    """One request as it arrived."""

    method: str
    path: str
    """With the query."""
    headers: dict[str, str]
    body: Any
    """Decoded JSON, the bytes of a multipart form, or None."""


Answer = Callable[[StubRequest, Write], None]


def json_answer(value: Any, status: int = 200, **headers: str) -> Answer:
    """Answer with JSON."""
    data = json.dumps(value).encode()
    lines = [f"{name.replace('_', '-')}: {text}\r\n" for name, text in headers.items()]

    def answer(request: StubRequest, write: Write) -> None:
        head = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n"
        write(head.encode() + "".join(lines).encode() + b"\r\n" + data)

    return answer


def raw_answer(data: bytes) -> Answer:
    """Answer with these bytes, head included, and close."""

    def answer(request: StubRequest, write: Write) -> None:
        write(data)
        raise ConnectionError("the script closes here")

    return answer


def sse_answer(*portions: bytes) -> Answer:
    """Answer with a stream, each portion as one HTTP chunk."""

    def answer(request: StubRequest, write: Write) -> None:
        write(SSE_HEAD)
        for portion in portions:
            write(http_chunk(portion))
        write(b"0\r\n\r\n")

    return answer


def error_answer(code: str, message: str, status: int, **headers: str) -> Answer:
    """Answer with our error envelope."""
    body = {"error": {"message": message, "type": "x", "code": code, "param": None}, "detail": message}
    return json_answer(body, status, **headers)


SSE_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def http_chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def event(text: str) -> bytes:
    """A chat chunk with this text, as an SSE event."""
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": text}}]}).encode() + b"\n\n"


@dataclass
class Endless:
    """A stream of tokens that ends only when the client leaves, and says when it did."""

    started: threading.Event = field(default_factory=threading.Event)
    left: threading.Event = field(default_factory=threading.Event)

    def __call__(self, request: StubRequest, write: Write) -> None:
        write(SSE_HEAD)
        pace = threading.Event()
        try:
            while True:
                write(http_chunk(event("tick ")))
                self.started.set()
                pace.wait(0.01)
        except OSError:
            self.left.set()
            raise


class Stub:
    """The server. `routes` maps `"GET /v1/models"` (without the query) to an answer; what is not there is a 404."""

    def __init__(self, unix: Path | None = None) -> None:
        """Listen on a free port, or on a Unix socket at the path `unix`."""
        self.routes: dict[str, Answer] = {}
        self.requests: list[StubRequest] = []
        self._listener = (
            socket.create_server(("127.0.0.1", 0))
            if unix is None
            else socket.create_server(str(unix), family=socket.AF_UNIX)
        )
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def last(self) -> StubRequest:
        """The newest request."""
        return self.requests[-1]

    def close(self) -> None:
        self._listener.close()
        for connection in self._connections:
            connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            try:
                for request in _requests(stream):
                    self.requests.append(request)
                    route = f"{request.method} {request.path.partition('?')[0]}"
                    missing = error_answer("path_not_found", f"There is no {route} here.", 404)
                    self.routes.get(route, missing)(request, connection.sendall)
            except (OSError, ValueError):
                connection.close()


def _requests(stream: Any) -> Iterator[StubRequest]:
    while line := stream.readline():
        method, path, _ = line.decode().split(" ")
        headers: dict[str, str] = {}
        while (header := stream.readline().strip()) != b"":
            name, _, value = header.decode().partition(": ")
            headers[name.lower()] = value
        body = stream.read(int(headers.get("content-length", 0)))
        is_form = headers.get("content-type", "").startswith("multipart/")
        yield StubRequest(method, path, headers, body if is_form else json.loads(body) if body else None)


def model(uid: str, **fields: Any) -> dict[str, Any]:
    """A model as `GET /v1/models` lists it."""
    base = {
        "id": uid,
        "object": "model",
        "model_uid": uid,
        "model_type": "LLM",
        "model_name": uid,
        "model_engine": "fake",
        "model_ability": ["chat", "generate"],
        "context_length": 4096,
        "replica": 1,
        "status": "READY",
        "error": None,
        "memory": {"weights": 1, "kv_cache": 1, "overhead": 0, "total": 1536 * 1024 * 1024},
    }
    return base | fields


def replica(number: int, uid: str, status: str = "READY") -> dict[str, Any]:
    """A replica as `GET /v1/models/{uid}/replicas` lists it."""
    return {"replica_id": number, "replica_model_uid": f"{uid}-rep{number}", "worker_address": "-", "status": status}
