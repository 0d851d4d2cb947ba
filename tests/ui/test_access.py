"""Access: keys, users, usage, one's own account, and who changed what."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from modelyard.core.access import ADMIN, SCOPES
from modelyard.ui.files import STATIC
from tests.live import HELLO, live
from tests.ui.conftest import PASSWORD, Guarded
from tests.ui.screen import NARROW, Watch, press, serious, show, too_wide
from tests.ui.sources import LANGUAGES, texts


def test_every_scope_has_a_sentence() -> None:
    for language in LANGUAGES:
        found = texts(language)["access"]
        assert [scope for scope in SCOPES if f"access.scope_{scope.replace(':', '_')}" not in found] == []


def test_every_scope_but_admin_stands_in_the_form() -> None:
    source = (STATIC / "pages/access/scopes.js").read_text(encoding="utf-8")
    groups = source.partition("GROUPS = {")[2].partition("};")[0]
    assert set(re.findall(r'"([a-z]+:[a-z]+)"', groups)) == set(SCOPES) - {ADMIN}


def new_key(page: Page) -> str:
    """The secret of a key `colleague` with limits, made in the form by somebody who is on the page of keys."""
    press(page, "n")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("input").first).to_be_focused()
    page.keyboard.type("colleague")
    dialog.get_by_text("Single permissions").click()
    dialog.get_by_label(re.compile("^Search knowledge bases")).check()
    dialog.get_by_text("Limits").click()
    dialog.get_by_label("Only these models").fill("echo")
    dialog.get_by_label("Requests per minute").fill("30")
    dialog.get_by_label("Valid").select_option("30")
    assert serious(page) == []
    dialog.get_by_role("button", name="Create the key").click()
    secret = dialog.locator(".access-secret code").inner_text()
    assert secret.startswith("my-") and len(secret) == 46
    expect(dialog.locator("pre")).to_contain_text(secret)
    dialog.get_by_role("button", name="Python").click()
    expect(dialog.locator("pre")).to_contain_text("from openai import OpenAI")
    assert serious(page) == []
    dialog.get_by_role("button", name="I have kept it").click()
    return secret


def act(page: Page, name: str, action: str) -> None:
    """Choose an action from the menu of a row."""
    page.get_by_role("button", name=f"Actions for {name}").click()
    page.get_by_role("menuitem", name=action).click()


def test_a_key_from_its_making_to_its_end(page: Page, guarded: Guarded, watch: Watch) -> None:
    watch.origin = guarded.live.url
    guarded.log_in(page, "ann")
    show(page, guarded.live, "#/access")
    secret, dialog = new_key(page), page.get_by_role("dialog")
    row = page.get_by_role("row").filter(has_text="colleague")
    expect(row).to_contain_text("models echo")
    expect(row).to_contain_text("never")
    assert secret not in page.content() and secret[:8] in page.content()
    bearer = {"authorization": f"Bearer {secret}"}
    body = {"model": "echo", "messages": HELLO}
    assert guarded.live.http.post("/v1/chat/completions", json=body, headers=bearer).status_code == 200
    row.click()
    dialog.get_by_label("Requests per minute").fill("")
    dialog.get_by_role("button", name="Take away echo").click()
    dialog.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").filter(has_text="is changed")).to_be_visible()
    expect(row).not_to_contain_text("models echo")
    expect(row).to_contain_text("just now")
    act(page, "colleague", "Replace the secret")
    dialog.get_by_role("button", name="Replace the secret").click()
    expect(dialog.locator(".access-secret code")).not_to_have_text(secret)
    dialog.get_by_role("button", name="I have kept it").click()
    assert guarded.live.http.get("/v1/models", headers=bearer).status_code == 401
    act(page, "colleague", "Revoke")
    dialog.get_by_role("button", name="Revoke").click()
    expect(row).to_have_count(0)
    page.get_by_label("Show revoked keys").check()
    expect(row).to_contain_text("revoked")


def test_what_was_used_and_changed(page: Page, guarded: Guarded, watch: Watch) -> None:
    made = guarded.live.http.post("/v1/admin/keys", json={"name": "counted<img src=x>"}).json()
    body = {"model": "echo", "messages": HELLO}
    bearer = {"authorization": f"Bearer {made['key']}"}
    assert guarded.live.http.post("/v1/chat/completions", json=body, headers=bearer).status_code == 200
    watch.origin = guarded.live.url
    guarded.log_in(page, "ann")
    show(page, guarded.live, "#/access/usage")
    used = page.get_by_role("row").filter(has_text="counted")
    expect(used).to_contain_text("echo")
    expect(page.get_by_role("figure", name="Tokens by day")).to_be_visible()
    assert page.locator("main img").count() == 0
    used.get_by_role("link", name="counted").click()
    expect(page).to_have_url(re.compile(f"key={made['id']}"))
    assert serious(page) == []
    page.get_by_role("link", name="Changes").click()
    change = page.get_by_role("row").filter(has_text="counted").first
    expect(change).to_contain_text("Create a key")
    change.click()
    expect(page.get_by_role("dialog")).to_contain_text("keys.create_key")
    press(page, "Escape")
    page.get_by_label("Action", exact=True).fill("keys.revoke_key")
    expect(change).to_have_count(0)
    assert serious(page) == []


def own_account(page: Page, guarded: Guarded) -> None:
    """Somebody who is logged in twice changes the password, and is told what takes other permissions."""
    show(page, guarded.live, "#/access/sessions")
    expect(page.get_by_role("row").filter(has_text="this one")).to_have_count(1)
    page.get_by_label("Present password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill("another password 1")
    page.get_by_label("New password again").fill("another password 2")
    expect(page.get_by_role("button", name="Change the password")).to_be_disabled()
    page.get_by_label("New password again").fill("another password 1")
    page.get_by_role("button", name="Change the password").click()
    expect(page.get_by_role("status").filter(has_text="is changed")).to_be_visible()
    assert serious(page) == []
    expect(page.get_by_role("link", name="Keys")).to_have_count(0)
    show(page, guarded.live, "#/access/keys")
    expect(page.locator("main")).to_contain_text("keys:manage")
    show(page, guarded.live, "#/access/audit")
    expect(page.locator("main")).to_contain_text("admin")


def test_people(page: Page, guarded: Guarded, watch: Watch) -> None:
    watch.origin = guarded.live.url
    guarded.log_in(page, "ann")
    show(page, guarded.live, "#/access/users")
    press(page, "n")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("input").first).to_be_focused()
    page.keyboard.type("dora")
    dialog.get_by_label("Password").fill(PASSWORD)
    dialog.get_by_role("button", name="Add the user").click()
    row = page.get_by_role("row").filter(has_text="dora")
    expect(row).to_contain_text("Ask models")
    row.click()
    dialog.get_by_role("button", name="Work with models and knowledge").click()
    dialog.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("Work with models and knowledge")
    assert page.context.browser is not None
    with page.context.browser.new_context() as context:
        theirs = context.new_page()
        watch.attach(theirs)
        guarded.log_in(theirs, "dora")
        own_account(theirs, guarded)
    act(page, "dora", "Remove")
    expect(dialog.get_by_role("button", name="Remove")).to_be_disabled()
    dialog.get_by_label("Type dora to confirm").fill("dora")
    press(page, "Enter")
    expect(row).to_have_count(0)
    for tab in ("keys", "users", "usage", "sessions", "audit"):
        show(page, guarded.live, f"#/access/{tab}", language="zh", theme="dark", size=NARROW)
        assert serious(page) + too_wide(page) == [], tab


def test_the_first_key_logs_this_browser_in(page: Page, watch: Watch, tmp_path: Path) -> None:
    with live(tmp_path / "home") as alone:
        watch.origin = alone.url
        watch.expect(401, 0)  # the stream of events ends when the server begins to ask for a key
        alone.http.post("/v1/chats", json={"title": "From before"})
        show(page, alone, "#/access")
        expect(page.locator("main")).to_contain_text("This server asks nobody for a key")
        page.get_by_role("button", name="New key").click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_contain_text("The first key is yours")
        expect(dialog.get_by_role("checkbox")).to_have_count(0)  # nobody makes it for somebody else and is locked out
        dialog.get_by_label("Name").fill("me")
        dialog.get_by_role("button", name="Create the key").click()
        dialog.get_by_role("button", name="I have kept it").click()
        expect(page.get_by_role("row", name=re.compile("^me "))).to_contain_text("Everything")
        page.reload()
        expect(page.get_by_role("row", name=re.compile("^me "))).to_contain_text("Everything")
        show(page, alone, "#/chat")
        expect(page.get_by_role("link", name="From before")).to_be_visible()
        page.goto("about:blank")  # what it loads needs the server


def test_who_may_make_keys_and_list_none(page: Page, guarded: Guarded, watch: Watch) -> None:
    scopes = ["models:list", "models:read", "keys:create"]
    user = {"username": "maker", "password": PASSWORD, "scopes": scopes}
    assert guarded.live.http.post("/v1/admin/users", json=user).status_code == 201
    watch.origin = guarded.live.url
    guarded.log_in(page, "maker")
    show(page, guarded.live, "#/access")
    expect(page.locator("main")).to_contain_text("keys:manage")
    page.get_by_role("button", name="New key").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Everything")).to_have_count(0)
    dialog.get_by_text("Single permissions").click()
    expect(dialog.get_by_label(re.compile("^Launch, scale"))).to_be_disabled()
    dialog.get_by_label("Name").fill("made by maker")
    dialog.get_by_role("button", name="Create the key").click()
    expect(dialog.locator(".access-secret code")).to_be_visible()
