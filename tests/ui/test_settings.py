"""Settings: how the page looks, and how the server is set up."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.live import Live, live
from tests.ui.conftest import Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, too_wide


def test_how_the_page_looks(page: Page, server: Live) -> None:
    show(page, server, "#/settings")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("h1")).to_have_text("设置")
    expect(page.locator("html")).to_have_attribute("lang", "zh")
    page.get_by_role("button", name="深色").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.get_by_role("button", name="紧凑").click()
    assert serious(page) == []
    page.reload()
    expect(page.locator("h1")).to_have_text("设置")
    expect(page.locator("html")).to_have_attribute("data-density", "compact")
    page.get_by_role("button", name="English").click()
    page.get_by_label("Single letters are shortcuts").uncheck()
    page.locator("h1").focus()
    press(page, "g", "m")
    expect(page).to_have_url(re.compile("#/settings$"))
    page.get_by_label("Single letters are shortcuts").check()
    page.locator("h1").focus()
    press(page, "g", "m")
    expect(page).to_have_url(re.compile("#/models$"))


def test_how_the_server_is_set_up(page: Page, server: Live) -> None:
    show(page, server, "#/settings/server")
    page.get_by_label("Filter settings").fill("MODELYARD_PORT")
    expect(page.locator(".settings-row")).to_have_count(1)
    expect(page.locator(".settings-row")).to_contain_text("Usually 9997")
    page.get_by_label("Filter settings").fill("no such thing")
    expect(page.locator("main")).to_contain_text("No such setting")
    page.get_by_role("link", name="Engines").click()
    engine = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="llama.cpp"))
    expect(engine).to_contain_text("can run")
    assert serious(page) == []
    page.get_by_role("link", name="Doctor").click()
    expect(page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="home folder"))).to_contain_text(
        "well"
    )
    page.get_by_role("link", name="Prompts and tools").click()
    page.get_by_text("Knowledge base · answer").click()
    expect(page.locator("pre").first).to_contain_text("Answer the question from the sources below")
    expect(page.locator("main")).to_contain_text("calculator")
    assert serious(page) == []
    page.get_by_role("link", name="About").click()
    page.get_by_text("BSD-3-Clause").click()
    expect(page.locator("pre")).to_contain_text("Redistribution and use")
    assert serious(page) == []
    for tab in ("server", "engines", "doctor", "prompts", "about"):
        show(page, server, f"#/settings/{tab}", language="zh", theme="dark", size=NARROW)
        assert serious(page) + too_wide(page) == [], tab


def test_an_installation_and_why_it_failed(page: Page, watch: Watch, tmp_path: Path) -> None:
    """From the list of engines to the log of the job, on a server whose index of packages is empty."""
    nowhere = {"PIP_NO_INDEX": "1", "UV_OFFLINE": "1", "UV_NO_CACHE": "1", "PIP_CONFIG_FILE": "/dev/null"}
    with live(tmp_path / "home", nowhere) as alone:
        watch.origin = alone.url
        show(page, alone, "#/settings/engines")
        engine = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name="vLLM", exact=True))
        engine.get_by_role("button", name="Install").click()
        expect(engine.locator(".settings-job .badge")).to_have_text("Failed", timeout=60_000)
        expect(engine.get_by_role("alert")).to_contain_text("Start it again")
        assert serious(page) == []
        engine.get_by_role("link", name="Installation").click()
        expect(page.locator("h1")).to_have_text("Engine installation: vllm")
        expect(page.get_by_role("log")).to_contain_text("Making an environment for vllm")
        expect(page.locator(".failure-details")).to_have_text("install_failed")
        assert serious(page) == []
        page.get_by_role("button", name="Start again").click()
        page.get_by_role("link", name="All jobs").click()
        expect(page.get_by_role("row").filter(has_text="vllm")).to_have_count(2)
        page.goto("about:blank")


def test_what_takes_a_permission(page: Page, guarded: Guarded, watch: Watch) -> None:
    watch.origin = guarded.live.url
    guarded.log_in(page, "ben")
    show(page, guarded.live, "#/settings/server")
    expect(page.locator("main")).to_contain_text("settings:read")
    page.get_by_role("link", name="Engines").click()
    expect(page.get_by_role("heading", name="llama.cpp")).to_be_visible()
    expect(page.get_by_role("button", name="Install", exact=True)).to_have_count(0)
    page.get_by_role("link", name="Prompts and tools").click()
    expect(page.locator("main")).to_contain_text("tools:use")
