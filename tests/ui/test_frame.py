"""The frame: navigation, languages, themes, sizes, the palette, login, and a server that goes away."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.live import Live, live
from tests.ui.conftest import PASSWORD, Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, stored, too_wide

PAGES = ("chat", "models", "knowledge", "jobs", "operations", "access", "settings")


@pytest.mark.parametrize(
    ("language", "theme", "size"), [("en", "light", (1440, 900)), ("zh", "dark", NARROW)], ids=["wide", "narrow"]
)
def test_every_page(page: Page, server: Live, language: str, theme: str, size: tuple[int, int]) -> None:
    """Each opens, has one h1 and its title, nothing that axe calls serious, and never scrolls sideways."""
    found: dict[str, list[str]] = {}
    for name in PAGES:
        show(page, server, f"#/{name}", language=language, theme=theme, size=size)
        assert page.locator("h1").count() == 1, name
        expect(page).to_have_title(re.compile(".+ · Modelyard"))
        found[name] = serious(page) + too_wide(page)
    assert found == {name: [] for name in PAGES}


def test_by_keys_alone(page: Page, server: Live) -> None:
    show(page, server)
    expect(page).to_have_url(re.compile("#/chat$"))
    page.locator("h1").focus()  # letters belong to the field for a message while it has the focus
    press(page, "g", "m")
    expect(page).to_have_url(re.compile("#/models$"))
    press(page, "?")
    expect(page.get_by_role("dialog")).to_be_visible()
    assert serious(page) == []
    press(page, "Escape")
    press(page, "Control+k")
    palette = page.get_by_role("dialog")
    expect(palette).to_be_visible()
    assert serious(page) == []
    page.keyboard.type("sett")
    press(page, "Enter")
    expect(page).to_have_url(re.compile("#/settings"))
    expect(palette).to_have_count(0)


def test_an_address_that_is_none(page: Page, server: Live) -> None:
    show(page, server, "#/nothing")
    expect(page.locator("main")).to_contain_text("There is no page nothing here.")
    page.locator("main").get_by_role("link", name="Chat").click()
    expect(page).to_have_url(re.compile("#/chat$"))


def test_login(page: Page, guarded: Guarded, watch: Watch) -> None:
    """A server with keys asks who comes, says why it refuses, and keeps nothing in the browser that lets anybody in."""
    watch.origin = guarded.live.url
    watch.expect(401)
    page.goto(f"{guarded.live.url}/ui/#/models")
    page.get_by_label("Name", exact=True).fill("ann")
    page.get_by_label("Password", exact=True).fill("wrong")
    press(page, "Enter")
    expect(page.get_by_role("dialog").get_by_role("alert")).to_contain_text("wrong", ignore_case=True)
    assert serious(page) == []
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    press(page, "Enter")
    expect(page.locator("main h1")).to_be_visible()
    expect(page).to_have_url(re.compile("#/models$"))
    kept = str(stored(page))
    assert PASSWORD not in kept and not re.search(r"sk-|token|session", kept)
    page.reload()
    expect(page.locator("main h1")).to_be_visible()


def test_another_person_finds_nothing_of_the_former(page: Page, guarded: Guarded, watch: Watch) -> None:
    """The session of one ends, and somebody else logs in over the page: it begins anew, without what was typed."""
    watch.origin = guarded.live.url
    watch.expect(401)
    guarded.log_in(page, "ann")
    show(page, guarded.live, "#/chat?model=echo")
    page.get_by_label("Question", exact=True).fill("a secret of ann")
    assert "a secret of ann" in str(stored(page))
    page.context.clear_cookies()
    press(page, "Enter")
    page.get_by_label("Name", exact=True).fill("ben")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    with page.expect_navigation(wait_until="load"):
        press(page, "Enter")
    expect(page.get_by_label("Question", exact=True)).to_have_value("")
    assert "ann" not in str(stored(page))


def test_a_page_that_one_may_not_see_names_the_scope(page: Page, guarded: Guarded, watch: Watch) -> None:
    watch.origin = guarded.live.url
    guarded.log_in(page, "ben")
    show(page, guarded.live, "#/operations")
    expect(page.locator("main")).to_contain_text("monitor:view")
    show(page, guarded.live, "#/models")
    expect(page.locator("main")).not_to_contain_text("models:list")


def test_a_server_that_goes_away_and_comes_back(page: Page, watch: Watch, tmp_path: Path) -> None:
    """The page says that it is alone, keeps what it shows, and goes on by itself when the server is there again."""
    with live(tmp_path / "home") as first:
        watch.origin = first.url
        watch.expect(0, texts=["ERR_"])
        show(page, first, "#/models")
        state = page.get_by_role("navigation").get_by_role("status")
        expect(state).to_have_text("Connected")
        first.kill()
        expect(state).to_contain_text("No connection")
        expect(page.locator("main h1")).to_have_text("Models")
    port = str(urlsplit(first.url).port)
    with live(tmp_path / "home", {"MODELYARD_PORT": port}):
        expect(state).to_have_text("Connected", timeout=40_000)
        page.goto("about:blank")
