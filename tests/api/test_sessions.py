"""Sessions of browsers on a real server, and what an attacker tries with their cookies."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from modelyard.client import AsyncClient, Client
from modelyard.core.errors import InvalidKey, NotFound, SessionEnded
from tests.live import HELLO, Live, error_of, live
from tests.processes import wait_for

PASSWORD, OTHER = "planted-password-of-ann", "planted-password-of-nobody"
OWN, FOREIGN = {"sec-fetch-site": "same-origin"}, {"sec-fetch-site": "cross-site"}
PAGE = Path("docs/sessions.md")
CHAT = {"model": "m", "messages": HELLO}


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


class Browser(httpx.Client):
    """A client with a cookie jar, whose requests say that they are of the server's own pages."""

    def __init__(self, server: Live, **options: Any) -> None:
        super().__init__(base_url=server.url, timeout=60, headers={**OWN, "user-agent": "Firefox"}, **options)

    def login(self, username: str = "ann", password: str = PASSWORD) -> dict[str, Any]:
        answer = self.post("/v1/auth/sessions", json={"username": username, "password": password})
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def token(self) -> str:
        return next(cookie.value or "" for cookie in self.cookies.jar)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose administrator's key `server.http` sends, with users ann and bob, and a model."""
    with live(tmp_path_factory.mktemp("sessions") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers.update(bearer(root))
        user(running, "ann", scopes=["admin"])
        user(running, "bob", scopes=["models:list", "models:read"])
        running.launched("m")
        yield running


def user(server: Live, name: str, **more: Any) -> None:
    body = {"username": name, "password": PASSWORD, **more}
    assert server.http.post("/v1/admin/users", json=body).status_code == 201


def key(server: Live, **more: Any) -> str:
    return str(server.http.post("/v1/admin/keys", json={"name": "test", **more}).json()["key"])


@pytest.fixture
def browser(server: Live) -> Iterator[Browser]:
    with Browser(server) as client:
        yield client


@pytest.fixture
def another(server: Live) -> Iterator[Browser]:
    with Browser(server) as client:
        yield client


def test_a_session_from_login_to_logout(server: Live, browser: Browser) -> None:
    assert browser.get("/v1/models").status_code == 401
    answer = browser.post("/v1/auth/sessions", json={"username": "ann", "password": PASSWORD})
    port = httpx.URL(server.url).port
    cookie = answer.headers["set-cookie"]
    assert re.fullmatch(
        rf"modelyard_session_{port}=[\w-]{{43}}; Path=/; Max-Age=\d+; HttpOnly; SameSite=Strict", cookie
    )
    assert answer.headers["cache-control"] == "no-store" and browser.token() not in answer.text
    info = answer.json()
    assert (info["kind"], info["current"], info["user_agent"], info["address"]) == (
        "user",
        True,
        "Firefox",
        "127.0.0.1",
    )
    me = browser.get("/v1/auth/me").json()
    assert (me["username"], me["session"], me["scopes"]) == ("ann", info["id"], ["admin"])
    assert browser.get("/v1/models").status_code == 200
    assert browser.post("/v1/chat/completions", json=CHAT).status_code == 200
    with browser.stream("POST", "/v1/chat/completions", json={**CHAT, "stream": True}) as streamed:
        assert "[DONE]" in streamed.read().decode()
    token = browser.token()
    ended = browser.delete("/v1/auth/sessions/current")
    assert ended.json() == {"result": True} and "Max-Age=0" in ended.headers["set-cookie"] and not browser.cookies
    replayed = {"cookie": f"modelyard_session_{port}={token}"}
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/v1/auth/sessions")):
        answer = browser.request(method, path, json=CHAT if method == "POST" else None, headers=replayed)
        assert (answer.status_code, error_of(answer)["code"]) == (401, "session_ended"), path


def test_the_older_way_to_log_out_ends_a_session_too(browser: Browser) -> None:
    browser.login("bob")
    assert browser.post("/v1/auth/logout").json() == {"result": True} and not browser.cookies
    browser.login("bob")
    token = browser.token()
    browser.login("bob")
    assert browser.get("/v1/models", headers={"cookie": f"modelyard_session={token}"}).status_code == 401
    assert browser.delete("/v1/auth/sessions/current", headers=bearer("my-guess")).status_code == 401


def test_a_session_over_https_has_a_cookie_of_this_host_alone(server: Live, browser: Browser) -> None:
    forwarded = {"x-forwarded-proto": "https", "x-forwarded-for": "203.0.113.9"}
    body = {"username": "bob", "password": PASSWORD}
    answer = browser.post("/v1/auth/sessions", json=body, headers=forwarded)
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-modelyard_session_") and cookie.endswith("; Path=/; " + cookie.split("; ", 2)[2])
    assert cookie.endswith("HttpOnly; SameSite=Strict; Secure") and "Domain" not in cookie
    assert answer.json()["address"] == "203.0.113.9"
    sent = {"cookie": f"modelyard_session=of-a-sibling; {cookie.partition(';')[0]}"}
    assert browser.get("/v1/auth/me", headers=sent).json()["username"] == "bob"
    assert browser.delete("/v1/auth/sessions/current", headers={**sent, **forwarded}).status_code == 200


def test_a_session_with_a_key_has_its_rights_and_ends_with_it(server: Live, browser: Browser) -> None:
    secret = key(server, name="narrow", scopes=["models:list", "models:read"], models=["other"])
    assert browser.post("/v1/auth/sessions", json={"api_key": "my-guess"}).status_code == 401
    info = browser.post("/v1/auth/sessions", json={"api_key": secret}).json()
    assert info["kind"] == "key" and browser.get("/v1/auth/me").json()["models"] == ["other"]
    refused = browser.post("/v1/chat/completions", json=CHAT)
    assert (refused.status_code, error_of(refused)["code"]) == (403, "permission_denied")
    assert browser.get("/v1/admin/keys").status_code == 403
    with Browser(server) as by_header:
        assert by_header.post("/v1/auth/sessions", headers=bearer(secret)).status_code == 201
        assert by_header.get("/v1/auth/me").json()["name"] == "narrow"
        assert server.http.delete(f"/v1/admin/keys/{secret[:8]}").status_code == 200
        assert by_header.get("/v1/models").status_code == browser.get("/v1/models").status_code == 401


def test_a_session_ends_with_its_user(server: Live, browser: Browser) -> None:
    user(server, "eve")
    browser.login("eve")
    assert browser.get("/v1/models").status_code == 200
    assert server.http.delete("/v1/admin/users/eve").status_code == 200
    assert browser.get("/v1/models").status_code == browser.post("/v1/chat/completions", json=CHAT).status_code == 401


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 401),
        (None, 401),
        ({"username": "ann"}, 400),
        ({"password": "x"}, 400),
        ({"username": "ann", "password": PASSWORD, "api_key": "x"}, 400),
        ({"username": 1, "password": []}, 400),
        ({"username": "x" * 201, "password": "x"}, 400),
    ],
)
def test_logins_that_cannot_be(browser: Browser, body: Any, status: int) -> None:
    answer = browser.post("/v1/auth/sessions", json=body) if body is not None else browser.post("/v1/auth/sessions")
    assert answer.status_code == status and error_of(answer)["message"] and "set-cookie" not in answer.headers


