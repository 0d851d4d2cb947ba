"""The page of knowledge bases: why a search finds what it finds, answers, and evaluation sets."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.api.knowing import Base
from tests.live import Live
from tests.ui.screen import press, serious, show

DOCUMENTS = {
    "leave.txt": b"Every employee has twenty-four days of annual leave a year.",
    "pay.txt": b"Salaries are paid on the last day of each month.",
    "gate.txt": b"The gate is green, and it is locked at night.",
}
PLACE = "#/knowledge/ui%20search"


@pytest.fixture(scope="module")
def base(server: Live) -> Iterator[Base]:
    made = Base.made(server, "ui search", embedding_model="vectors")
    made.add(DOCUMENTS)
    yield made


def test_lists_of_candidates(page: Page, server: Live, base: Base) -> None:
    """Each list with its ranks, one candidate with all that is known, what was dropped and why, and the link to its place."""
    show(page, server, f"{PLACE}/search")
    expect(page.get_by_text("See why a search finds what it finds")).to_be_visible()
    page.get_by_label("Question or words").fill("annual leave")
    press(page, "Control+Enter")
    words = page.get_by_role("region", name="Words")
    first = words.get_by_role("button").first
    expect(first).to_contain_text("leave.txt")
    expect(first.locator("mark").first).to_have_text(re.compile("annual", re.IGNORECASE))
    expect(page.locator("main")).to_contain_text(re.compile(r"\d ms"))
    expect(page).to_have_url(re.compile("q=annual"))
    first.click()
    chosen = page.get_by_role("region", name="Chosen chunk")
    expect(chosen).to_contain_text("Matched terms")
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    assert serious(page) == []
    page.get_by_label("Least score").fill("1")
    page.get_by_label("Filter (JSON)").fill('{"document": "pay.txt"}')
    press(page, "Control+Enter")
    expect(
        page.get_by_text("Its document does not pass the filter").or_(page.get_by_role("heading", name="Dropped"))
    ).to_be_visible()
    dropped = page.locator(".knowledge-dropped li").filter(has_text="leave.txt")
    expect(dropped).to_contain_text("filter")
    page.get_by_label("Filter (JSON)").fill("{no json")
    expect(page.get_by_text("It must be a JSON object.")).to_be_visible()
    page.get_by_label("Filter (JSON)").fill("")
    page.get_by_label("Least score").fill("0")
    page.get_by_role("button", name="Compare two settings").click()
    page.get_by_role("group", name="Search mode").last.get_by_role("button", name="Words").click()
    press(page, "Control+Enter")
    expect(page.get_by_text(re.compile(r"hits? (is|are) in both"))).to_be_visible()
    expect(page.get_by_role("region", name="B", exact=True)).to_contain_text("leave.txt")
    expect(page.locator("main [aria-busy]")).to_have_count(0)
    assert serious(page) == []


def test_an_answer_with_its_sources(page: Page, server: Live, base: Base) -> None:
    show(page, server, f"{PLACE}/search?q=annual+leave")
    page.get_by_role("button", name="Ask", exact=True).click()
    answer = page.get_by_role("region", name="Answer")
    expect(answer).to_have_attribute("aria-busy", "false")
    answer.get_by_role("link", name="leave.txt").first.click()
    expect(page).to_have_url(re.compile(r"/documents/\d+\?chunk=\d+"))
    expect(page.locator(".document-current")).to_contain_text("twenty-four")


def test_an_evaluation_set(page: Page, server: Live, base: Base) -> None:
    """A question is kept from a search, another is written, both are measured twice, and the runs are compared."""
    show(page, server, f"{PLACE}/search?q=annual+leave")
    page.get_by_role("region", name="Words").get_by_role("button").first.click()
    page.get_by_role("region", name="Chosen chunk").get_by_role("button", name="Save as test question").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name of the set").fill("first questions")
    assert serious(page) == []
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Question saved")).to_be_visible()
    show(page, server, f"{PLACE}/evaluation")
    expect(page.get_by_role("table", name="Questions")).to_contain_text("annual leave")
    page.locator("h1").focus()
    press(page, "n")
    dialog.get_by_label("Question").fill("zebras")
    dialog.get_by_label("Document").fill("gate.txt")
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("table", name="Questions").locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="Run", exact=True).click()
    result = page.get_by_role("region", name="Result")
    expect(result.get_by_role("row").filter(has_text="Words")).to_contain_text("50%")
    ranks = page.get_by_role("table", name="Rank of the first expected hit")
    expect(ranks.get_by_role("row").filter(has_text="zebras")).to_contain_text("not found")
    page.get_by_role("button", name="Run", exact=True).click()
    against = page.get_by_label("Compare with …")
    expect(against.get_by_role("option")).to_have_count(2)
    against.select_option(index=1)
    expect(page.get_by_text("no difference in any question")).to_be_visible()
    assert serious(page) == []
    with page.expect_download() as download:
        page.get_by_role("button", name="More actions").click()
        page.get_by_role("menuitem", name="Export as CSV").click()
    assert download.value.suggested_filename == "first questions.csv"
