"""The page of models where files are concerned: a launch that downloads, the cache, families of one's own, adapters."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.adapter_files import peft_adapter
from tests.hub_server import HubServer, hub_server
from tests.live import Live, live
from tests.ui.screen import Watch, press, serious, show

DEMO = Path(__file__).parents[2] / "src/modelyard/catalog/demo/modelyard-demo.gguf"
ID = "acme/small-GGUF"


@pytest.fixture(scope="module")
def hub() -> Iterator[HubServer]:
    with hub_server() as serving:
        repository = serving.add(ID, {"small-q8_0.gguf": DEMO.read_bytes(), "README.md": b"# small"})
        repository.downloads, repository.task = 12_345, "text-generation"
        yield serving


@pytest.fixture(scope="module")
def pulling(hub: HubServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """A server whose hub is on loopback."""
    folder = tmp_path_factory.mktemp("pulling")
    with live(folder / "home", {**hub.environment(folder), "MODELYARD_HUB": "huggingface"}) as running:
        yield running


def test_from_a_search_of_the_hub_to_the_cache(page: Page, pulling: Live, hub: HubServer, watch: Watch) -> None:
    """A repository is found, planned with its download, paused, continued, launched, and deleted when nobody uses it."""
    watch.origin = pulling.url
    show(page, pulling, "#/models")
    expect(page.get_by_text("No model is running")).to_be_visible()
    show(page, pulling, "#/models/catalog?q=small")
    page.get_by_role("button", name=re.compile("^Search Hugging Face")).click()
    row = page.get_by_role("row", name=ID)
    expect(row).to_contain_text("12.3K")
    row.get_by_role("link", name="Launch").click()
    expect(page.locator(".models-plan")).to_contain_text(re.compile(rf"Downloads [\d.]+ MB of {ID} from huggingface"))
    page.get_by_label(re.compile("^Name in requests")).fill("pulled")
    expect(page.get_by_text("It starts as pulled on llama.cpp.")).to_be_visible()
    assert serious(page) == []
    hub.stall_at["small-q8_0.gguf"] = 3_000_000
    page.get_by_role("button", name="Launch", exact=True).click()
    expect(page).to_have_url(re.compile("#/models/pulled/overview$"))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Continue")).to_be_visible()
    show(page, pulling, "#/models/cache")
    expect(page.locator(".models-downloads")).to_contain_text("paused")
    hub.stall_at.clear()
    hub.go_on.set()
    page.get_by_role("button", name="Continue").click()
    expect(page.locator(".models-downloads")).to_contain_text("done")
    cached = page.get_by_role("row", name=ID)
    expect(cached.get_by_role("link", name="pulled")).to_be_visible()
    expect(cached.get_by_role("button", name=re.compile("^Delete the files"))).to_be_disabled()
    cached.get_by_role("link", name="pulled").click()
    expect(page.locator("h1")).to_contain_text("Ready")
    assert pulling.http.delete("/v1/models/pulled").status_code == 200
    show(page, pulling, "#/models/cache")
    page.get_by_role("button", name=re.compile("^Delete the files")).click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    expect(page.get_by_text("No downloaded models")).to_be_visible()


def test_a_family_of_ones_own(page: Page, server: Live) -> None:
    """Drafted from a file, edited in the form and as JSON, checked, kept, changed with its differences shown, removed."""
    show(page, server, "#/models/register")
    page.get_by_role("link", name="Register a family").click()
    page.get_by_label("Fill from a repository or a path").fill(str(DEMO))
    page.get_by_role("button", name="Fill").click()
    name = page.get_by_label("Name", exact=True)
    expect(name).not_to_have_value("")
    name.fill("mine")
    text = page.get_by_label("JSON")
    expect(text).to_have_value(re.compile('"model_name": "mine"'))
    page.get_by_label("Languages").fill("en, zh")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("A launch would choose")).to_be_visible()
    assert serious(page) == []
    whole = text.input_value()
    text.fill("{")
    expect(page.locator(".field-error")).to_contain_text("not JSON")
    expect(page.get_by_role("button", name="Save")).to_be_disabled()
    text.fill(whole)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("row", name=re.compile("mine")).press("Enter")
    page.get_by_label("Description").fill("A model of my own.")
    expect(page.locator(".diff-added")).to_contain_text("A model of my own.")
    press(page, "Control+s")
    page.get_by_role("dialog").get_by_role("button", name="Replace").click()
    expect(page.get_by_role("row", name=re.compile("mine"))).to_be_visible()
    kept = server.http.get("/v1/model_registrations/LLM/mine").json()
    assert (kept["model_description"], kept["model_lang"]) == ("A model of my own.", ["en", "zh"])
    page.get_by_role("button", name="Remove mine").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No families of your own")).to_be_visible()


def test_adapters(page: Page, server: Live, tmp_path: Path, watch: Watch) -> None:
    """Loading one that does not exist says so; one that does is listed, and unloaded again."""
    watch.expect(400, 404)
    show(page, server, "#/models/echo/adapters")
    page.get_by_role("button", name="Load an adapter").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name in requests").fill("polite")
    dialog.get_by_label("Folder").fill(str(tmp_path / "absent"))
    dialog.get_by_role("button", name="Load", exact=True).click()
    expect(dialog.get_by_role("alert")).to_contain_text("absent")
    assert serious(page) == []
    dialog.get_by_label("Folder").fill(str(peft_adapter(tmp_path / "polite")))
    dialog.get_by_role("button", name="Load", exact=True).click()
    expect(page.get_by_role("row", name=re.compile("polite"))).to_contain_text("Ready")
    page.get_by_role("button", name="Unload polite").click()
    page.get_by_role("dialog").get_by_role("button", name="Unload").click()
    expect(page.get_by_text("No adapter is loaded")).to_be_visible()