# Attacks


@pytest.mark.parametrize("headers", [FOREIGN, {"sec-fetch-site": "same-site"}, {"origin": "http://evil.example"}])
def test_a_foreign_page_with_the_cookie_changes_and_reads_nothing(browser: Browser, headers: dict[str, str]) -> None:
    browser.login()
    del browser.headers["sec-fetch-site"]
    for method, path in (("POST", "/v1/chat/completions"), ("DELETE", "/v1/auth/sessions"), ("POST", "/v1/models")):
        answer = browser.request(method, path, json=CHAT if method == "POST" else None, headers=headers)
        assert (answer.status_code, error_of(answer)["code"]) == (403, "cross_site_refused")
    assert browser.get("/v1/models", headers=headers).status_code == 401, "the cookie does not count"
    assert browser.get("/v1/models").status_code == 200, "a page may be opened"


@pytest.mark.parametrize("headers", [{}, {"sec-fetch-site": "none"}, {"origin": "null"}])
def test_without_proof_that_it_is_our_own_page_a_cookie_changes_nothing(
    server: Live, browser: Browser, headers: dict[str, str]
) -> None:
    browser.login()
    del browser.headers["sec-fetch-site"]
    for method, path in (
        ("POST", "/v1/chat/completions"),
        ("DELETE", "/v1/auth/sessions"),
        ("POST", "/v1/auth/logout"),
    ):
        answer = browser.request(method, path, json=CHAT if method == "POST" else None, headers=headers)
        assert answer.status_code == 403 and error_of(answer)["code"] in ("origin_unproven", "cross_site_refused")
    own = {"origin": server.url}
    assert browser.post("/v1/chat/completions", json=CHAT, headers=own).status_code == 200
    root = {"authorization": server.http.headers["authorization"]}
    assert browser.post("/v1/chat/completions", json=CHAT, headers=root).status_code == 200, "a key needs no proof"


