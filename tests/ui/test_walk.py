"""What a new user does in the page alone, from a server with one model to a key for a colleague; the story of docs/page.md.

With WALK_PICTURES=FOLDER in the environment each step leaves a picture there; `tools/pictures.py` makes those of the docs so.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from tools.page_contents import samples

from tests.live import Live, live
from tests.ui.screen import Watch, drop, press, serious, show

pytestmark = pytest.mark.timeout(170)

PICTURES = os.environ.get("WALK_PICTURES")
QUESTION = "窑炉服务监听哪个端口？"
LONG = 60_000
"""Milliseconds that a model may take to start or to answer on a busy machine."""


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Live]:
    """A server as `make run` starts it."""
    with live(tmp_path / "home", arguments=("--launch", "modelyard-demo", "--demo-base")) as running:
        yield running


def test_a_walk_through_the_page(fresh: Live, page: Page, watch: Watch) -> None:
    watch.origin = fresh.url
    launch_a_second_model(page, fresh)
    chat_in_chinese(page, fresh)
    make_a_base(page, fresh)
    ask(page, "4100")
    open_the_citation(page)
    correct_a_chunk(page, fresh)
    show(page, fresh, "#/chat?bases=team")
    ask(page, "4200")
    open_the_corrected_citation(page)
    compare(page, fresh)
    watch_the_plots(page, fresh)
    make_a_key_for_a_colleague(page, fresh)


def step(page: Page, name: str) -> None:
    """The end of a step: nothing serious for axe, and a picture where one is called for."""
    assert serious(page) == [], name
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png")


def send(page: Page, text: str, field: str = "Question", button: str = "Send") -> None:
    page.get_by_label(field, exact=True).fill(text)
    expect(page.get_by_role("button", name=button, exact=True)).to_be_enabled()
    press(page, "Enter")


def launch_a_second_model(page: Page, server: Live) -> None:
    show(page, server, "#/models", language="en")
    expect(page.get_by_role("link", name="modelyard-demo")).to_be_visible()
    page.get_by_role("link", name="Launch").click()
    page.get_by_label("Model", exact=True).fill("modelyard-demo")
    page.get_by_label("Name in requests").fill("second")
    expect(page.get_by_text("It starts as second on llama.cpp.")).to_be_visible(timeout=LONG)
    step(page, "launch")
    press(page, "Control+Enter")
    expect(page).to_have_url(re.compile("#/models/second/overview"))
    expect(page.get_by_role("link", name="Chat", exact=True).last).to_be_visible(timeout=LONG)
    step(page, "model")


def chat_in_chinese(page: Page, server: Live) -> None:
    show(page, server, "#/chat?model=second", language="zh")
    send(page, "你好", "问题", "发送")
    answer = page.locator("article, .chat-message").last
    expect(answer).to_contain_text("Modelyard", timeout=LONG)
    expect(page.get_by_role("button", name="重新回答").last).to_be_visible(timeout=LONG)
    step(page, "chat-zh")


def make_a_base(page: Page, server: Live) -> None:
    """Ten files of ten kinds are dropped at once."""
    show(page, server, "#/knowledge", language="en")
    page.get_by_role("button", name="New knowledge base").first.click()
    page.get_by_label("Name", exact=True).fill("team")
    press(page, "Enter")
    expect(page).to_have_url(re.compile("#/knowledge/team"))
    drop(page, ".knowledge-dropzone", samples())
    expect(page.locator("main")).to_contain_text("Ready (10)", timeout=LONG)
    step(page, "base")
    page.get_by_role("link", name="Chat", exact=True).last.click()


def ask(page: Page, expected: str) -> None:
    send(page, QUESTION)
    expect(page.locator(".chat-citation").first).to_be_visible(timeout=LONG)
    expect(page.locator("main")).to_contain_text(f"窑炉服务的端口是{expected}", timeout=LONG)


def open_the_citation(page: Page) -> None:
    page.locator("button.chat-citation").first.click()
    expect(page.locator(".chat-span")).to_be_in_viewport()
    expect(page.locator(".chat-span")).to_contain_text("窑炉服务监听4100端口")
    step(page, "citation")


def correct_a_chunk(page: Page, server: Live) -> None:
    show(page, server, "#/knowledge/team")
    page.get_by_role("link", name="窑炉.md").click()
    page.get_by_role("button", name="Edit chunk").first.click()
    text = page.locator("main textarea").last
    text.fill(text.input_value().replace("4100", "4200"))
    step(page, "chunk")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(text).to_be_hidden()
    expect(page.locator("main")).to_contain_text("4200端口")


def open_the_corrected_citation(page: Page) -> None:
    """The passage as it was corrected stands before the place in the document, which has the old words."""
    page.locator("button.chat-citation").first.click()
    expect(page.get_by_role("complementary")).to_contain_text("corrected by hand")
    expect(page.locator(".chat-excerpt").first).to_contain_text("4200端口")
    expect(page.locator(".chat-span")).to_contain_text("4100端口")


def compare(page: Page, server: Live) -> None:
    show(page, server, "#/compare?models=modelyard-demo,second")
    send(page, "法国的首都是哪里？")
    expect(page.get_by_role("button", name="Keep this one")).to_have_count(2, timeout=LONG)
    expect(page.get_by_text("法国的首都是巴黎。")).to_have_count(2, timeout=LONG)
    expect(page.get_by_role("table").filter(has_text="First token")).to_be_visible()
    step(page, "compare")


def watch_the_plots(page: Page, server: Live) -> None:
    show(page, server, "#/operations")
    expect(page.locator("main canvas").first).to_be_visible(timeout=LONG)
    step(page, "operations")


def make_a_key_for_a_colleague(page: Page, server: Live) -> None:
    """The first key is one's own, with which this browser is logged in; the next is for somebody else."""
    for name, rights in (("mine", None), ("li", "Ask models")):
        show(page, server, "#/access/keys")
        page.get_by_role("button", name="New key").first.click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Name", exact=True).fill(name)
        if rights:
            dialog.get_by_role("button", name=rights).click()
        dialog.get_by_role("button", name="Create the key").click()
        expect(page.get_by_role("dialog", name=f"The secret of {name}")).to_be_visible()
    step(page, "key")
    assert server.http.get("/v1/models").status_code == 401, "from the first key on, everybody needs one"
