"""Imports of conversations and of other systems' exports: what comes, what a second import adds, whose it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from modelyard.chats.imported import ImportedNode, identity, in_order
from modelyard.chats.imports import import_conversations
from modelyard.chats.open_webui_export import open_webui_chat as read_open_webui
from modelyard.chats.openai_export import openai_chat
from modelyard.chats.store import ChatStore
from modelyard.chats.tree_imports import import_chats
from modelyard.chats.types import ChatSettings, MessageState, NewMessage, text_content
from modelyard.core.access import Owner
from modelyard.core.errors import ConversationNotFound, InvalidParameter
from modelyard.db.session import Database
from modelyard.protocol.chat_imports import Imported, ImportedConversation
from tests.chats.exports import CHAT, PICTURE, chatgpt_chat, chatgpt_message, node, open_webui_chat

ANN, BEN, ADMIN = Owner("ann"), Owner("ben"), Owner("root", everything=True)


def with_store(folder: Path, work: Callable[[ChatStore], Awaitable[None]]) -> None:
    """Run work on a store in a new database."""

    async def run() -> None:
        database = Database(f"sqlite+aiosqlite:///{folder / 'test.db'}")
        await database.open()
        try:
            await work(ChatStore(database))
        finally:
            await database.close()

    uvloop.run(run())


def counts(conversations: int, messages: int, skipped: int = 0) -> Imported:
    return Imported(conversations=conversations, messages=messages, skipped=skipped)


def conversation(name: str, *messages: str, at: float = 1.0) -> ImportedConversation:
    rows = [{"id": each, "question": f"q {each}", "answer": "a", "created_at": at, "score": 7} for each in messages]
    return ImportedConversation.model_validate({"id": name, "title": name, "created_at": at, "messages": rows})


def test_importing_conversations_again_adds_only_what_is_new(tmp_path: Path) -> None:
    async def work(store: ChatStore) -> None:
        first = [conversation("a", "1", "2"), conversation("b")]
        assert await import_conversations(store, ANN, first) == counts(2, 2)
        assert await import_conversations(store, ANN, first) == counts(0, 0, 2)
        own = await store.add_message(ANN, "a", NewMessage("user", text_content("own")))
        more = [conversation("a", "2", "3", "3", at=9.0), conversation("c", "1")]
        assert await import_conversations(store, ANN, more) == counts(1, 1)
        path = await store.path(ANN, "a")
        assert [each.id for each in path if each.role == "assistant"] == ["1", "2", "3"]
        assert own.id in [each.id for each in path]
        assert (path[-1].score, path[-1].created_at, path[1].created_at) == (7, 9.0, 1.0)
        assert (await store.get(ANN, "a")).updated_at >= 9.0
        assert await import_conversations(store, BEN, [conversation("a", "4")]) == counts(0, 0, 1)
        assert (await import_conversations(store, ADMIN, [conversation("a", "5")])).messages == 1
        await store.rate(ANN, "5", 1)  # what an administrator adds to a chat belongs to its owner

    with_store(tmp_path, work)


def test_a_chatgpt_export_comes_with_its_branches(tmp_path: Path) -> None:
    async def work(store: ChatStore) -> None:
        assert await import_chats(store, ANN, [chatgpt_chat()]) == counts(1, 6)
        tree = await store.tree(ANN, CHAT.replace("-", ""))
        chat = tree.chat
        assert (chat.title, chat.kind, chat.created_at, chat.updated_at) == (
            "Pumps", "chatgpt", 1700000000.25, 1700000001.5
        )  # fmt: skip
        assert chat.settings == ChatSettings(system="I repair pumps.\n\nBe brief.")
        path = tree.path()
        assert [(each.role, each.text) for each in path] == [
            ("user", "[image file-abc]\nWhich pump is this?"),
            ("assistant", ""),
            ("tool", "42"),
            ("assistant", "It is 42 litres."),
        ]
        calling, tool, last = path[1:]
        assert (calling.reasoning, calling.model) == ("Look\nIt is a pump.", "gpt-4o")
        assert calling.tool_calls == [{"id": "c", "name": "python", "arguments": "print(6*7)"}]
        assert (tool.metadata, last.state) == ({"name": "python"}, MessageState.STOPPED)
        assert [(each.text, each.finish_reason) for each in tree.path("a1")] == [
            ("Which pump?", ""),
            ("The MX-2140.", "stop"),
        ]
        assert {each.parent for each in tree.messages if each.role == "user"} == {None}, "edited questions are siblings"

    with_store(tmp_path, work)


def test_an_open_webui_export_comes_with_its_branches(tmp_path: Path) -> None:
    async def work(store: ChatStore) -> None:
        assert await import_chats(store, ANN, [open_webui_chat()]) == counts(1, 5)
        [hit] = await store.ids(ANN)
        tree = await store.tree(ANN, hit)
        chat = tree.chat
        assert (chat.title, chat.pinned, chat.created_at) == ("年假", True, 1700000000.0)
        assert chat.settings == ChatSettings(system="Be brief.", parameters={"temperature": 0.2})
        assert [each.id for each in tree.path()] == ["u1", "b1", "u2", "b3"] and chat.active_leaf == "b3"
        question, answer, failed, _, stopped = tree.messages
        assert question.content == [*text_content("年假有几天？"), {"type": "image_url", "image_url": {"url": PICTURE}}]
        assert question.metadata == {"files": ["手册.pdf"]}
        assert (answer.text, answer.reasoning, answer.score, answer.reason) == (
            "十五天 [1]。", "6*7 < 50", 100, "accurate_information"
        )  # fmt: skip
        call = {"id": "call_1", "name": "calculator", "arguments": {"expression": "6*7"}, "output": "42", "ok": True}
        assert answer.tool_calls == [call] and answer.usage == {"prompt_tokens": 5, "completion_tokens": 7}
        assert answer.citations == [
            {"number": 1, "document": "手册.pdf", "text": "年假十五天"},
            {"number": 1, "document": "手册.pdf", "text": "病假"},
        ]
        assert (failed.parent, failed.state, failed.error) == (
            "u1", MessageState.FAILED, {"code": "imported", "message": "connection lost"}
        )  # fmt: skip
        assert stopped.state is MessageState.STOPPED and stopped.created_at == 1700000005.0

    with_store(tmp_path, work)


def test_an_old_open_webui_chat_is_a_list(tmp_path: Path) -> None:
    chat = open_webui_chat()
    del chat["chat"]["history"]
    for each in chat["chat"]["messages"]:
        del each["parentId"]
    read = read_open_webui(chat)
    assert [(each.id, each.parent) for each in read.nodes] == [("u1", None), ("b1", "u1"), ("u2", "b1"), ("b3", "u2")]
    assert read.active_leaf == "b3"


def test_a_second_import_adds_what_is_new_and_changes_nothing_else(tmp_path: Path) -> None:
    async def work(store: ChatStore) -> None:
        before = chatgpt_chat()
        await import_chats(store, ANN, [before])
        name = CHAT.replace("-", "")
        own = await store.add_message(ANN, name, NewMessage("user", text_content("continued here")))
        assert await import_chats(store, ANN, [before]) == counts(0, 0, 1)
        assert (await store.get(ANN, name)).active_leaf == own.id
        after = chatgpt_chat()
        after["title"], after["current_node"] = "Other", "q3"
        after["mapping"]["q3"] = node("q3", "a2", chatgpt_message("user", "More?"))
        assert await import_chats(store, ANN, [after]) == counts(0, 1)
        tree = await store.tree(ANN, name)
        assert tree.chat.title == "Pumps" and tree.path()[-1].text == "More?" and own in tree.messages
        assert tree.chat.message_count == len(tree.messages) == 8

    with_store(tmp_path, work)


def test_two_owners_import_the_same_file(tmp_path: Path) -> None:
    async def work(store: ChatStore) -> None:
        for owner in (ANN, BEN):
            assert await import_chats(store, owner, [chatgpt_chat(), open_webui_chat()]) == counts(2, 11)
        for owner in (ANN, BEN):
            assert await import_chats(store, owner, [chatgpt_chat(), open_webui_chat()]) == counts(0, 0, 2)
            trees = [await store.tree(owner, each) for each in await store.ids(owner)]
            assert sorted(len(each.messages) for each in trees) == [5, 6]
            assert all(message.owner == owner.id for tree in trees for message in tree.messages)
        with pytest.raises(ConversationNotFound):
            await store.get(BEN, CHAT.replace("-", ""))
        assert await import_chats(store, ADMIN, [chatgpt_chat()]) == counts(1, 6), "not into somebody else's chat"

    with_store(tmp_path, work)


def test_what_is_no_chat_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    async def work(store: ChatStore) -> None:
        wrong: list[dict[str, Any]] = [{}, {"title": "x", "messages": []}, {"mapping": {}}, {"chat": {}}]
        for each in wrong:
            with pytest.raises(InvalidParameter, match=r"chats\.1"):
                await import_chats(store, ANN, [chatgpt_chat(), each])
        assert await store.ids(ANN) == []

    with_store(tmp_path, work)


LINKS = st.lists(st.tuples(st.integers(0, 12), st.none() | st.integers(0, 12)), max_size=20)


@given(LINKS)
def test_any_links_become_a_tree(links: list[tuple[int, int | None]]) -> None:
    nodes = [
        ImportedNode(str(name), None if parent is None else str(parent), NewMessage("user")) for name, parent in links
    ]
    placed: set[str] = set()
    for each in in_order(nodes):
        assert each.parent is None or each.parent in placed
        placed.add(each.id)
    assert placed == {each.id for each in nodes}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=10,
)


@settings(max_examples=200)
@given(st.data())
def test_damaged_exports_never_raise(data: st.DataObject) -> None:
    """A field of any type in place of each field of a real export."""
    for made, read in ((chatgpt_chat, openai_chat), (open_webui_chat, read_open_webui)):
        export = made()
        each: Any = export
        while True:
            key = data.draw(st.sampled_from(sorted(each) if isinstance(each, dict) else list(range(len(each)))))
            if not isinstance(each[key], dict | list) or not each[key] or data.draw(st.booleans()):
                each[key] = data.draw(JSON)
                break
            each = each[key]
        chat = read(export)
        assert len({node.id for node in chat.nodes}) == len(chat.nodes)


@pytest.mark.parametrize(
    ("name", "expected"),
    [(CHAT, CHAT.replace("-", "")), ("short", "short"), ("a/b", None), ("长", None), ("x" * 33, None)],
)
def test_ids_are_stored_as_they_are_if_they_are_plain(name: str, expected: str | None) -> None:
    assert identity(name) == (expected or identity(name)) and len(identity(name)) <= 32
    assert expected is not None or identity(name) != name
