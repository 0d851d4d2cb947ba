"""A session in a real browser: our own page uses it without seeing its token, and other pages do not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import EVIL, Site
from tests.live import HELLO, Live, live

PASSWORD = "planted-password-of-ann"

FETCH = """async ([url, method, body, mode]) => {
    const options = {method, mode, credentials: "include"};
    if (body) Object.assign(options, {headers: {"content-type": "application/json"}, body});
    try {
        const answer = await fetch(url, options);
        return {status: answer.status, text: await answer.text()};
    } catch (error) { return {status: 0, text: error.name}; }
}"""
READ_EVENT = """(url) => new Promise((done) => {
    const source = new EventSource(url);
    source.onopen = () => { source.close(); done("open"); };
    source.onerror = () => { source.close(); done("refused"); };
})"""
LOGIN = f'{{"username": "ann", "password": "{PASSWORD}"}}'


@pytest.fixture(scope="module")
def guarded(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server that requires keys, with a user and a model."""
    with live(tmp_path_factory.mktemp("guarded") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers["authorization"] = f"Bearer {root}"
        user = {"username": "ann", "password": PASSWORD, "scopes": ["admin"]}
        assert running.http.post("/v1/admin/users", json=user).status_code == 201
        running.launched("m")
        yield running


def fetch(page: Page, url: str, method: str = "GET", body: str = "", mode: str = "cors") -> dict[str, Any]:
    found: dict[str, Any] = page.evaluate(FETCH, [url, method, body, mode])
    return found


@pytest.fixture
def own(page: Page, guarded: Live) -> Page:
    """A page of the server that has logged in."""
    page.goto(f"{guarded.url}/docs")
    assert fetch(page, "/v1/models")["status"] == 401
    assert fetch(page, "/v1/auth/sessions", "POST", LOGIN)["status"] == 201
    return page


def test_our_own_page_uses_the_session_everywhere_and_never_sees_the_token(own: Page, guarded: Live) -> None:
    (cookie,) = own.context.cookies()
    assert cookie["name"] == f"modelyard_session_{httpx.URL(guarded.url).port}"
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert own.evaluate("document.cookie") == ""
    assert fetch(own, "/v1/models")["status"] == 200
    chat = f'{{"model": "m", "messages": {str(HELLO).replace(chr(39), chr(34))}}}'
    assert fetch(own, "/v1/chat/completions", "POST", chat)["status"] == 200
    assert own.evaluate(READ_EVENT, "/v1/events") == "open", "a stream of events can send no header"
    listed = fetch(own, "/v1/auth/sessions")
    assert '"current":true' in listed["text"] and "Chrome" in listed["text"] and cookie["value"] not in listed["text"]
    own.reload()
    assert '"username":"ann"' in fetch(own, "/v1/auth/me")["text"]
    assert fetch(own, "/v1/auth/sessions/current", "DELETE")["status"] == 200
    assert own.context.cookies() == [] and fetch(own, "/v1/models")["status"] == 401


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", EVIL])
def test_a_page_of_another_origin_cannot_use_the_session(own: Page, guarded: Live, site: Site, name: str) -> None:
    with own.context.new_page() as foreign:
        foreign.goto(site.origin(name))
        for method, path in (("POST", "/v1/chat/completions"), ("DELETE", "/v1/auth/sessions"), ("GET", "/v1/models")):
            body = '{"model": "m"}' if method == "POST" else ""
            assert fetch(foreign, guarded.url + path, method, body)["status"] == 0
        for path in ("/v1/auth/sessions", "/v1/auth/logout", "/v1/auth/password"):
            fetch(foreign, guarded.url + path, "POST", mode="no-cors")
        assert foreign.evaluate(READ_EVENT, f"{guarded.url}/v1/events") == "refused"
    assert fetch(own, "/v1/auth/me")["status"] == 200, "the session is as it was"


def test_a_link_from_another_site_opens_the_page_with_the_session_from_then_on(
    own: Page, guarded: Live, site: Site
) -> None:
    own.goto(site.origin(EVIL))
    own.evaluate("(url) => { location.href = url; }", f"{guarded.url}/docs")
    own.wait_for_url(f"{guarded.url}/docs")
    assert fetch(own, "/v1/models")["status"] == 200


def test_a_session_is_of_one_profile(own: Page, guarded: Live, browser: Browser) -> None:
    other = browser.new_context()
    page = other.new_page()
    page.goto(f"{guarded.url}/docs")
    assert fetch(page, "/v1/models")["status"] == 401
    other.close()


def test_a_server_without_keys_knows_its_own_page(page: Page, server: Live, site: Site) -> None:
    page.goto(f"{server.url}/docs")
    assert fetch(page, "/v1/auth/sessions", "POST")["status"] == 201
    assert '"session":null' not in fetch(page, "/v1/auth/me")["text"]
    page.goto(site.origin("127.0.0.1"))
    assert fetch(page, f"{server.url}/v1/auth/sessions", "DELETE")["status"] == 0
    page.goto(f"{server.url}/docs")
    assert '"session":null' not in fetch(page, "/v1/auth/me")["text"]
