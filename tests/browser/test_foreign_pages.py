"""What a page of another site can do to a server on the same machine, tried in a real browser: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, Response

from tests.browser.conftest import EVIL, FRIEND, Site
from tests.live import Live

FOREIGN = ["127.0.0.1", "localhost", EVIL]
"""Names of the foreign web server: of the same site as the server but another origin, of another site, and no loopback name."""
ICON, SCRIPT = "/static-offline-docs/favicon.png", "/static-offline-docs/swagger-ui-bundle.js"
"""Files of our documentation, which a browser can show and run."""

SEND = """async ([url, method, kind, body]) => {
    const options = {method, mode: "no-cors", body};
    if (kind === "blob") options.body = new Blob([body]);
    else if (kind === "form") {
        options.body = new FormData();
        options.body.append("knowledge_base_name", "victim");
        options.body.append("files", new File([body], "planted.txt"));
    } else if (kind === "beacon") return String(navigator.sendBeacon(url, body));
    else options.headers = {"content-type": kind};
    if (kind === "application/json") options.mode = "cors";
    try { const answer = await fetch(url, options); return answer.type === "opaque" ? "opaque" : await answer.text(); }
    catch (error) { return error.name; }
}"""
SUBMIT = """([url, enctype, target, fields]) => {
    const form = document.createElement("form");
    Object.assign(form, {action: url, method: "post", enctype, target});
    for (const [name, value] of Object.entries(fields)) {
        const field = document.createElement("input");
        Object.assign(field, {name, value});
        form.append(field);
    }
    document.body.append(form);
    form.submit();
}"""
EMBED = """([kind, url]) => new Promise((done) => {
    const element = document.createElement(kind);
    element.onload = () => done("loaded");
    element.onerror = () => done("failed");
    element.src = url;
    document.body.append(element);
})"""
READ = """async (url) => {
    try { return await (await fetch(url)).text(); } catch (error) { return error.name; }
}"""


def state(server: Live) -> dict[str, Any]:
    """What a page might have changed."""
    documents = server.http.get("/v1/knowledge_bases/victim/documents").json()
    bases = server.http.get("/v1/knowledge_bases").json()["data"]
    models = server.http.get("/v1/models").json()["data"]
    return {
        "bases": sorted(each["name"] for each in bases),
        "documents": sorted(each["name"] for each in documents["data"]),
        "models": sorted(each["id"] for each in models),
        "description": server.http.get("/v1/knowledge_bases/victim").json()["description"],
    }


@pytest.fixture(scope="module")
def document(server: Live) -> str:
    """The path of a document in a knowledge base."""
    assert server.http.post("/v1/knowledge_bases", json={"name": "victim"}).status_code == 200
    sent = server.http.post("/v1/knowledge_bases/victim/documents", files={"files": ("secret.txt", b"secret words")})
    assert sent.status_code < 300, sent.text
    return "/v1/knowledge_bases/victim/documents/secret.txt/content"


@pytest.fixture
def untouched(server: Live, document: str) -> Iterator[None]:
    """Whatever the test does, the server is afterwards as before."""
    before = state(server)
    yield
    assert state(server) == before


def answers(page: Page, server: Live) -> list[tuple[str, int]]:
    """Fills, while the page is used, with the method and status of each answer of the server."""
    seen: list[tuple[str, int]] = []

    def note(response: Response) -> None:
        if response.url.startswith(server.url):
            seen.append((response.request.method, response.status))

    page.on("response", note)
    return seen


SIMPLE = [
    ("/knowledge_base/delete_knowledge_base", "text/plain", "victim"),
    ("/knowledge_base/delete_knowledge_base", "blob", '"victim"'),
    ("/knowledge_base/delete_knowledge_base", "multipart/form-data; boundary=x", '"victim"'),
    ("/v1/knowledge_bases", "text/plain", '{"name":"planted"}'),
    ("/v1/knowledge_bases", "application/x-www-form-urlencoded", '{"name":"planted"}'),
    ("/v1/knowledge_bases", "blob", '{"name":"planted"}'),
    ("/v1/knowledge_bases/victim/documents", "form", "planted"),
    ("/knowledge_base/upload_docs", "form", "planted"),
    ("/v1/models", "blob", '{"model_name":"m","model_uid":"planted","model_engine":"fake"}'),
    ("/v1/chat/completions", "blob", '{"model":"kb:victim","messages":[{"role":"user","content":"x"}]}'),
    ("/v1/models/planted/cancel", "text/plain", ""),
]
"""Requests that a browser sends for any page, without asking the server first."""


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.usefixtures("untouched")
def test_simple_requests_are_refused(page: Page, site: Site, server: Live, name: str) -> None:
    page.goto(site.origin(name))
    seen = answers(page, server)
    for path, kind, body in SIMPLE:
        assert page.evaluate(SEND, [server.url + path, "POST", kind, body]) == "opaque"
    assert seen == [("POST", 403)] * len(SIMPLE)


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.usefixtures("untouched")
def test_requests_with_a_preflight_do_not_come_to_pass(page: Page, site: Site, server: Live, name: str) -> None:
    page.goto(site.origin(name))
    for method, path, body in (
        ("POST", "/v1/knowledge_bases", '{"name":"planted"}'),
        ("POST", "/v1/models", '{"model_name":"m","model_uid":"planted","model_engine":"fake"}'),
        ("DELETE", "/v1/knowledge_bases/victim", None),
        ("PATCH", "/v1/knowledge_bases/victim", '{"description":"planted"}'),
    ):
        assert page.evaluate(SEND, [server.url + path, method, "application/json", body]) == "TypeError"


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.parametrize("target", ["inner", "_self"])
@pytest.mark.usefixtures("untouched")
def test_forms_are_refused(page: Page, site: Site, server: Live, name: str, target: str) -> None:
    forms = [
        ("/knowledge_base/delete_knowledge_base", "text/plain", {"victim": ""}),
        ("/knowledge_base/upload_docs", "multipart/form-data", {"knowledge_base_name": "victim", "files": "planted"}),
        ("/v1/knowledge_bases", "application/x-www-form-urlencoded", {"name": "planted"}),
    ]
    for path, enctype, fields in forms:
        page.goto(site.origin(name))
        with page.expect_response(server.url + path) as answered:
            page.evaluate(SUBMIT, [server.url + path, enctype, target, fields])
        assert answered.value.status == 403
        if target == "_self":
            page.wait_for_url(server.url + path)


@pytest.mark.usefixtures("untouched")
def test_beacons_are_refused(page: Page, site: Site, server: Live) -> None:
    page.goto(site.origin(EVIL))
    url = f"{server.url}/knowledge_base/delete_knowledge_base"
    with page.expect_request(url) as sent:
        assert page.evaluate(SEND, [url, "POST", "beacon", "victim"]) == "true"
    assert sent.value.method == "POST"
    response = sent.value.response()
    assert response is None or response.status == 403


@pytest.mark.parametrize("name", FOREIGN)
@pytest.mark.usefixtures("untouched")
def test_nothing_is_read(page: Page, site: Site, server: Live, document: str, name: str) -> None:
    page.goto(site.origin(name))
    for path in ("/v1/models", "/v1/knowledge_bases", "/health", document):
        assert page.evaluate(READ, server.url + path) == "TypeError"
    for kind, path in (("img", ICON), ("script", SCRIPT), ("audio", document)):
        assert page.evaluate(EMBED, [kind, server.url + path]) == "failed"
    with page.expect_response(f"{server.url}/docs") as framed:
        page.evaluate("(url) => { document.querySelector('iframe').src = url; }", f"{server.url}/docs")
    assert framed.value.status == 403


@pytest.mark.usefixtures("untouched")
def test_a_rebound_page_is_refused(page: Page, server: Live, document: str) -> None:
    """The page came from evil.example before its name pointed here; to the browser the server is now the page's own."""
    rebound = server.url.replace("127.0.0.1", EVIL)
    page.route(f"{rebound}/attack", lambda route: route.fulfill(body="<!doctype html>", content_type="text/html"))
    page.goto(f"{rebound}/attack")
    for path in ("/v1/models", "/v1/knowledge_bases", document, "/docs", "/openapi.json"):
        assert '"host_not_allowed"' in page.evaluate(READ, rebound + path)
    for method, path, body in (
        ("POST", "/v1/knowledge_bases", '{"name":"planted"}'),
        ("DELETE", "/v1/knowledge_bases/victim", None),
        ("POST", "/v1/models", '{"model_name":"m","model_uid":"planted","model_engine":"fake"}'),
        ("POST", "/v1/chat/completions", '{"model":"kb:victim","messages":[{"role":"user","content":"x"}]}'),
    ):
        answer = page.evaluate(SEND, [rebound + path, method, "application/json", body])
        assert "MODELYARD_ALLOWED_HOSTS" in answer


