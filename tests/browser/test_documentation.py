"""The search of the documentation's site, typed into in a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Page
from tools.site import build


class Files(SimpleHTTPRequestHandler):
    """The files of a folder, without a log."""

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def documentation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the built site."""
    folder = build(tmp_path_factory.mktemp("docs") / "docs")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(folder))) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}/"
        serving.shutdown()


@pytest.mark.parametrize(
    ("start", "term", "found"),
    [
        ("index.html", "quantisation", "docs/launching.html"),
        ("README.zh-CN.html", "量化方式", "docs/zh/launching.html"),
    ],
)
def test_search_finds_a_term_without_another_origin(
    page: Page, documentation: str, start: str, term: str, found: str
) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    page.goto(documentation + start)
    page.locator(".md-search__button").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("combobox").fill(term)
    dialog.locator(f"a[href*='{found}']").first.wait_for()
    assert [address for address in addresses if not address.startswith((documentation, "blob:", "data:"))] == []