def test_a_token_that_was_planted_before_the_login_is_not_used(
    server: Live, browser: Browser, another: Browser
) -> None:
    """Session fixation: whatever cookie the browser has, a login makes a new token."""
    name = f"modelyard_session_{httpx.URL(server.url).port}"
    planted = "A" * 43
    browser.cookies.set(name, planted, domain="127.0.0.1", path="/")
    browser.login()
    assert planted not in {cookie.value for cookie in browser.cookies.jar if cookie.domain != "127.0.0.1"}
    assert another.get("/v1/models", headers={"cookie": f"{name}={planted}"}).status_code == 401
    another.login("bob")
    attackers = another.token()
    before = browser.get("/v1/auth/sessions").json()["data"]
    with Browser(server) as victim:
        answer = victim.post(
            "/v1/auth/sessions",
            json={"username": "ann", "password": PASSWORD},
            headers={"cookie": f"{name}={attackers}"},
        )
        assert answer.status_code == 201 and attackers not in answer.headers["set-cookie"]
        assert victim.get("/v1/auth/me").json()["username"] == "ann"
    assert another.get("/v1/auth/me").status_code == 401, "the session that the browser had before has ended"
    assert len(browser.get("/v1/auth/sessions").json()["data"]) == len(before) + 1


def test_forged_cookies(server: Live, browser: Browser) -> None:
    browser.login()
    token = browser.token()
    for forged in (token[:-1], token + "A", token.swapcase(), "", "'; --", "../" * 10, "x" * 8000):
        cookie = {"cookie": f"modelyard_session={forged}"}
        with httpx.Client(base_url=server.url, headers={**OWN, **cookie}) as client:
            for answer in (client.get("/v1/models"), client.post("/v1/chat/completions", json=CHAT)):
                assert answer.status_code == 401 and token not in answer.text
    with httpx.Client(base_url=server.url, headers=bearer(token)) as client:
        assert client.get("/v1/models").status_code == 401, "a session's token is no key"


def test_a_session_of_another_owner_is_not_found(server: Live, browser: Browser, another: Browser) -> None:
    mine, others = browser.login("bob"), another.login("ann")
    for path in (others["id"], "no-such-session", "x" * 200):
        answer = browser.delete(f"/v1/auth/sessions/{path}")
        assert (answer.status_code, error_of(answer)["code"]) == (404, "not_found")
    assert another.delete(f"/v1/auth/sessions/{mine['id']}").status_code == 404, "an administrator's own are others"
    assert others["id"] not in browser.get("/v1/auth/sessions").text
    assert another.get("/v1/auth/me").status_code == 200
    assert browser.delete(f"/v1/auth/sessions/{mine['id']}").status_code == 200 and not browser.cookies


def test_logging_out_everywhere(server: Live, browser: Browser, another: Browser) -> None:
    user(server, "dan")
    browser.login("dan")
    another.login("dan")
    token = browser.post("/token", json={"username": "dan", "password": PASSWORD}).json()["access_token"]
    listed = browser.get("/v1/auth/sessions").json()["data"]
    assert [each["current"] for each in listed] == [True, False]
    assert browser.delete("/v1/auth/sessions").json() == {"ended": 3} and not browser.cookies
    assert another.get("/v1/auth/me").status_code == 401
    assert httpx.get(f"{server.url}/v1/auth/me", headers=bearer(token)).status_code == 401


