"""One Chromium, one server and one foreign web server for all tests in a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page

from tests.chromium import chromium
from tests.live import Live, live

FRIEND, EVIL = "friend.example", "evil.example"
"""Names that the browser takes for 127.0.0.1."""


class Blank(BaseHTTPRequestHandler):
    """Any path is an empty page."""

    def do_GET(self) -> None:
        body = b"<!doctype html><title>foreign</title><iframe name=inner></iframe>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Site:
    """The foreign web server, which is of another site or of the same by the name it is called by."""

    port: int

    def origin(self, name: str) -> str:
        return f"http://{name}:{self.port}"


@pytest.fixture(scope="package")
def site() -> Iterator[Site]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Blank) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield Site(serving.server_port)
        serving.shutdown()


@pytest.fixture(scope="package")
def server(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server without keys, as it comes, that lets in the pages of friend.example."""
    env = {"MODELYARD_CORS_ORIGINS": site.origin(FRIEND)}
    with live(tmp_path_factory.mktemp("browser") / "home", env) as running:
        yield running


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A browser for the tests of this folder."""
    rules = ",".join(f"MAP {name} 127.0.0.1" for name in (FRIEND, EVIL))
    # The second is Chromium's own defence, which other browsers lack.
    with chromium(f"--host-resolver-rules={rules}", "--disable-features=LocalNetworkAccessChecks") as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page of a profile of its own."""
    context = browser.new_context()
    context.set_default_timeout(30_000)
    yield context.new_page()
    context.close()
