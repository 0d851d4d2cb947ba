"""How tests look at the page: open a place of it, ask axe, and note everything that a page must never do."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import ConsoleMessage, Page, Request, Response

from tests.live import Live

WIDE, NARROW = (1440, 900), (360, 740)
"""Sizes of a desk's window and of a telephone, in CSS pixels."""

REMEMBER = """(wishes) => {
    if (location.protocol === "about:") return;
    const kept = JSON.parse(localStorage.getItem("modelyard") ?? "{}");
    localStorage.setItem("modelyard", JSON.stringify({ ...kept, ...wishes }));
}"""
REPORT = """addEventListener("securitypolicyviolation", (event) => {
    console.error(`CSP: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}:${event.lineNumber}`);
});"""
SERIOUS = """async () => {
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations
        .filter((each) => each.impact === "serious" || each.impact === "critical")
        .flatMap((each) => each.nodes.map((node) => `${each.id}: ${node.target.join(" ")}: ${node.failureSummary}`));
}"""
LOADED_TWICE = re.compile(r"^Failed to load resource")
"""Chromium's line in the console about an answer with an error, which is judged by its status instead."""


@dataclass
class Watch:
    """What a page does that it must not: errors, refused requests, requests to other origins, breaches of the policy."""

    origin: str
    problems: list[str] = field(default_factory=list)
    statuses: set[int] = field(default_factory=set)
    """Statuses of errors that the test provokes; 0 is no answer."""
    texts: list[str] = field(default_factory=list)
    """Parts of messages in the console that the test provokes."""

    def expect(self, *statuses: int, texts: Iterable[str] = ()) -> None:
        """Say which errors of the server, and messages, the test is about."""
        self.statuses.update(statuses)
        self.texts.extend(texts)

    def attach(self, page: Page) -> None:
        """Begin to listen."""
        page.add_init_script(REPORT)
        page.on("console", self._console)
        page.on("pageerror", lambda error: self._note(f"error: {error}"))
        page.on("request", self._request)
        page.on("response", self._response)
        page.on("requestfailed", self._failed)

    def _note(self, problem: str) -> None:
        if not any(text in problem for text in self.texts):
            self.problems.append(problem)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not LOADED_TWICE.match(message.text):
            self._note(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        scheme, place, *_ = urlsplit(request.url)
        if scheme not in ("data", "blob") and f"{scheme}://{place}" != self.origin:
            self._note(f"foreign request: {request.url}")

    def _response(self, response: Response) -> None:
        if response.status >= 400 and response.status not in self.statuses:
            self._note(f"{response.status}: {response.request.method} {response.url}")

    def _failed(self, request: Request) -> None:
        if request.failure != "net::ERR_ABORTED" and 0 not in self.statuses:
            self._note(f"{request.failure}: {request.method} {request.url}")


def show(
    page: Page,
    server: Live | str,
    place: str = "",
    *,
    language: str | None = None,
    theme: str | None = None,
    size: tuple[int, int] = WIDE,
) -> None:
    """Open the page at a place, such as `#/models?q=qwen`, and wait until its heading and texts are there.

    Without a language or theme the page follows the browser, which is English and light here.
    """
    page.set_viewport_size({"width": size[0], "height": size[1]})
    wishes = {name: value for name, value in (("language", language), ("theme", theme)) if value}
    if wishes:
        page.add_init_script(f"({REMEMBER})({wishes!r})")
    root = server if isinstance(server, str) else server.url
    page.goto("about:blank")  # another place of the same page would only be a change of its hash
    page.goto(f"{root}/ui/{place}")
    page.locator("main h1").first.wait_for()
    page.locator("main .skeleton").first.wait_for(state="detached")


def serious(page: Page) -> list[str]:
    """What axe calls serious or critical in the page as it is now."""
    if not page.evaluate("() => 'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found: list[str] = page.evaluate(SERIOUS)
    return found


def too_wide(page: Page) -> list[str]:
    """What makes the page as a whole scroll sideways; nothing may."""
    found: list[str] = page.evaluate(
        """() => {
            const width = document.documentElement.clientWidth;
            if (document.documentElement.scrollWidth <= width) return [];
            return [...document.querySelectorAll("body *")].filter((each) => each.getBoundingClientRect().right > width + 1)
                .slice(0, 5).map((each) => `${each.tagName}.${each.className}`);
        }"""
    )
    return found


def press(page: Page, *keys: str) -> None:
    """Press keys one after the other, as `press(page, "g", "m")`."""
    for key in keys:
        page.keyboard.press(key)


def focus(page: Page) -> str:
    """The name of what has the focus: its label, or its text."""
    found: str = page.evaluate(
        """() => {
            const at = document.activeElement;
            if (!at || at === document.body) return "";
            return (at.getAttribute("aria-label") ?? at.labels?.[0]?.textContent ?? at.textContent ?? "").trim();
        }"""
    )
    return found


def tab_to(page: Page, name: str, most: int = 80) -> None:
    """Press Tab until what is called so has the focus, as somebody without a mouse does."""
    passed: list[str] = []
    for _ in range(most):
        page.keyboard.press("Tab")
        passed.append(focus(page))
        if passed[-1] == name:
            return
    raise AssertionError(f"no {name!r} is reached by Tab, only {passed}")


def stored(page: Page) -> dict[str, Any]:
    """Everything that the page keeps in the browser, but for the session's cookie, which it cannot see."""
    found: dict[str, Any] = page.evaluate("() => ({ ...localStorage, ...sessionStorage })")
    return found


def drop(page: Page, selector: str, files: Iterable[tuple[str, bytes]]) -> None:
    """Drop files on an element, as somebody does who drags them there from a folder."""
    encoded = [[name, base64.b64encode(content).decode()] for name, content in files]
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, content] of files) {
                const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
                transfer.items.add(new File([bytes], name));
            }
            return transfer;
        }""",
        encoded,
    )
    page.dispatch_event(selector, "dragover", {"dataTransfer": transfer})
    page.dispatch_event(selector, "drop", {"dataTransfer": transfer})
