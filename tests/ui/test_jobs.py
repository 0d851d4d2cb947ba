"""Jobs: one list of all kinds that changes by itself, each job with its events and log, and what can be done with it."""

from __future__ import annotations

import json
import re
from typing import Any

from playwright.sync_api import Page, expect

from tests.api.knowing import Base
from tests.live import HELLO, Live
from tests.ui.conftest import Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, too_wide


def batch(server: Live, model: str, count: int) -> str:
    """The id of a new batch job of so many requests."""
    body = {"model": model, "messages": HELLO}
    lines = [
        json.dumps({"custom_id": f"q{number}", "method": "POST", "url": "/v1/chat/completions", "body": body})
        for number in range(count)
    ]
    files = {"file": ("questions.jsonl", "\n".join(lines).encode())}
    stored = server.http.post("/v1/files", data={"purpose": "batch"}, files=files).json()
    wanted = {"input_file_id": stored["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    made: dict[str, Any] = server.http.post("/v1/batches", json=wanted).json()
    return str(made["id"])


def row(page: Page, job: str) -> Any:
    return page.get_by_role("row").filter(has=page.locator(f'a[href$="/{job}"]'))


def test_a_job_from_its_beginning_to_its_removal(page: Page, server: Live) -> None:
    """By keyboard: it appears, is opened, shows its events, is cancelled after a question, and is removed."""
    show(page, server, "#/jobs")
    job = batch(server, "slow", 6)
    expect(row(page, job)).to_contain_text(re.compile("Running|Queued"))
    expect(row(page, job)).to_contain_text("/v1/chat/completions")
    assert serious(page) == []
    row(page, job).focus()
    press(page, "Enter")
    expect(page.locator("h1")).to_contain_text("Batch")
    expect(page).to_have_url(re.compile(f"#/jobs/{job}$"))
    expect(page.locator(".jobs-events")).to_contain_text("Running")
    expect(page.get_by_role("progressbar", name="Progress")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Cancel").focus()
    press(page, "Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("What it has done so far stays")
    press(page, "Enter")
    expect(page.locator(".page-head .badge")).to_have_text("Cancelled")
    page.get_by_role("button", name="Remove from the list").click()
    expect(page).to_have_url(re.compile("#/jobs$"))
    expect(row(page, job)).to_have_count(0)


def test_filters_stand_in_the_address_and_a_job_says_what_it_waits_for(page: Page, server: Live) -> None:
    base = Base.made(server, "waits", embedding_model="not-launched")
    job = base.send({"a.txt": b"some words"})["job"]
    show(page, server, "#/jobs?state=waiting")
    expect(row(page, job)).to_contain_text("not-launched")
    expect(row(page, job).locator(".badge")).to_have_text("Waiting")
    page.get_by_label("Kind").select_option("download")
    expect(page).to_have_url(re.compile("kind=download"))
    expect(page.locator("main")).to_contain_text("No job of this kind and state")
    page.get_by_role("button", name="Show all").click()
    expect(row(page, job)).to_be_visible()
    for place in ("#/jobs", f"#/jobs/{job}"):
        show(page, server, place, language="zh", theme="dark", size=NARROW)
        expect(page.locator("main")).to_contain_text("等待中")
        assert serious(page) + too_wide(page) == []
    server.http.post(f"/v1/jobs/{job}/cancel")
    expect(page.locator(".page-head .badge")).to_have_text("已取消")


def test_nothing_there_and_nobody_elses(page: Page, guarded: Guarded, server: Live, watch: Watch) -> None:
    watch.expect(404)
    show(page, server, "#/jobs/0123456789abcdef")
    expect(page.locator("main").get_by_role("alert")).to_contain_text("not_found")
    watch.origin = guarded.live.url
    guarded.log_in(page, "ben")
    show(page, guarded.live, "#/jobs")
    expect(page.locator("main")).to_contain_text("No jobs yet")
    expect(page.get_by_role("link", name="Add documents")).to_be_visible()
