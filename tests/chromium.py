"""The tests' Chromium, started: one for all tests of a folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser_environment import browser, lacks


@contextmanager
def chromium(*more: str) -> Iterator[Browser]:
    """A browser for the time of a block, with more arguments for its command line.

    While it is open, Playwright's event loop runs in this thread, and `asyncio.run` is refused.
    """
    if missing := lacks():
        pytest.skip(missing)
    made = browser()
    arguments: Sequence[str] = ("--no-sandbox", "--disable-gpu", "--no-zygote", *more)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=made.executable, args=arguments, env=dict(made.env))
        yield running
        running.close()
