"""The page of comparisons: columns that answer one question, fail apart, go on as branches, and one that is kept."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.live import Live
from tests.ui.screen import NARROW, Watch, press, serious, show, too_wide
from tests.ui.scripted import UID, ScriptedAnswers, scripted_answers


@pytest.fixture(scope="module")
def script(server: Live) -> Iterator[ScriptedAnswers]:
    with scripted_answers(server) as answers:
        yield answers


def columns(page: Page) -> Locator:
    return page.locator(".compare-column")


def test_two_models_side_by_side(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """One question, an answer of each, figures, differences; a second turn; the comparison again after a reload; one is kept."""
    script.texts = {"fox": "The quick red fox."}
    show(page, server, f"#/compare?models={UID},echo")
    expect(columns(page)).to_have_count(2)
    page.get_by_label("Question", exact=True).fill("Tell me of the fox")
    press(page, "Enter")
    expect(columns(page).first).to_contain_text("quick red fox")
    expect(columns(page).last).to_contain_text("quick brown fox")
    expect(page).to_have_url(re.compile(r"#/compare/\w+$"))
    figures = page.get_by_role("region", name="Figures of the answers")
    expect(figures.get_by_role("row").filter(has_text="Tokens").first).to_contain_text("40")
    expect(figures.get_by_role("columnheader").nth(1)).to_have_text(UID)
    assert serious(page) == []
    page.get_by_role("button", name="Differences").click()
    expect(columns(page).last.locator("del").filter(has_text="red")).to_have_count(1)
    expect(columns(page).last.locator("ins").filter(has_text="brown").first).to_be_visible()
    press(page, "Escape", "=")
    expect(page.get_by_role("button", name="Scroll together")).to_have_attribute("aria-pressed", "false")
    press(page, "Control+2")
    expect(page.get_by_role("region", name="Answers of column 2")).to_be_focused()
    press(page, "g", "m")
    expect(page).to_have_url(re.compile("#/models$"))
    page.go_back()
    expect(columns(page).last).to_contain_text("quick brown fox")
    page.get_by_label("Question", exact=True).fill("And another fox?")
    press(page, "Enter")
    expect(columns(page).first.locator(".compare-turn")).to_have_count(2)
    expect(columns(page).last.locator(".compare-turn")).to_have_count(2)
    expect(columns(page).last.get_by_role("button", name="Keep this one")).to_be_enabled()
    page.reload()
    expect(columns(page).last.locator(".compare-turn")).to_have_count(2)
    columns(page).last.get_by_role("button", name="Keep this one").click()
    expect(page).to_have_url(re.compile(r"#/chat/\w+$"))
    expect(page.locator(".chat-answer")).to_have_count(2)
    expect(page.locator(".chat-answer .chat-message-name").last).to_have_text("echo")
    expect(page.locator(".chat-branch-number").first).to_have_text("2/2")


def test_left_and_opened_again_at_once(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """Who goes away and back before the browser has painted anything still gets the answers to the next question."""
    script.texts = {}
    show(page, server, f"#/compare?models={UID},echo")
    ask = page.get_by_label("Question", exact=True)
    ask.fill("A first one")
    press(page, "Enter")
    expect(page).to_have_url(re.compile(r"#/compare/\w+$"))
    expect(columns(page).last.get_by_role("button", name="Keep this one")).to_be_enabled()
    page.evaluate("""async () => {
        const place = location.hash;
        const move = (hash) => new Promise((resolve) => {
            addEventListener("hashchange", () => setTimeout(resolve), { once: true });
            location.hash = hash;
        });
        const paint = window.requestAnimationFrame;
        window.requestAnimationFrame = () => 0;
        await move("#/models");
        await move(place);
        window.requestAnimationFrame = paint;
    }""")
    expect(columns(page).last).to_contain_text("A first one")
    ask.fill("A second one")
    press(page, "Enter")
    expect(columns(page).last.locator(".compare-turn")).to_have_count(2)
    expect(columns(page).last.get_by_role("button", name="Keep this one")).to_be_enabled()


def test_a_column_that_fails_leaves_the_others(page: Page, server: Live, script: ScriptedAnswers, watch: Watch) -> None:
    script.texts = {"break": 500}
    show(page, server, f"#/compare?models={UID},echo")
    page.get_by_role("button", name="Column").click()
    expect(columns(page)).to_have_count(3)
    columns(page).nth(2).locator("[data-model-picker]").click()
    page.get_by_role("dialog", name="Model").get_by_role("button", name="slow", exact=True).click()
    page.get_by_label("Question", exact=True).fill("break it")
    press(page, "Enter")
    expect(columns(page).first.get_by_role("alert")).to_contain_text("out of order")
    expect(columns(page).nth(1)).to_contain_text("quick brown fox")
    expect(columns(page).nth(2)).to_contain_text("quick brown")
    press(page, "Escape")
    expect(columns(page).nth(2)).to_contain_text("broken off")
    page.get_by_role("button", name="Remove column 1").click()
    expect(columns(page)).to_have_count(2)


def test_parameters_of_one_column(page: Page, server: Live, script: ScriptedAnswers) -> None:
    """The same model twice with other parameters, in Chinese, dark, on a telephone; the seed is the same in both."""
    show(page, server, f"#/compare?models={UID},{UID}", language="zh", theme="dark", size=NARROW)
    first = columns(page).first
    first.get_by_text("参数", exact=True).click()
    first.get_by_label(re.compile("温度")).fill("0.1")
    first.get_by_text("参数", exact=True).click()
    assert serious(page) == [] and too_wide(page) == []
    page.get_by_label("问题", exact=True).fill("泵？")
    page.get_by_label("问题", exact=True).press("Enter")
    expect(columns(page).nth(1)).to_contain_text("泵是输送液体的机械")
    expect(page).to_have_url(re.compile(r"#/compare/\w+$"))
    chat = page.url.rpartition("/")[2]
    messages = server.http.get(f"/v1/chats/{chat}").json()["messages"]
    assert sorted(str(each["parameters"]) for each in messages if each["role"] == "assistant") == [
        "{'seed': 1, 'temperature': 0.1}",
        "{'seed': 1}",
    ]
    assert too_wide(page) == [] and serious(page) == []
