"""An HTTP server on loopback whose answers a test writes down, by path; it remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class WebRequest:
    """One request as it came."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> object:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """One answer. `stall` means that the body never comes."""

    body: bytes | str = b""
    kind: str = "text/html; charset=utf-8"
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: bool = False
    promised: int | None = None
    """Content-Length, where it is not true; -1 leaves it out."""

    @classmethod
    def of(cls, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
        """As JSON."""
        return cls(json.dumps(value, ensure_ascii=False), "application/json", status, headers or {})


class Web(ThreadingHTTPServer):
    """`pages` has a reply, or a function that makes one of a request, for each path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pages: dict[str, Reply | Callable[[WebRequest], Reply]] = {}
        self.requests: list[WebRequest] = []
        self.left = threading.Event()
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    server: Web

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = WebRequest(self.command, parts.path, parse_qs(parts.query), headers, body)
        self.server.requests.append(request)
        page = self.server.pages.get(parts.path, Reply("no such page", status=404))
        self._send(page if isinstance(page, Reply) else page(request))

    do_POST = do_GET

    def _send(self, reply: Reply) -> None:
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        length = len(body) if reply.promised is None else reply.promised
        self.send_response(reply.status)
        for name, value in {"Content-Type": reply.kind, **reply.headers}.items():
            self.send_header(name, value)
        if length >= 0:
            self.send_header("Content-Length", str(length))
        self.end_headers()
        if reply.stall:
            self.server.left.wait(60)
            return
        try:
            self.wfile.write(body)
        except OSError:
            return  # who asked has had enough

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@contextmanager
def web() -> Iterator[Web]:
    """A server for as long as the block runs."""
    with Web() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield made
        finally:
            made.left.set()
            made.shutdown()
            thread.join()
