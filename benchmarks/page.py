"""The web page in a browser: how fast it opens, a long chat, fast answers, and the memory of the server behind it.

    python -m benchmarks.page

The browser is the tests' headless Chromium on the same machine as the server; a desk has a processor of its own for each.
*cold* has an empty cache, *warm* a full one. *content* is when the heading of the page stands, *paint* the first pixel of text.
"""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
from playwright.sync_api import Browser, Page
from tests.chromium import chromium

from benchmarks.cold import Server

MESSAGES = 2000
SPEED = 200
SECONDS = 8
OBSERVE = """
    window.contentAt = null;
    new MutationObserver(() => {
        if (window.contentAt === null && document.querySelector("main h1")) window.contentAt = performance.now();
    }).observe(document, { childList: true, subtree: true });
"""
OPEN = """async ([chat, last]) => {
    const start = performance.now();
    location.hash = `#/chat/${chat}`;
    while (!document.querySelector("main").textContent.includes(last)) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    return performance.now() - start;
}"""
FRAMES = """(seconds) => new Promise((done) => {
    const gaps = [];
    let before = performance.now();
    const end = before + seconds * 1000;
    const step = (now) => {
        gaps.push(now - before);
        before = now;
        if (now < end) requestAnimationFrame(step);
        else done(gaps);
    };
    requestAnimationFrame(step);
})"""


@dataclass(frozen=True, slots=True)
class PageRow:
    """One figure, and what it should be at most."""

    figure: str
    value: float
    unit: str
    goal: float


def measure_all(quick: bool = False) -> list[PageRow]:
    """Every figure, on one fresh server."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        server = Server(Path(folder))
        try:
            rows = [*openings(browser, server.url, 3 if quick else 9)]
            memory = psutil.Process(server.process.pid).memory_info().rss
            rows.append(PageRow("memory of the server, idle, after that", memory / 1e6, "MB", 90))
            with opened(browser, server.url) as page, httpx.Client(base_url=server.url, timeout=60) as http:
                rows.append(PageRow(f"a chat of {MESSAGES:,} messages", long_chat(page, http, MESSAGES), "ms", 300))
                rows += fast_answers(page, server.url, http)
        finally:
            server.stop()
        return rows


@contextmanager
def opened(browser: Browser, url: str) -> Iterator[Page]:
    """The page, open at its first place."""
    context = browser.new_context(locale="en-US", viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.add_init_script(OBSERVE)
    page.goto(f"{url}/ui/")
    page.wait_for_function("() => window.contentAt !== null")
    yield page
    context.close()


def openings(browser: Browser, url: str, times: int) -> Iterator[PageRow]:
    """Paint and content with an empty cache and with a full one, medians."""
    found: dict[str, list[dict[str, Any]]] = {"cold": [], "warm": []}
    for _ in range(times):
        with opened(browser, url) as page:
            found["cold"].append(moments(page))
            page.reload()
            page.wait_for_function("() => window.contentAt !== null")
            found["warm"].append(moments(page))
    for kind, each in found.items():
        yield PageRow(f"{kind}: paint", statistics.median(one["paint"] for one in each), "ms", 200)
        yield PageRow(f"{kind}: content", statistics.median(one["content"] for one in each), "ms", 400)


def moments(page: Page) -> dict[str, Any]:
    page.wait_for_function("() => performance.getEntriesByName('first-contentful-paint').length > 0")
    found: dict[str, Any] = page.evaluate(
        "() => ({ paint: performance.getEntriesByName('first-contentful-paint')[0].startTime, content: window.contentAt })"
    )
    return found


def long_chat(page: Page, http: httpx.Client, messages: int) -> float:
    """Milliseconds until the end of a long chat is drawn."""
    chat = http.post("/v1/chats", json={"title": "long"}).json()["id"]
    text = "The answer has **words**, a list\n\n- one\n- two\n\nand `code`. Message {}."
    for number in range(messages):
        body = {"role": "assistant" if number % 2 else "user", "content": text.format(number)}
        http.post(f"/v1/chats/{chat}/messages", json=body).raise_for_status()
    taken: float = page.evaluate(OPEN, [chat, f"Message {messages - 1}."])
    return taken


def fast_answers(page: Page, url: str, http: httpx.Client) -> Iterator[PageRow]:
    """Frames while two answers of many tokens a second are drawn beside each other."""
    for uid in ("one", "two"):
        options = {"tokens": SPEED * (SECONDS + 6), "tokens_per_second": SPEED}
        body = {"model_name": uid, "model_uid": uid, "model_engine": "fake", **options}
        http.post("/v1/models", json=body).raise_for_status()
    page.goto(f"{url}/ui/#/compare?models=one,two")
    page.get_by_label("Question", exact=True).fill("Go on")
    page.get_by_role("button", name="Send", exact=True).click()
    page.wait_for_function("() => document.querySelector('main').textContent.includes('fox')")
    gaps: list[float] = page.evaluate(FRAMES, SECONDS)
    yield PageRow(f"2 × {SPEED} tokens/s: the longest frame", max(gaps), "ms", 100)
    yield PageRow(f"2 × {SPEED} tokens/s: frames over 50 ms", 100 * sum(gap > 50 for gap in gaps) / len(gaps), "%", 5)


def table(rows: list[PageRow]) -> str:
    """The rows as Markdown."""
    lines = ["| | measured | goal |", "|---|--:|--:|"]
    lines += [f"| {row.figure} | {row.value:.0f} {row.unit} | ≤ {row.goal:.0f} {row.unit} |" for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table(measure_all()))
