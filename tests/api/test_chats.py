"""Chats over HTTP: trees of messages, settings, search, folders, limits of bodies, keys."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.api.knowing import ok
from tests.chat_pairs import text_of
from tests.live import Live, error_of, live

PICTURE = "data:image/png;base64," + base64.b64encode(b"\x89PNG" + bytes(3000)).decode()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("chats") / "home") as running:
        yield running


@pytest.fixture
def http(server: Live) -> Iterator[httpx.Client]:
    """The server without chats and folders, as they are after the test, too."""
    yield server.http
    listed = ok(server.http.get("/v1/chats", params={"limit": 1000}))["data"]
    ok(server.http.post("/v1/chats/delete", json={"ids": [each["id"] for each in listed]}))
    for folder in ok(server.http.get("/v1/chat_folders"))["data"]:
        ok(server.http.delete(f"/v1/chat_folders/{folder['id']}"))


def created(http: httpx.Client, *texts: str, **body: Any) -> str:
    """A chat with messages, the first of them the user's."""
    chat: str = ok(http.post("/v1/chats", json=body))["id"]
    for number, text in enumerate(texts):
        added(http, chat, text, role="assistant" if number % 2 else "user")
    return chat


def added(http: httpx.Client, chat: str, content: Any, **body: Any) -> dict[str, Any]:
    found: dict[str, Any] = ok(http.post(f"/v1/chats/{chat}/messages", json={"content": content, **body}))
    return found


def shown(http: httpx.Client, chat: str) -> list[str]:
    return [text_of(each) for each in ok(http.get(f"/v1/chats/{chat}/messages"))["data"]]


def test_a_tree_is_read_whole_and_by_branch(http: httpx.Client) -> None:
    chat = created(http, "first?", "one", "second?", "two")
    tree = ok(http.get(f"/v1/chats/{chat}"))
    first, one, *_ = tree["messages"]
    assert (tree["title"], tree["message_count"], tree["active_leaf"]) == ("first?", 4, tree["messages"][-1]["id"])
    edited = ok(http.patch(f"/v1/chats/{chat}/messages/{first['id']}", json={"content": "FIRST?"}))
    assert (edited["parent"], edited["role"], edited["state"]) == (None, "user", "complete")
    assert shown(http, chat) == ["FIRST?"]
    other = added(http, chat, "one, again", role="assistant", parent=first["id"], model="m", usage={"total_tokens": 9})
    assert (other["model"], other["usage"]) == ("m", {"total_tokens": 9}) and shown(http, chat) == [
        "first?",
        "one, again",
    ]
    root = added(http, chat, "another root", parent=None)
    assert root["parent"] is None and shown(http, chat) == ["another root"]
    changed = ok(http.patch(f"/v1/chats/{chat}", json={"active_leaf": one["id"]}))
    assert changed["active_leaf"] == tree["active_leaf"] and shown(http, chat) == ["first?", "one", "second?", "two"]
    leaf = ok(http.get(f"/v1/chats/{chat}/messages", params={"leaf": other["id"]}))["data"]
    assert [each["id"] for each in leaf] == [first["id"], other["id"]]
    answer = ok(http.delete(f"/v1/chats/{chat}/messages/{one['id']}"))
    assert len(answer["deleted"]) == 3 and answer["active_leaf"] == other["id"]
    assert [text_of(each) for each in ok(http.get(f"/v1/chats/{chat}"))["messages"]] == [
        "first?", "FIRST?", "one, again", "another root"
    ]  # fmt: skip
    rated = ok(http.post(f"/v1/chats/messages/{other['id']}/feedback", json={"score": 10, "reason": "no"}))
    assert (rated["score"], rated["reason"], rated["id"]) == (10, "no", other["id"])


