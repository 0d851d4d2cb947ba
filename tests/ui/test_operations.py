"""Operations: plots that go on by themselves, the newest requests, logs of everything, and what happened to models."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.live import Live
from tests.ui.conftest import PASSWORD, Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, too_wide

SCRIPT = "<img src=x onerror=alert(1)>"


def test_figures_from_silence_to_a_plot(page: Page, server: Live, tmp_path: Path) -> None:
    server.launched("watched", tokens=20)
    show(page, server, "#/operations/overview?model=watched")
    expect(page.locator("main")).to_contain_text("No traffic yet")
    server.chat("watched")
    plot = page.get_by_role("figure", name="Requests")
    expect(plot.locator("canvas")).to_be_visible()
    expect(plot.get_by_role("button", name=re.compile("^Requests"))).to_have_attribute("aria-pressed", "true")
    expect(page.locator(".tile", has_text="Time to first token")).to_be_visible()
    assert serious(page) == []

    press(page, "t")
    expect(page).to_have_url(re.compile("range=1h"))
    page.get_by_role("button", name="Replicas").click()
    expect(page).to_have_url(re.compile("by=replica"))
    expect(page.get_by_role("figure", name="Memory")).to_contain_text("watched-rep0")
    page.locator("h1").focus()
    press(page, "Space")
    expect(page.get_by_role("button", name="Continue")).to_have_attribute("aria-pressed", "true")

    memory = page.get_by_role("figure", name="Memory")
    memory.get_by_role("button", name="More of Memory").click()
    page.get_by_role("menuitem", name="As a table").click()
    expect(memory.get_by_role("columnheader", name="watched-rep0")).to_be_visible()
    memory.get_by_role("button", name="More of Memory").click()
    with page.expect_download() as download:
        page.get_by_role("menuitem", name="Download as CSV").click()
    assert download.value.suggested_filename == "Memory.csv"
    download.value.save_as(tmp_path / "memory.csv")
    assert (tmp_path / "memory.csv").read_text().startswith("time,watched-rep0\n20")
    assert serious(page) == []

    show(page, server, "#/operations", language="zh", theme="dark", size=NARROW)
    expect(page.get_by_role("figure", name="内存")).to_be_visible()
    assert serious(page) + too_wide(page) == []


def test_requests_come_by_themselves_and_say_everything_but_their_text(page: Page, server: Live) -> None:
    server.launched("listed")
    show(page, server, "#/operations/requests?model=listed")
    expect(page.locator("main")).to_contain_text("No such request")
    answer = server.chat("listed")
    rows = page.locator("tr[data-row]")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("chat/completions")
    press(page, "j", "Enter")
    expect(page.get_by_role("dialog")).to_contain_text(answer.headers["x-request-id"])
    assert serious(page) == []
    press(page, "Escape")
    page.get_by_label("Status").select_option("5xx")
    expect(page).to_have_url(re.compile("status=5xx"))
    expect(page.locator("main")).to_contain_text("No such request")


def test_logs_are_text_and_are_filtered(page: Page, server: Live) -> None:
    server.launched("talkative")
    ill = {"model_name": "ill", "model_uid": "ill", "model_engine": "fake", "crash_at_start": f"\x1b[31m{SCRIPT}"}
    assert server.http.post("/v1/models", json=ill).status_code == 502
    show(page, server, "#/operations/logs")
    lines = page.get_by_role("log")
    expect(lines).to_contain_text("fake engine of talkative listens")
    expect(lines).to_contain_text(SCRIPT)
    assert lines.locator("img").count() == 0 and "\x1b" not in lines.inner_text()
    page.get_by_label("Filter lines").fill("talkative.*sock")
    expect(lines).to_contain_text("No line matches")
    page.get_by_label("Regular expression").check()
    expect(lines.locator("mark").first).to_contain_text("talkative listens")
    expect(lines).not_to_contain_text(SCRIPT)
    page.get_by_label("Filter lines").fill("(")
    expect(page.locator(".field-error")).to_contain_text("no valid regular expression")
    page.get_by_label("Filter lines").fill("")
    page.get_by_role("button", name="Pause").click()
    server.launched("later")
    expect(page.get_by_role("button", name=re.compile("new$"))).to_be_visible()
    expect(lines).not_to_contain_text("fake engine of later")
    page.get_by_role("button", name=re.compile("new$")).click()
    expect(lines).to_contain_text("fake engine of later")
    assert serious(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the lines").click()
    assert download.value.suggested_filename == "modelyard.log"

    show(page, server, "#/operations/events", size=NARROW)
    expect(page.locator("main")).to_contain_text("Launch model")
    page.get_by_label("Kind").select_option("ERROR")
    expect(page.locator("tr[data-row]").filter(has_text="ill").first).to_contain_text(SCRIPT)
    assert page.locator("main img").count() == 0
    assert serious(page) + too_wide(page) == []
    server.http.delete("/v1/models/ill")


def test_who_may_see_figures_and_no_logs(page: Page, guarded: Guarded, watch: Watch) -> None:
    watch.origin = guarded.live.url
    user = {"username": "viewer", "password": PASSWORD, "scopes": ["monitor:view", "models:list"]}
    assert guarded.live.http.post("/v1/admin/users", json=user).status_code == 201
    guarded.log_in(page, "viewer")
    show(page, guarded.live, "#/operations")
    expect(page.get_by_role("figure", name="Memory")).to_be_visible()
    for tab, scope in (("Logs", "logs:list"), ("Events", "models:read")):
        page.get_by_role("link", name=tab).click()
        expect(page.locator("main")).to_contain_text(scope)


NEWS = """async () => {
    const sheet = [...document.styleSheets].map((each) => each.href).find((each) => each?.endsWith("/style.css"));
    const { SeriesStore } = await import(new URL("pages/operations/series.js", sheet));
    const label = { model: "m", replica: null, device: null, quantile: null, unit: "count" };
    const store = new SeriesStore(6);
    const seen = [];
    for (const [since, step, named] of [
        [100, 1, { requests: [1, 2] }], [102, 1, { requests: [3], ttft: [0.5] }], [103, 1, { ttft: [0.7] }],
        [104, 1, {}], [105, 1, { requests: [4, 5] }], [200, 1, { requests: [6] }], [201, 2, { requests: [7] }],
    ]) {
        const data = Object.entries(named).map(([name, values]) => ({ ...label, name, values }));
        const steps = data[0]?.values.length ?? 1;
        store.add({ since, step, steps, data });
        const { times, series } = store.view(0);
        seen.push([times, Object.fromEntries(series.map((each) => [each.name, each.values]))]);
    }
    return seen;
}"""


def test_series_grow_without_gaps_and_begin_anew_after_one(page: Page, server: Live) -> None:
    show(page, server, "#/operations")
    seen = page.evaluate(NEWS)
    assert seen[1] == [[100, 101, 102], {"requests": [1, 2, 3], "ttft": [None, None, 0.5]}]
    assert seen[2] == [[100, 101, 102, 103], {"requests": [1, 2, 3, 0], "ttft": [None, None, 0.5, 0.7]}]
    assert seen[4] == [
        [101, 102, 103, 104, 105, 106],
        {"requests": [2, 3, 0, 0, 4, 5], "ttft": [None, 0.5, 0.7, None, None, None]},
    ]
    assert seen[5] == [[200], {"requests": [6]}] and seen[6] == [[201], {"requests": [7]}]
