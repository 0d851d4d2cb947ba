"""Who is refused by Host, Origin, Sec-Fetch-Site and content type: the decisions as tables, then the same on real sockets."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from modelyard.api.content_types import mismatch, takes_uploads
from modelyard.api.foreign_pages import PagePolicy, decisive, is_owner, refusal
from modelyard.api.paths import candidates_for
from modelyard.core.config import Settings
from modelyard.core.trust import counts_as_owner
from modelyard.web.router import ManagementRoute
from tests.live import Live, error_of, live

LOOPBACK = PagePolicy()
LISTED = PagePolicy(hosts=frozenset({"models.example", "10.0.0.7"}))
EXPOSED = PagePolicy("0.0.0.0", loopback=False)
INSECURE = PagePolicy("0.0.0.0", loopback=False, insecure=True)
ONE_ADDRESS = PagePolicy("192.168.1.5", loopback=False, insecure=True)
EVERY_HOST = PagePolicy(hosts=frozenset({"*"}))
FRIENDS = PagePolicy(origins=frozenset({b"https://app.example"}))
EVERY_PAGE = PagePolicy(origins=frozenset({b"*"}))


def code(policy: PagePolicy, *pairs: tuple[str, str], method: str = "POST", keys: bool = False) -> str | None:
    """The code of the refusal of a request with these headers; None if it passes."""
    error = refusal(policy, keys, method, "http", decisive((name.encode(), value.encode()) for name, value in pairs))
    return error.code if error else None


@pytest.mark.parametrize("port", ["", ":9997"])
@pytest.mark.parametrize(
    ("policy", "host", "passes"),
    [
        (LOOPBACK, "localhost", True),
        (LOOPBACK, "LocalHost", True),
        (LOOPBACK, "localhost.", True),
        (LOOPBACK, "127.0.0.1", True),
        (LOOPBACK, "127.0.0.2", True),
        (LOOPBACK, "[::1]", True),
        (LOOPBACK, "[0:0:0:0:0:0:0:1]", True),
        (LOOPBACK, "evil.example", False),
        (LOOPBACK, "127.0.0.1.evil.example", False),
        (LOOPBACK, "localhost.evil.example", False),
        (LOOPBACK, "evil.localhost", False),
        (LOOPBACK, "evil.example@127.0.0.1", False),
        (LOOPBACK, "127.0.0.1@evil.example", False),
        (LOOPBACK, "localhost..", False),
        (LOOPBACK, "localhost evil.example", False),
        (LOOPBACK, "localhost,evil.example", False),
        (LOOPBACK, "localhost/evil.example", False),
        (LOOPBACK, "http://localhost", False),
        (LOOPBACK, "0.0.0.0", False),
        (LOOPBACK, "192.168.1.5", False),
        (LOOPBACK, "[fe80::1]", False),
        (LOOPBACK, "[::1", False),
        (LOOPBACK, "::1", False),
        (LOOPBACK, "[evil.example]", False),
        (LOOPBACK, ".", False),
        (LOOPBACK, "", False),
        (LOOPBACK, "l" * 400, False),
        (LISTED, "models.example", True),
        (LISTED, "Models.Example.", True),
        (LISTED, "10.0.0.7", True),
        (LISTED, "localhost", True),
        (LISTED, "other.example", False),
        (LISTED, "sub.models.example", False),
        (EXPOSED, "evil.example", True),
        (INSECURE, "evil.example", False),
        (INSECURE, "localhost", True),
        (INSECURE, "192.168.1.5", True),
        (INSECURE, "[2001:db8::1]", True),
        (ONE_ADDRESS, "192.168.1.5", True),
        (ONE_ADDRESS, "192.168.1.6", False),
        (ONE_ADDRESS, "evil.example", False),
        (EVERY_HOST, "evil.example", True),
    ],
)
def test_hosts(policy: PagePolicy, host: str, passes: bool, port: str) -> None:
    expected = None if passes else "host_not_allowed"
    assert code(policy, ("host", host + port), method="GET") == expected


@pytest.mark.parametrize("host", ["localhost:", "localhost:x", "localhost:123456", "localhost:99:99"])
def test_ports_are_numbers(host: str) -> None:
    assert code(LOOPBACK, ("host", host)) == "host_not_allowed"


def test_one_host_and_no_more() -> None:
    assert code(LOOPBACK) == "host_not_allowed"
    assert code(LOOPBACK, ("host", "localhost"), ("host", "localhost")) == "host_not_allowed"


def test_an_open_server_checks_hosts_until_it_has_keys() -> None:
    assert code(INSECURE, ("host", "evil.example"), keys=True) is None
    listed = PagePolicy("0.0.0.0", loopback=False, hosts=frozenset({"models.example"}))
    assert code(listed, ("host", "evil.example"), keys=True) == "host_not_allowed"
    assert code(LOOPBACK, ("host", "evil.example"), keys=True) == "host_not_allowed"


CROSS, OWN = "cross_site_refused", None
H = "127.0.0.1:9997"


@pytest.mark.parametrize(
    ("policy", "method", "headers", "expected"),
    [
        (LOOPBACK, "POST", {}, OWN),  # curl and SDKs
        (LOOPBACK, "POST", {"origin": f"http://{H}"}, OWN),
        (LOOPBACK, "POST", {"origin": f"https://{H}"}, OWN),  # behind a proxy that ends TLS
        (LOOPBACK, "POST", {"sec-fetch-site": "same-origin"}, OWN),
        (LOOPBACK, "POST", {"sec-fetch-site": "none"}, OWN),
        (LOOPBACK, "POST", {"sec-fetch-site": "same-origin", "origin": "https://public.example"}, OWN),
        (LOOPBACK, "POST", {"sec-fetch-site": "same-site", "origin": "http://127.0.0.1:3000"}, CROSS),
        (LOOPBACK, "POST", {"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, CROSS),
        (LOOPBACK, "POST", {"sec-fetch-site": "cross-site"}, CROSS),
        (LOOPBACK, "POST", {"sec-fetch-site": "new-word"}, CROSS),
        (LOOPBACK, "POST", {"origin": "https://evil.example"}, CROSS),
        (LOOPBACK, "POST", {"origin": "null"}, CROSS),
        (LOOPBACK, "POST", {"origin": ""}, CROSS),
        (LOOPBACK, "POST", {"origin": "http://127.0.0.1:3000"}, CROSS),
        (LOOPBACK, "POST", {"origin": "http://localhost:9997"}, CROSS),
        (LOOPBACK, "POST", {"origin": f"http://{H}.evil.example"}, CROSS),
        (EXPOSED, "PUT", {"origin": "https://evil.example"}, CROSS),
        (LOOPBACK, "PATCH", {"origin": "https://evil.example"}, CROSS),
        (LOOPBACK, "DELETE", {"origin": "https://evil.example"}, CROSS),
        (LOOPBACK, "BREW", {"origin": "https://evil.example"}, CROSS),
        (LOOPBACK, "GET", {"origin": "https://evil.example"}, OWN),  # CORS hides the answer
        (
            LOOPBACK,
            "GET",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"},
            OWN,
        ),
        (
            LOOPBACK,
            "GET",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
            CROSS,
        ),
        (
            LOOPBACK,
            "GET",
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
            CROSS,
        ),
        (
            LOOPBACK,
            "GET",
            {"sec-fetch-site": "same-origin", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
            OWN,
        ),
        (LOOPBACK, "OPTIONS", {"origin": "https://evil.example", "access-control-request-method": "POST"}, CROSS),
        (LOOPBACK, "OPTIONS", {"origin": "https://evil.example"}, OWN),
        (FRIENDS, "OPTIONS", {"origin": "https://app.example", "access-control-request-method": "POST"}, OWN),
        (FRIENDS, "POST", {"origin": "https://app.example", "sec-fetch-site": "cross-site"}, OWN),
        (FRIENDS, "POST", {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, CROSS),
        (EVERY_PAGE, "POST", {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}, OWN),
    ],
)
def test_pages(policy: PagePolicy, method: str, headers: dict[str, str], expected: str | None) -> None:
    assert code(policy, ("host", H), *headers.items(), method=method) == expected


def test_two_origins_are_none_of_ours() -> None:
    own = ("origin", f"http://{H}")
    assert code(LOOPBACK, ("host", H), own, own) == CROSS


@pytest.mark.parametrize(
    ("policy", "headers", "expected"),
    [
        (LOOPBACK, {}, True),
        (LOOPBACK, {"sec-fetch-site": "same-origin"}, True),
        (LOOPBACK, {"x-forwarded-for": "203.0.113.9"}, False),
        (LOOPBACK, {"forwarded": "for=203.0.113.9"}, False),
        (LOOPBACK, {"sec-fetch-site": "cross-site"}, False),
        (EVERY_PAGE, {"origin": "https://evil.example"}, False),
        (FRIENDS, {"origin": "https://app.example"}, False),
        (EVERY_HOST, {}, False),
        (LISTED, {"host": "models.example"}, False),
        (INSECURE, {}, False),
        (EXPOSED, {}, False),
    ],
)
def test_owners(policy: PagePolicy, headers: dict[str, str], expected: bool) -> None:
    pairs = {"host": H, **headers}
    head = decisive((name.encode(), value.encode()) for name, value in pairs.items())
    assert is_owner(policy, "http", head) is expected


def test_who_did_not_pass_is_no_owner() -> None:
    assert not counts_as_owner({})
    assert not counts_as_owner({"state": {"owner": "yes"}})
    assert counts_as_owner({"state": {"owner": True}})


def test_the_setting_takes_names_as_people_write_them() -> None:
    given = Settings(host="localhost", allowed_hosts=" Models.Example:8443, [::2], 10.0.0.7,, ")
    assert PagePolicy.of(given).hosts == {"models.example", "::2", "10.0.0.7"}


def route_of(method: str, path: str) -> ManagementRoute:
    return next(each.route for each in candidates_for(path) if each.route.method == method)


@pytest.mark.parametrize(
    ("method", "path", "kind", "taken"),
    [
        ("POST", "/v1/knowledge_bases", "application/json; charset=utf-8", True),
        ("POST", "/v1/knowledge_bases", "application/ld+json", True),
        ("POST", "/v1/knowledge_bases", "text/plain", False),
        ("POST", "/v1/knowledge_bases", None, False),
        ("POST", "/knowledge_base/delete_knowledge_base", "multipart/form-data; boundary=x", False),
        ("POST", "/v1/knowledge_bases/b/documents", "multipart/form-data; boundary=x", True),
        ("POST", "/v1/knowledge_bases/b/documents", "application/x-www-form-urlencoded", False),
        ("POST", "/knowledge_base/upload_docs", "application/json", False),
        ("POST", "/token", "application/x-www-form-urlencoded", True),
        ("POST", "/token", "application/json", True),
        ("POST", "/token", "text/plain", False),
        ("POST", "/v1/models/m/cancel", "text/plain", False),
        ("DELETE", "/v1/models/m", None, False),
    ],
)
def test_content_types(method: str, path: str, kind: str | None, taken: bool) -> None:
    assert (mismatch(route_of(method, path), kind.encode() if kind is not None else None) is None) is taken


def test_uploads_are_recognised() -> None:
    assert takes_uploads(route_of("POST", "/knowledge_base/upload_temp_docs"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    env = {"MODELYARD_ALLOWED_HOSTS": "models.example", "MODELYARD_CHATCHAT_PORT": "0"}
    with live(tmp_path_factory.mktemp("pages") / "home", env) as running:
        yield running


def raw(server: Live, head: str, port: int | None = None) -> bytes:
    """The first line that answers to a head."""
    port = port or int(server.url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
        sock.sendall(head.replace("\n", "\r\n").encode() + b"\r\nconnection: close\r\n\r\n")
        return sock.recv(4096).partition(b"\r\n")[0]


def test_a_refused_host_learns_the_setting(server: Live) -> None:
    for path in ("/", "/health", "/v1/models", "/docs", "/v1/chat/completions", "/nowhere", "/metrics"):
        answer = server.http.get(path, headers={"host": "evil.example:80"})
        assert answer.status_code == 421 and answer.headers["x-request-id"]
        assert error_of(answer)["code"] == "host_not_allowed"
        assert "'evil.example'" in answer.json()["detail"] and "MODELYARD_ALLOWED_HOSTS" in answer.json()["detail"]
    assert server.http.get("/v1/models", headers={"host": "models.example"}).status_code == 200


def test_heads_that_no_client_sends(server: Live) -> None:
    assert b" 421 " in raw(server, "GET /v1/models HTTP/1.1\nx: y")
    assert b" 421 " in raw(server, "GET /v1/models HTTP/1.1\nhost: localhost\nhost: evil.example")
    assert b" 421 " in raw(server, "GET http://localhost/v1/models HTTP/1.1\nhost: evil.example")
    assert b" 421 " in raw(server, "GET //evil.example/v1/models HTTP/1.1\nhost: evil.example")
    assert b" 421 " in raw(server, "HEAD /v1/models HTTP/1.1\nhost: evil.example")
    assert b" 200 " in raw(server, "GET /v1/models HTTP/1.1\nhost: localhost")


def test_the_second_port_is_guarded_too(server: Live) -> None:
    found = re.search(r"listening for Chatchat's clients on http://\S+:(\d+)", server.output())
    assert found is not None
    for path in ("/", "/v1/models", "/knowledge_base/list_knowledge_bases"):
        assert b" 421 " in raw(server, f"GET {path} HTTP/1.1\nhost: evil.example", int(found[1]))
    assert b" 307 " in raw(server, "GET / HTTP/1.1\nhost: localhost", int(found[1]))


def test_a_page_of_another_site_changes_nothing(server: Live) -> None:
    page = {"origin": "https://evil.example", "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    server.http.post("/v1/knowledge_bases", json={"name": "victim"})
    for path in ("/v1/knowledge_bases/victim/documents", "/knowledge_base/upload_docs"):
        planted = {"files": ("planted.txt", b"planted")}
        answer = server.http.post(path, data={"knowledge_base_name": "victim"}, files=planted, headers=page)
        assert error_of(answer)["code"] == "cross_site_refused"
    plain = {"content-type": "text/plain"}
    path = "/knowledge_base/delete_knowledge_base"
    assert server.http.post(path, content="victim", headers=page | plain).status_code == 403
    assert server.http.post(path, content="victim", headers=plain).status_code == 415
    assert server.http.post("/v1/chat/completions", content="{}", headers=page).status_code == 403
    assert server.http.get("/v1/knowledge_bases/victim/documents").json()["data"] == []


def test_bodies_without_a_type_are_told_what_to_send(server: Live) -> None:
    for path in ("/v1/models", "/v1/chat/completions", "/knowledge_base/create_knowledge_base"):
        for headers in ({}, {"content-type": "application/x-www-form-urlencoded"}):
            answer = server.http.post(path, content=b"{}", headers=headers)
            assert answer.status_code == 415
            assert "-H 'Content-Type: application/json'" in error_of(answer)["message"]


def test_an_open_server_that_others_reach_checks_hosts(tmp_path: Path) -> None:
    with live(tmp_path / "home", arguments=("-H", "0.0.0.0", "--insecure")) as server:
        assert server.http.get("/v1/models").status_code == 200
        assert server.http.get("/v1/models", headers={"host": "evil.example"}).status_code == 421
        key = server.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        headers = {"host": "evil.example", "authorization": f"Bearer {key}"}
        assert server.http.get("/v1/models", headers=headers).status_code == 200