def test_settings_pins_and_titles_change(http: httpx.Client) -> None:
    given = {"model": "m", "bases": ["手册"], "tools": ["calculator"], "parameters": {"temperature": 0.1}}
    chat = ok(http.post("/v1/chats", json={"title": "年假", "settings": given}))
    assert chat["settings"] == {**given, "system": ""} and chat["kind"] == "chat" and not chat["pinned"]
    path = f"/v1/chats/{chat['id']}"
    changed = ok(http.patch(path, json={"pinned": True, "settings": {"system": "Be brief.", "model": None}}))
    assert changed["settings"] == {**given, "system": "Be brief.", "model": None} and changed["pinned"]
    assert ok(http.patch(path, json={"title": "假"}))["title"] == "假"
    assert changed["updated_at"] == chat["updated_at"], "it is the time of the newest message"
    for body in ({"titel": "x"}, {"settings": {"modle": "x"}}, {"pinned": "maybe"}, {"title": "x" * 201}):
        assert http.patch(path, json=body).status_code == 400
    refused = http.patch(path, json={"active_leaf": "nothing"})
    assert (refused.status_code, error_of(refused)["code"]) == (404, "conversation_not_found")


def test_content_has_pictures_and_bounds(http: httpx.Client) -> None:
    chat = created(http)
    parts = [{"type": "text", "text": "What is this?"}, {"type": "image_url", "image_url": {"url": PICTURE}}]
    assert added(http, chat, parts)["content"] == parts
    assert ok(http.get(f"/v1/chats/{chat}"))["title"] == "What is this?"
    wrong: list[Any] = [
        [{"type": "image_url", "image_url": {"url": "javascript:alert(1)"}}],
        [{"type": "image_url", "image_url": {"url": "data:text/html,x"}}],
        [{"type": "hologram"}],
        [{"type": "text", "text": "x" * 1_000_001}],
        [{"type": "text", "text": "x"}] * 101,
        7,
    ]
    for content in wrong:
        assert http.post(f"/v1/chats/{chat}/messages", json={"content": content}).status_code == 400
    assert http.post(f"/v1/chats/{chat}/messages", json={"role": "robot", "content": "x"}).status_code == 400
    big = [{"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 19_000_000}}] * 3
    assert http.post(f"/v1/chats/{chat}/messages", json={"content": big}).status_code == 200
    refused = http.post(f"/v1/chats/{chat}/messages", json={"content": big[:1]})
    assert (refused.status_code, error_of(refused)["code"]) == (413, "chat_too_large")
    assert len(shown(http, chat)) == 2


def test_lists_have_pages_and_filters(http: httpx.Client) -> None:
    folder = ok(http.post("/v1/chat_folders", json={"name": "工作"}))
    ids = [created(http, f"question {number}", folder=folder["id"] if number % 2 else None) for number in range(5)]
    ok(http.patch(f"/v1/chats/{ids[0]}", json={"pinned": True}))
    added(http, ids[1], "again")
    order = [ids[1], *ids[4:1:-1], ids[0]]
    pages, cursor = [], None
    while True:
        page = ok(http.get("/v1/chats", params={"limit": 2, **({"cursor": cursor} if cursor else {})}))
        pages.append([each["id"] for each in page["data"]])
        if (cursor := page["next_cursor"]) is None:
            break
        if len(pages) == 1:
            ok(http.delete(f"/v1/chats/{pages[0][-1]}"))  # the one that the cursor names
    assert pages == [order[:2], order[2:4], order[4:]]

    def listed(**query: Any) -> list[str]:
        return [each["id"] for each in ok(http.get("/v1/chats", params=query))["data"]]

    assert listed(pinned=True) == [ids[0]] and ids[0] not in listed(pinned=False)
    assert listed(folder=folder["id"]) == [ids[1], ids[3]] and listed(folder="none") == [ids[2], ids[0]]
    assert ok(http.get("/v1/chat_folders"))["data"][0] == {**folder, "chats": 2}
    assert ok(http.patch(f"/v1/chat_folders/{folder['id']}", json={"name": "Work"}))["name"] == "Work"
    assert ok(http.patch(f"/v1/chats/{ids[1]}", json={"folder": None}))["folder"] is None
    assert ok(http.delete(f"/v1/chat_folders/{folder['id']}"))["deleted"] == [folder["id"]]
    assert ok(http.get(f"/v1/chats/{ids[3]}"))["folder"] is None
    for wrong in ({"cursor": "nonsense"}, {"limit": 0}, {"limit": 1001}, {"pinned": "perhaps"}):
        assert http.get("/v1/chats", params=wrong).status_code == 400
    missing = http.patch(f"/v1/chats/{ids[0]}", json={"folder": "nothing"})
    assert (missing.status_code, error_of(missing)["code"]) == (404, "chat_folder_not_found")


def test_search_finds_titles_and_texts(http: httpx.Client) -> None:
    pump = created(http, "Which pump?", "The MX-2140 delivers 100% of Ｗater, " + "and so on, " * 50 + "until noon.")
    leave = created(http, "年假有几天？", "员工每年有十五天年假。", title="HR")
    edited = created(http, "before")
    [message] = ok(http.get(f"/v1/chats/{edited}"))["messages"]
    ok(http.patch(f"/v1/chats/{edited}/messages/{message['id']}", json={"content": "after"}))

    def found(q: str) -> dict[str, str | None]:
        data = ok(http.get("/v1/chats", params={"q": q}))["data"]
        return {each["id"]: each["match"] and each["match"]["text"] for each in data}

    assert found("年假") == {leave: "年假有几天？"} and found("十五天") == {leave: "员工每年有十五天年假。"}
    assert found("hr") == {leave: None} and found("hr 年假 员工") == {leave: None}
    assert found("water")[pump] == "Which pump?" or "Ｗater" in str(found("water")[pump])
    noon = found("NOON")[pump]
    assert noon is not None and noon.startswith("…") and noon.endswith("until noon.") and len(noon) < 100
    assert set(found("100%")) == {pump} and found("1%0") == {} and found("年_") == {} and found("pump 年假") == {}
    assert set(found("before")) == {edited} == set(found("after")), "what was edited is found, too"
    assert set(found("  ")) == {pump, leave, edited}
    ok(http.delete(f"/v1/chats/{leave}"))
    assert found("年假") == {}


def test_many_chats_are_deleted_at_once(http: httpx.Client) -> None:
    ids = [created(http, "q", "a") for _ in range(3)]
    done = ok(http.post("/v1/chats/delete", json={"ids": [*ids[:2], "nothing", ids[0]]}))
    assert done == {"deleted": ids[:2], "missing": ["nothing"]}
    assert [each["id"] for each in ok(http.get("/v1/chats"))["data"]] == ids[2:]
    assert http.delete(f"/v1/chats/{ids[0]}").status_code == 404


def test_a_branch_is_markdown(http: httpx.Client) -> None:
    chat = created(http, title="Pumps", settings={"system": "Be brief."})
    added(http, chat, "Which?")
    cited = [{"number": 1, "document": "a.pdf", "page": 3}, {"number": 2, "document": "b.md"}]
    call = {"name": "calculator", "arguments": {"expression": "6*7"}, "output": "42"}
    fields = {"role": "assistant", "citations": cited, "tool_calls": [call], "reasoning": "Let me\nsee."}
    added(http, chat, "That [1][2].", **fields)
    picture = {"type": "image_url", "image_url": {"url": PICTURE}}
    added(http, chat, [{"type": "text", "text": "Two\nlines"}, picture])
    answer = http.get(f"/v1/chats/{chat}/export")
    assert answer.headers["content-type"].startswith("text/markdown")
    assert answer.text == (
        "# Pumps\n\n> Be brief.\n\n## Which?\n\n> Let me\n> see.\n\n- `calculator` {'expression': '6*7'}: 42\n\n"
        "That [1][2].\n\n- [1] a.pdf, page 3\n- [2] b.md\n\n## User\n\nTwo\nlines\n\n[picture]\n"
    )
