"""Pictures fetched from a real server on loopback: what is let through, and what is refused before a connection."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.serving import fetching
from modelyard.serving.fetching import Fetcher

PICTURE = b"the bytes of a picture"


class Host(BaseHTTPRequestHandler):
    """Answers by path."""

    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.seen.append(self.path)
        path = self.path.partition("?")[0]
        if path.startswith("/hop/"):
            left = int(path.rpartition("/")[2])
            return self.answer(302, b"", location=f"/hop/{left - 1}" if left else "/a.png")
        if path == "/away":
            return self.answer(302, b"", location="http://169.254.169.254/latest/meta-data")
        if path == "/file":
            return self.answer(302, b"", location="file:///etc/passwd")
        if path == "/page":
            return self.answer(200, b"<html>", kind="text/html")
        if path == "/slow":
            self.answer(200, b"", length=100)
            self.server.left.wait(60)
            return None
        return self.answer(404 if path == "/none" else 200, PICTURE)

    def answer(
        self, status: int, body: bytes, kind: str = "image/png", location: str = "", length: int | None = None
    ) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body) if length is None else length))
        if location:
            self.send_header("location", location)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


class Server(ThreadingHTTPServer):
    """Remembers what was asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Host)
        self.seen: list[str] = []
        self.left = threading.Event()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.left.set()
        made.shutdown()
        thread.join()


def test_a_host_that_is_named_and_no_other(server: Server) -> None:
    url = f"http://{server.host}/a.png"
    assert Fetcher(server.host).fetch_now(url) == PICTURE
    assert Fetcher("Localhost, 127.0.0.1").fetch_now(url) == PICTURE
    for hosts in ("", "127.0.0.1:1", "example.com"):
        with pytest.raises(InvalidParameter, match=server.host) as caught:
            Fetcher(hosts).fetch_now(url)
        assert caught.value.param == "messages"
    assert server.seen == ["/a.png"] * 2


def test_addresses_of_any_language(server: Server) -> None:
    assert Fetcher(server.host).fetch_now(f"http://{server.host}/图 片.png?名=值&x=%20") == PICTURE
    assert server.seen == ["/%E5%9B%BE%20%E7%89%87.png?%E5%90%8D=%E5%80%BC&x=%20"]


def test_three_redirects_are_followed_and_each_is_checked(server: Server) -> None:
    fetcher = Fetcher(server.host)
    assert fetcher.fetch_now(f"http://{server.host}/hop/2") == PICTURE
    with pytest.raises(InvalidParameter, match="more than 3"):
        fetcher.fetch_now(f"http://{server.host}/hop/3")
    with pytest.raises(InvalidParameter, match=r"169\.254\.169\.254.*allowed_media_hosts"):
        fetcher.fetch_now(f"http://{server.host}/away")
    with pytest.raises(InvalidParameter, match="http, https and data"):
        fetcher.fetch_now(f"http://{server.host}/file")


def test_what_is_no_picture_or_too_long(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    fetcher = Fetcher(server.host)
    with pytest.raises(InvalidParameter, match="text/html"):
        fetcher.fetch_now(f"http://{server.host}/page")
    with pytest.raises(InvalidParameter, match="404"):
        fetcher.fetch_now(f"http://{server.host}/none")
    monkeypatch.setattr(fetching, "MOST_BYTES", 5)
    with pytest.raises(InvalidParameter, match="more than 5 bytes"):
        fetcher.fetch_now(f"http://{server.host}/a.png")


def test_a_host_that_never_finishes_is_given_up(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    with pytest.raises(InvalidParameter, match="too long"):
        Fetcher(server.host).fetch_now(f"http://{server.host}/slow")


def test_the_name_is_looked_up_once_and_the_connection_goes_there(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that is public when it is checked and private when it is used would get past a check by name."""
    asked: list[str] = []

    def look_up(host: str, port: int, *rest: object, **more: object) -> list[object]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(fetching, "is_public", lambda place: True)
    with monkeypatch.context() as patched:
        patched.setattr(socket, "create_connection", pinned(asked))
        patched.setattr(socket, "getaddrinfo", look_up)
        port = server.server_address[1]
        assert Fetcher("").fetch_now(f"http://pictures.example:{port}/a.png") == PICTURE
    assert asked == ["pictures.example", "to 127.0.0.1"]


def pinned(asked: list[str]) -> object:
    """`create_connection` without a look-up, which notes where it goes."""

    def connect(place: tuple[str, int], timeout: float | None = None) -> socket.socket:
        asked.append(f"to {place[0]}")
        made = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        made.settimeout(timeout)
        made.connect(place)
        return made

    return connect


@pytest.mark.parametrize(
    "url",
    ["http://localhost/a", "http://127.1/a", "http://2130706433/a", "http://0x7f.1/a", "http://[::1]/a",
     "http://[::ffff:127.0.0.1]/a", "https://10.0.0.1/a", "http://u:p@example.com/a", "ftp://example.com/a",
     "http:///a", "http://[::1/a", "http://h:99999/a", "gopher:x", "//example.com/a"],
)  # fmt: skip
def test_refused_before_a_connection(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object, **rest: object) -> None:
        raise AssertionError("it connects")

    monkeypatch.setattr(socket, "create_connection", never)
    with pytest.raises(InvalidParameter) as caught:
        Fetcher("").fetch_now(url)
    assert url in caught.value.message