def no_errors(page: Page) -> Callable[[], None]:
    """A check that the page's console has no error."""
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))

    def check() -> None:
        assert said == []

    return check


def test_the_documentation_works(page: Page, server: Live) -> None:
    check = no_errors(page)
    with page.expect_response(f"{server.url}/openapi.json") as described:  # by the page's own script
        page.goto(f"{server.url}/docs")
    assert described.value.status == 200
    check()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_our_own_pages_work(page: Page, server: Live, name: str) -> None:
    own = server.url.replace("127.0.0.1", name)
    check = no_errors(page)
    page.goto(f"{own}/v1/address")
    assert page.evaluate(EMBED, ["img", own + ICON]) == "loaded"
    create = [f"{own}/v1/knowledge_bases", "POST", "application/json", '{"name":"mine"}']
    assert '"name":"mine"' in page.evaluate(SEND, create)
    assert '"mine"' in page.evaluate(READ, f"{own}/v1/knowledge_bases")
    assert '"mine"' in page.evaluate(SEND, [f"{own}/v1/knowledge_bases/mine", "DELETE", "application/json", None])
    check()


def test_pages_that_the_setting_names_work(page: Page, site: Site, server: Live) -> None:
    page.goto(site.origin(FRIEND))
    check = no_errors(page)
    url = f"{server.url}/v1/knowledge_bases"
    assert '"name":"hers"' in page.evaluate(SEND, [url, "POST", "application/json", '{"name":"hers"}'])
    changed = page.evaluate(SEND, [f"{url}/hers", "PATCH", "application/json", '{"description":"changed"}'])
    assert '"changed"' in changed
    assert '"hers"' in page.evaluate(READ, url)
    assert '"hers"' in page.evaluate(SEND, [f"{url}/hers", "DELETE", "application/json", None])
    check()


def test_a_link_from_another_site_opens(page: Page, site: Site, server: Live) -> None:
    page.goto(site.origin(EVIL))
    page.set_content(f'<a href="{server.url}/docs">documentation</a>')
    with page.expect_response(f"{server.url}/docs") as opened:
        page.click("a")
    assert opened.value.status == 200
