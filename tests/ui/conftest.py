"""One server with models and a knowledge base, one that requires keys, and one Chromium for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import chromium
from tests.live import Live, live
from tests.ui.screen import Watch

PASSWORD = "planted-password"
PATIENCE = 60_000
"""Milliseconds for which a test waits for what it expects, which is there at once on a quiet machine."""


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """An open server with the base `demo`, and the models `echo` (quick), `slow` (20 tokens a second for 10 s) and `vectors`
    (embeddings) of the fake engine; the first two have adapters. What a test adds, it names after itself."""
    with live(tmp_path_factory.mktemp("ui") / "home", arguments=("--demo-base",)) as running:
        running.launched("echo")
        running.launched("slow", tokens=200, tokens_per_second=20)
        running.launched("vectors", model_type="embedding")
        yield running


@pytest.fixture(scope="package")
def demo(server: Live) -> str:
    """The uid of the demo model, a real one of few megabytes, which is launched when the first test needs it."""
    server.launched("demo", model_name="modelyard-demo", model_engine="llama_cpp")
    return "demo"


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server that requires keys. Users: `ann` may do everything, `ben` may chat and see models, `cat` may do nothing."""

    live: Live

    def log_in(self, page: Page, name: str) -> None:
        """Begin a session, as the page's login does."""
        body = {"username": name, "password": PASSWORD}
        answer = page.context.request.post(f"{self.live.url}/v1/auth/sessions", data=body)
        assert answer.status == 201, answer.text()


@pytest.fixture(scope="package")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    with live(tmp_path_factory.mktemp("guarded") / "home") as running:
        root = running.http.post("/v1/admin/keys", json={"name": "root"}).json()["key"]
        running.http.headers["authorization"] = f"Bearer {root}"
        for name, scopes in (("ann", ["admin"]), ("ben", ["models:list", "models:read"]), ("cat", [])):
            user = {"username": name, "password": PASSWORD, "scopes": scopes}
            answer = running.http.post("/v1/admin/users", json=user)
            assert answer.status_code == 201, answer.text
        running.launched("echo")
        yield Guarded(running)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    expect.set_options(timeout=PATIENCE)
    with chromium() as running:
        yield running


@pytest.fixture
def watch(server: Live) -> Watch:
    """What the test's page may not do; a test that provokes an error says so with `watch.expect(404)`."""
    return Watch(server.url)


@pytest.fixture
def page(browser: Browser, watch: Watch) -> Iterator[Page]:
    """A page in a fresh profile. At the end the test fails if the page did what it must not."""
    context = browser.new_context(locale="en-US", color_scheme="light", reduced_motion="reduce")
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    watch.attach(page)
    yield page
    context.close()
    assert watch.problems == []
