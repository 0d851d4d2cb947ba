"""The page of models: a model's life by keyboard and mouse, refusals, faults, the catalog, and what one may not do."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.live import Live
from tests.ui.conftest import PASSWORD, Guarded
from tests.ui.screen import NARROW, WIDE, Watch, press, serious, show, too_wide

PLACES = (
    "#/models",
    "#/models/catalog?type=embedding&q=bge",
    "#/models/launch?name=modelyard-demo&type=LLM",
    "#/models/register?edit=new",
    "#/models/cache",
    "#/models/nobody/overview",
    *(f"#/models/echo/{tab}" for tab in ("overview", "try", "logs", "use")),
)


def confirm_name(page: Page, name: str, action: str = "Terminate") -> None:
    """Type the name that a question asks for, and agree."""
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox").fill(name)
    dialog.get_by_role("button", name=action).click()


def test_a_launch_through_the_form(page: Page, server: Live) -> None:
    """Planned while it is typed, launched by keyboard, watched until it is ready, tried, and ended by its name."""
    show(page, server, "#/models")
    expect(page.get_by_role("row", name="echo")).to_contain_text("Ready")
    press(page, "l")
    page.get_by_label("Model", exact=True).fill("walked")
    page.get_by_role("radio", name="fake").check()
    expect(page.get_by_text("It starts as walked on fake.")).to_be_visible()
    page.get_by_label(re.compile("^Seconds of loading")).fill("0.3")
    expect(page.get_by_label("Command line")).to_contain_text("--load-seconds 0.3")
    assert serious(page) == []
    page.get_by_label("Model", exact=True).focus()
    press(page, "Control+Enter")
    expect(page).to_have_url(re.compile("#/models/walked/overview$"))
    expect(page.locator("h1")).to_contain_text("Ready")

    page.get_by_role("link", name="Try it").click()
    page.get_by_role("button", name="Send").click()
    result = page.locator(".models-result")
    expect(result).not_to_contain_text("The answer appears here.")
    expect(page.get_by_role("status").filter(has_text="TTFT")).to_contain_text("16 tokens")
    page.get_by_text("Request and answer as JSON").click()
    expect(page.locator(".models-json").last).to_contain_text("completion_tokens")
    page.get_by_role("button", name="Completion").click()
    page.get_by_role("button", name="Send").click()
    expect(result.locator(".models-said")).to_be_visible()
    page.get_by_role("link", name="Requests").click()
    expect(page.get_by_role("cell", name="/v1/completions")).to_be_visible()

    page.locator("h1").focus()
    press(page, "x")
    confirm_name(page, "walked")
    expect(page).to_have_url(re.compile("#/models$"))
    expect(page.get_by_role("row", name="walked")).to_have_count(0)


def test_replicas_log_and_events(page: Page, server: Live) -> None:
    """Scaled up and down, with the lines that it prints and what happened to it as it happens."""
    server.launched("scaled")
    show(page, server, "#/models/scaled/replicas")
    page.get_by_role("button", name="One more").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    expect(page.locator("tbody").get_by_text("Ready")).to_have_count(2)
    page.get_by_role("button", name="Stop replica 1").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.locator("tbody tr")).to_have_count(1)

    page.get_by_role("link", name="Log").click()
    expect(page.locator(".log")).to_contain_text("scaled")
    page.get_by_role("link", name="Events").click()
    expect(page.locator(".models-events")).to_contain_text("Launch")
    assert server.http.delete("/v1/models/scaled").status_code == 200
    expect(page.get_by_text("scaled does not run")).to_be_visible()


def test_rows_by_keyboard(page: Page, server: Live) -> None:
    """`j` goes to a row, `s` scales it, `Enter` opens it; the filter and the order stand in the address."""
    server.launched("keyed-b")
    server.launched("keyed-a")
    show(page, server, "#/models?q=keyed")
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("keyed-a")
    page.locator("h1").focus()
    press(page, "j", "s")
    page.get_by_role("dialog").get_by_label("Replicas").fill("many")
    press(page, "Enter")
    expect(page.get_by_role("alert").filter(has_text="whole number")).to_be_visible()
    expect(rows.first).to_be_focused()
    press(page, "s")
    page.get_by_role("dialog").get_by_label("Replicas").fill("2")
    press(page, "Enter")
    expect(rows.first).to_contain_text("2 / 2")
    page.get_by_role("button", name="Name").click()
    expect(page).to_have_url(re.compile("order=down"))
    expect(rows.first).to_contain_text("keyed-b")
    page.locator("h1").focus()
    press(page, "j", "Enter")
    expect(page).to_have_url(re.compile("#/models/keyed-b/overview$"))
    page.go_back()
    page.get_by_label("Select all").check()
    page.get_by_role("button", name="Terminate").click()
    confirm_name(page, "2")
    expect(page.get_by_text("Nothing found.")).to_be_visible()


def test_a_refusal_and_a_taken_name(page: Page, server: Live) -> None:
    """What does not fit is refused before it is sent, with figures; a wrong option says so at its field."""
    show(page, server, "#/models/launch?name=huge")
    page.get_by_role("radio", name="fake").check()
    page.get_by_label(re.compile("^Name in requests")).fill("echo")
    expect(page.locator(".models-plan")).to_contain_text("It would be refused")
    expect(page.locator(".models-plan")).to_contain_text("model_exists")
    expect(page.get_by_role("button", name="Launch")).to_be_disabled()
    page.get_by_label(re.compile("^Name in requests")).fill("huge")
    expect(page.get_by_text("It starts as huge on fake.")).to_be_visible()
    page.locator("fieldset", has_text="Memory that it claims").get_by_text("more option").click()
    page.get_by_label(re.compile("^Memory that it claims")).fill("99999999")
    expect(page.locator(".models-plan")).to_contain_text("not_enough_memory")
    expect(page.locator(".memory-over")).to_be_visible()
    page.get_by_label(re.compile("^Replicas")).fill("0.5")
    expect(page.get_by_role("alert").filter(has_text="whole number")).to_be_visible()
    assert serious(page) == []
    page.get_by_role("button", name="Let the server choose").click()
    expect(page.get_by_label(re.compile("^Replicas"))).to_have_value("")


def test_a_command_fills_the_form(page: Page, server: Live, watch: Watch) -> None:
    watch.expect(400)
    show(page, server, "#/models/launch")
    page.get_by_role("button", name="Paste a command").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Command", exact=True).fill("rm -rf /")
    dialog.get_by_role("button", name="Fill the form").click()
    expect(dialog.get_by_role("alert")).to_contain_text("none of modelyard launch")
    command = "xinference launch -n echo -en fake -r 2 --load-seconds 3 -e http://elsewhere:9997"
    dialog.get_by_label("Command", exact=True).fill(command)
    dialog.get_by_role("button", name="Fill the form").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("echo")
    expect(page.get_by_role("radio", name="fake")).to_be_checked()
    expect(page.get_by_label(re.compile("^Replicas"))).to_have_value("2")
    expect(page.get_by_label(re.compile("^Seconds of loading"))).to_have_value("3")
    expect(page.get_by_role("status").filter(has_text="-e")).to_be_visible()
    page.get_by_role("button", name="Paste a command").click()
    command = "modelyard launch qwen2.5-instruct --model-type LLM --size-in-billions 72 \\\n --replica 64"
    dialog.get_by_label("Command", exact=True).fill(command)
    dialog.get_by_role("button", name="Fill the form").click()
    expect(page.locator(".models-plan")).to_contain_text("not_enough_memory")
    expect(page.get_by_text(re.compile(r"This would fit: .+, [\d.]+ GB"))).to_be_visible()
    expect(page.get_by_label("Command line")).to_contain_text("--size-in-billions 72")


def test_a_model_that_dies_says_why(page: Page, server: Live) -> None:
    answer = server.launch("dying", wait_ready=False, crash_at_start="the GPU fell out of its slot")
    assert answer.status_code == 200
    server.until("dying", "ERROR")
    show(page, server, "#/models")
    expect(page.get_by_role("row", name="dying")).to_contain_text("the GPU fell out of its slot")
    show(page, server, "#/models/dying/overview", theme="dark")
    failure = page.locator(".failure")
    expect(failure).to_contain_text("The model could not run")
    expect(failure.locator("pre")).to_contain_text("the GPU fell out of its slot")
    assert serious(page) == []
    page.get_by_role("link", name="Launch again").click()
    expect(page.get_by_label(re.compile("^Name in requests"))).to_have_value("dying")
    expect(page.get_by_role("radio", name="fake")).to_be_checked()
    expect(page.get_by_label("Command line")).to_contain_text("--crash-at-start 'the GPU fell out of its slot'")
    page.locator("fieldset", has_text="For tests").locator("summary").click()
    page.get_by_label(re.compile("crash_at_start")).fill("")
    expect(page.get_by_text("It starts as dying on fake.")).to_be_visible()
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page.locator("h1")).to_contain_text("Ready")
    expect(page.get_by_label("Command line")).to_contain_text("modelyard launch --model-name dying")
    assert server.http.delete("/v1/models/dying").status_code == 200
    expect(page.get_by_text("dying does not run")).to_be_visible()


def test_the_catalog(page: Page, server: Live, watch: Watch) -> None:
    """Filters stand in the address, further rows come as one scrolls, and a repository can be launched by its id."""
    show(page, server, "#/models/catalog")
    expect(page.get_by_role("status").filter(has_text="families")).to_be_visible()
    rows = page.locator("tbody tr[data-row]")
    expect(rows.first).to_be_visible()
    page.locator(".table-scroll").evaluate("each => each.scrollTo(0, each.scrollHeight)")
    page.wait_for_function("() => document.querySelectorAll('tbody tr[data-row]').length > 60")
    page.get_by_role("button", name="Embedding").click()
    expect(page).to_have_url(re.compile("type=embedding"))
    press(page, "/")
    page.keyboard.type("bge-m3")
    expect(rows.first).to_contain_text("bge-m3")
    page.get_by_label("Language", exact=True).select_option("zh")
    page.get_by_label("On this machine").check()
    expect(page.get_by_text("No family of this kind")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    page.get_by_label("Fits here").check()
    page.locator("input[type=search]").fill("modelyard-demo")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text(re.compile(r"fits · \d+"))
    watch.expect(503)  # the form asks which engines run the model, and no hub can be reached here
    page.locator("input[type=search]").fill("https://huggingface.co/acme/small-GGUF")
    page.get_by_role("link", name="Launch it").click()
    expect(page.get_by_label("Model", exact=True)).to_have_value("acme/small-GGUF")
    expect(page).to_have_url(re.compile("hub=huggingface"))


def test_vectors_and_names_of_every_shape(page: Page, server: Live) -> None:
    """Two texts are compared; a name with a slash, markup and quotation marks is only a name."""
    show(page, server, "#/models/vectors/try", language="zh")
    page.get_by_role("button", name="发送").click()
    expect(page.locator(".models-score")).to_contain_text("相似度")
    odd = 'a/<img src=x onerror="alert(1)">'
    server.launched(odd)
    show(page, server, "#/models", language="en")
    page.get_by_role("link", name=odd).click()
    expect(page.locator("h1")).to_contain_text(odd)
    page.get_by_role("link", name="Use it").click()
    expect(page.locator(".models-json").first).to_contain_text("<img src=x")
    page.get_by_role("button", name="Terminate").click()
    confirm_name(page, odd)
    expect(page.get_by_role("link", name=odd)).to_have_count(0)


@pytest.mark.parametrize(
    ("language", "theme", "size", "places"),
    [("en", "light", WIDE, PLACES[1:3]), ("zh", "dark", NARROW, PLACES)],
    ids=["wide", "narrow"],
)
def test_every_view(
    page: Page, server: Live, language: str, theme: str, size: tuple[int, int], places: tuple[str, ...]
) -> None:
    """Each has one h1, nothing that axe calls serious, no raw key of a text, and never scrolls sideways."""
    found: dict[str, list[str]] = {}
    for place in places:
        show(page, server, place, language=language, theme=theme, size=size)
        assert page.locator("h1").count() == 1, place
        keys = re.findall(r"\b(?:models|options)\.[a-z_]+\b", page.locator("main").inner_text())
        found[place] = serious(page) + too_wide(page) + keys
    assert found == {place: [] for place in places}


def test_what_one_may_not_do(page: Page, guarded: Guarded, watch: Watch) -> None:
    """Who may only look sees no buttons that change something, and each place names the scope that it lacks."""
    watch.origin = guarded.live.url
    guarded.log_in(page, "ben")
    show(page, guarded.live, "#/models")
    expect(page.get_by_role("row", name="echo")).to_be_visible()
    expect(page.get_by_role("link", name="Launch")).to_have_count(0)
    for place, scope in (
        ("#/models/launch", "models:write"),
        ("#/models/cache", "cache:list"),
        ("#/models/register?edit=new", "models:register"),
        ("#/models/echo/logs", "logs:list"),
    ):
        show(page, guarded.live, place)
        expect(page.locator("main")).to_contain_text(scope)
    show(page, guarded.live, "#/models/echo/overview")
    expect(page.get_by_role("button", name="Terminate")).to_have_count(0)
    page.context.clear_cookies()
    dan = {"username": "dan", "password": PASSWORD, "scopes": ["knowledge:read"]}
    assert guarded.live.http.post("/v1/admin/users", json=dan).status_code == 201
    guarded.log_in(page, "dan")
    show(page, guarded.live, "#/models")
    expect(page.locator("main")).to_contain_text("models:list")