def test_a_stream_of_events_ends_with_its_session(server: Live, browser: Browser, another: Browser) -> None:
    user(server, "flo", scopes=["models:list", "models:read"])
    browser.login("flo")
    another.login("flo")
    with browser.stream("GET", "/v1/events") as events:
        lines = events.iter_lines()
        assert next(line for line in lines if line.startswith("event: "))
        assert another.delete("/v1/auth/sessions").status_code == 200
        assert any("session_ended" in line for line in lines)


def test_the_own_password(server: Live, browser: Browser, another: Browser) -> None:
    user(server, "gil")
    browser.login("gil")
    another.login("gil")
    before = browser.token()
    path, right = "/v1/auth/password", {"old_password": PASSWORD, "new_password": OTHER}
    wrong = browser.post(path, json={**right, "old_password": "wrong"})
    assert (wrong.status_code, error_of(wrong)["param"]) == (400, "old_password")
    short = browser.post(path, json={**right, "new_password": "short"})
    assert (short.status_code, error_of(short)["param"]) == (400, "new_password")
    assert browser.post(path, json=right).json() == {"ended": 1}
    assert another.get("/v1/models").status_code == 401
    assert browser.token() != before and browser.get("/v1/models").status_code == 200
    replayed = {"cookie": f"modelyard_session={before}"}
    with httpx.Client(base_url=server.url, headers=replayed) as thief:
        assert thief.get("/v1/models").status_code == 401
    assert server.http.post(path, json=right).status_code == 400  # a key has no password
    assert server.http.post("/v1/admin/users/gil/password", json={"password": PASSWORD}).json()["username"] == "gil"
    assert browser.get("/v1/models").status_code == 401
    another.login("gil")
    changed = [each["action"] for each in server.http.get("/v1/audit").json()["data"]]
    assert {"sessions.change_password", "sessions.set_password"} <= set(changed)


def test_many_passwords_are_not_tried_whatever_the_name_and_route(tmp_path: Path) -> None:
    """One address tries many users, over both logins and the route that changes a password."""
    with live(tmp_path / "home") as own, Browser(own) as client:
        own.http.headers.update(bearer(key(own, name="root")))
        for name in ("ann", "bob"):
            user(own, name)
        client.login("bob")
        answers = []
        for number in range(16):
            body = {"username": "ann" if number % 4 == 0 else f"user-{number}", "password": "wrong-wrong"}
            path = "/v1/auth/sessions" if number % 2 else "/token"
            answers.append(client.post(path, json=body))
        statuses = [each.status_code for each in answers]
        assert statuses == [401] * 10 + [429] * 6
        assert {json.dumps(each.json()) for each in answers[:10]} == {json.dumps(answers[0].json())}
        assert all(0 < int(each.headers["retry-after"]) <= 60 for each in answers[10:])
        for path, body in (
            ("/v1/auth/sessions", {"username": "ann", "password": PASSWORD}),
            ("/token", {"username": "ann", "password": PASSWORD}),
            ("/v1/auth/sessions", {"api_key": own.http.headers["authorization"][7:]}),
            ("/v1/auth/password", {"old_password": PASSWORD, "new_password": OTHER}),
        ):
            assert client.post(path, json=body).status_code == 429, "a right one is not looked at either"
        assert client.get("/v1/models").status_code == 200
        elsewhere = {"x-forwarded-for": "203.0.113.7"}
        right = {"username": "ann", "password": PASSWORD}
        assert client.post("/v1/auth/sessions", json=right, headers=elsewhere).status_code == 201


# Life of a session


