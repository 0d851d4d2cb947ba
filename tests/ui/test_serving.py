"""How the server hands out the page: addresses, caching, compression, its policy, and pages of others that are refused."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
import subprocess
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Page, expect
from tools.node import node
from tools.page_check import install

from modelyard.ui.files import STATIC, load, without_comments
from tests.live import Live
from tests.ui.proxy import proxied
from tests.ui.screen import Watch, press

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


class Addresses(HTMLParser):
    """Every address in a document, and the texts of its scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inline: list[str] = []
        self._script: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [value for name in ("src", "href") if (value := given.get(name))]
        assert not any(name == "style" or name.startswith("on") for name in given), (tag, given)
        if tag in ("script", "style") and "src" not in given:
            self._script = given.get("type") or tag

    def handle_data(self, data: str) -> None:
        if self._script:
            self.inline.append(self._script)
            self._script = None


def index(server: Live) -> tuple[httpx.Response, Addresses]:
    answer = server.http.get("/ui/")
    parsed = Addresses()
    parsed.feed(answer.text)
    return answer, parsed


def test_the_main_port_leads_browsers_to_the_page(server: Live) -> None:
    answer = server.http.get("/", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"]) == (307, "ui/"), "relative, for a prefix of a proxy"
    assert server.http.get("/").json()["name"] == "modelyard", "programs are told what answers"
    assert server.http.get("/ui", headers=BROWSER).headers["location"] == "ui/"


def test_index_is_fresh_and_its_policy_strict(server: Live) -> None:
    answer, parsed = index(server)
    assert answer.status_code == 200 and answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    again = server.http.get("/ui/", headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert parsed.inline == ["importmap"]
    (imports,) = re.findall(r'<script type="importmap">(.*?)</script>', answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(imports.encode()).digest()).decode()
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["form-action"] == "'none'"
    assert (
        "unsafe" not in answer.headers["content-security-policy"]
        and "http" not in answer.headers["content-security-policy"]
    )
    for each in (answer, again):
        assert each.headers["x-content-type-options"] == "nosniff"
        assert each.headers["referrer-policy"] == "no-referrer"
        assert each.headers["cross-origin-opener-policy"] == "same-origin"


def test_every_file_of_index_is_kept_for_ever_and_compressed(server: Live) -> None:
    _, parsed = index(server)
    files = [address for address in parsed.found if address.startswith("./")]
    assert files and {address for address in parsed.found if not address.startswith("./")} == {"../docs"}
    for address in files:
        answer = server.http.get(f"/ui/{address[2:]}")
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-encoding"] == "gzip"
        assert re.match(r"(text/(javascript|css); charset=utf-8|image/svg\+xml)$", answer.headers["content-type"]), (
            address
        )
        _, _, name = address[2:].partition("/")
        assert answer.content == load().files[name].content()
        plain = server.http.get(f"/ui/{address[2:]}", headers={"accept-encoding": "identity"})
        assert plain.content == answer.content and "content-encoding" not in plain.headers
        head = server.http.head(f"/ui/{address[2:]}")
        assert (head.status_code, head.content) == (200, b"")
        assert int(head.headers["content-length"]) == len(gzip.compress(answer.content, 9, mtime=0))


def printed(folder: Path, change: Callable[[bytes], bytes]) -> dict[str, str]:
    """What TypeScript prints of every module of ours after a change, without comments."""
    for path in STATIC.rglob("*.js"):
        place = path.relative_to(STATIC)
        if place.parts[0] != "vendor":
            (folder / "in" / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / "in" / place).write_bytes(change(path.read_bytes()))
    options = ["--allowJs", "--noCheck", "--noResolve", "--removeComments", "--target", "es2023", "--module", "esnext"]
    files = [str(path) for path in sorted((folder / "in").rglob("*.js"))]
    places = ["--rootDir", str(folder / "in"), "--outDir", str(folder / "out")]
    done = subprocess.run(
        [node(), str(install()), *options, *places, *files], capture_output=True, check=False, timeout=60
    )
    assert done.returncode in (0, 2), done.stdout
    return {path.relative_to(folder).as_posix(): path.read_text() for path in (folder / "out").rglob("*.js")}


def test_dropping_comments_changes_no_code(tmp_path: Path) -> None:
    """TypeScript prints the same code for every module as it is and as it is sent, and lines keep their numbers."""
    whole = printed(tmp_path / "whole", bytes)
    assert len(whole) > 20 and printed(tmp_path / "sent", without_comments) == whole
    for path in STATIC.rglob("lib/*.js"):
        assert without_comments(path.read_bytes()).count(b"\n") == path.read_bytes().count(b"\n")


@pytest.mark.parametrize(
    "path", ["nothing.js", "index.html", "..%2fapp.py", "%2e%2e/app.py", "x/../../app.py", "x/vendor/"]
)
def test_nothing_else_is_served(server: Live, path: str) -> None:
    version = index(server)[1].found[0][2:].partition("/")[0]
    for address in (f"/ui/{path}", f"/ui/{version}/{path}"):
        answer = server.http.get(address)
        assert answer.status_code in (400, 404), address
        assert answer.json()["error"]["code"]


def test_the_page_is_read_only(server: Live) -> None:
    for method in ("POST", "PUT", "DELETE"):
        answer = server.http.request(method, "/ui/")
        assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_pages_of_others_are_refused(server: Live) -> None:
    """A name that was made to resolve to this machine gets nothing, and no other page may show this one in a frame."""
    rebound = server.http.get("/ui/", headers={"host": "evil.example"})
    assert (rebound.status_code, rebound.json()["error"]["code"]) == (421, "host_not_allowed")
    framed = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"}
    assert server.http.get("/ui/", headers=framed).status_code == 403
    sent = server.http.post("/ui/", headers={"origin": "http://evil.example", "sec-fetch-site": "cross-site"})
    assert (sent.status_code, sent.json()["error"]["code"]) == (403, "cross_site_refused")


def test_works_below_a_prefix(page: Page, server: Live, watch: Watch) -> None:
    """Behind a proxy the page, its files, the API and the stream of events are all found below the prefix."""
    with proxied(server.url, "/a/b/") as root:
        watch.origin = root.removesuffix("/a/b")
        try:
            page.goto(f"{root}/")
            expect(page).to_have_url(f"{root}/ui/#/chat")
            expect(page.get_by_role("status").filter(has_text="Connected")).to_be_visible()
            page.locator("main h1").focus()
            press(page, "g", "m")
            expect(page).to_have_url(f"{root}/ui/#/models")
            expect(page.locator("main h1")).to_have_text("Models")
        finally:
            page.goto("about:blank")  # ends the stream of events, for which the proxy waits