def test_a_session_outlives_a_kill_and_what_had_ended_stays_ended(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with live(home) as first:
        first.http.headers.update(bearer(key(first, name="root")))
        user(first, "ann")
        with Browser(first) as one, Browser(first) as two:
            one.login()
            two.login()
            tokens = [each.token() for each in (one, two)]
            assert two.delete("/v1/auth/sessions/current").status_code == 200
            first.kill()
    with live(home) as second:
        cookies = [{"cookie": f"modelyard_session={token}"} for token in tokens]
        assert httpx.get(f"{second.url}/v1/models", headers=cookies[0]).status_code == 200
        assert httpx.get(f"{second.url}/v1/models", headers=cookies[1]).status_code == 401


def test_tokens_are_renewed_in_use_and_old_ones_are_refused_after_a_moment(tmp_path: Path) -> None:
    with live(tmp_path / "home", {"MODELYARD_SESSION_ROTATION": "0.001"}) as own, Browser(own) as client:
        own.http.headers.update(bearer(key(own, name="root")))
        user(own, "ann")
        client.login()
        first = client.token()
        answer = client.get("/v1/auth/me")
        assert "HttpOnly; SameSite=Strict" in answer.headers["set-cookie"]
        assert answer.headers["cache-control"] == "no-store"
        second = client.token()
        assert second != first
        old = {"cookie": f"modelyard_session={first}"}
        with httpx.Client(base_url=own.url, headers=old) as parallel:
            answer = parallel.get("/v1/models")
            assert answer.status_code == 200 and "set-cookie" not in answer.headers
        wait_for(lambda: client.get("/v1/auth/me").status_code == 200 and client.token() not in (first, second))
        assert len(client.get("/v1/auth/sessions").json()["data"]) == 1
        assert own.http.get("/v1/auth/me").headers.get("set-cookie") is None


def test_a_server_without_keys_has_sessions_too(tmp_path: Path) -> None:
    with live(tmp_path / "home") as own, Browser(own) as page:
        assert page.get("/v1/auth/me").json()["session"] is None
        info = page.post("/v1/auth/sessions").json()
        assert (info["kind"], info["current"]) == ("local", True)
        assert page.get("/v1/auth/me").json()["session"] == info["id"]
        assert page.post("/v1/auth/sessions", json={"username": "a", "password": "b"}).status_code == 400
        proxied = page.post("/v1/auth/sessions", headers={"x-forwarded-host": "models.example"})
        assert proxied.status_code == 400
        foreign = page.post("/v1/auth/sessions", headers=FOREIGN)
        assert (foreign.status_code, error_of(foreign)["code"]) == (403, "cross_site_refused")
        program = httpx.delete(f"{own.url}/v1/auth/sessions", headers={"cookie": f"modelyard_session={page.token()}"})
        assert (program.status_code, error_of(program)["code"]) == (403, "origin_unproven")
        assert [each["id"] for each in page.get("/v1/auth/sessions").json()["data"]] == [info["id"]]
        own.http.headers.update(bearer(key(own, name="root")))
        assert page.get("/v1/models").status_code == 401, "what had no key has no rights when keys are asked for"


# Clients


def test_the_python_client(server: Live) -> None:
    user(server, "hal", scopes=["admin"])
    with Client(server.url) as client, Client(server.url) as other:
        begun = client.auth.begin_session("hal", PASSWORD)
        assert begun["current"] and client.auth.me()["session"] == begun["id"]
        assert client.keys.create("by-session")["key"], "its requests show that they are of no other site"
        there = other.auth.begin_session("hal", PASSWORD)
        assert [each["id"] for each in client.auth.sessions()] == [begun["id"], there["id"]]
        assert client.auth.end_session(there["id"]) == {"result": True}
        with pytest.raises(SessionEnded):
            other.auth.me()
        assert client.auth.change_password(PASSWORD, OTHER) == {"ended": 0}
        with pytest.raises(NotFound):
            client.auth.end_session("nothing")
        assert client.users.set_password("hal", PASSWORD)["username"] == "hal"
        with pytest.raises(SessionEnded):
            client.auth.me()


def test_the_async_client(server: Live) -> None:
    async def run() -> None:
        async with AsyncClient(server.url) as client:
            with pytest.raises(InvalidKey):
                await client.auth.begin_session("bob", "wrong")
            await client.auth.begin_session("bob", PASSWORD)
            assert (await client.auth.me())["username"] == "bob"
            assert (await client.auth.end_session()) == {"result": True}
            with pytest.raises(InvalidKey):
                await client.auth.me()

    asyncio.run(run())


def test_the_snippets_of_the_page(server: Live, capsys: pytest.CaptureFixture[str]) -> None:
    user(server, "page-ann")
    text = PAGE.read_text(encoding="utf-8").replace("http://127.0.0.1:9997", server.url)
    for snippet in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        exec(snippet.replace('"ann"', '"page-ann"').replace("correct horse battery", PASSWORD), {})
    assert "page-ann" in capsys.readouterr().out
