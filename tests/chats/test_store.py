"""The store of chats: whose they are, trees of messages, branches, limits, ratings, and writers at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import uvloop
from msgspec import UNSET

from modelyard.chats import store as stores
from modelyard.chats.folders import ChatFolders
from modelyard.chats.store import ChatStore
from modelyard.chats.types import (
    ChatChange,
    ChatSettings,
    MessageChange,
    MessageState,
    NewMessage,
    text_content,
    text_part,
)
from modelyard.core.access import Owner
from modelyard.core.errors import ChatFolderNotFound, ChatTooLarge, ConversationNotFound, InvalidParameter
from modelyard.db.chat_tables import ChatRow
from modelyard.db.session import Database

ANN, BEN, ADMIN = Owner("ann"), Owner("ben"), Owner("root", everything=True)


def with_store(url: str, work: Callable[[ChatStore], Awaitable[None]]) -> None:
    """Run work on a store in a new database."""

    async def run() -> None:
        database = Database(url)
        await database.open()
        try:
            await work(ChatStore(database))
        finally:
            await database.close()

    uvloop.run(run())


def text_message(text: str, role: Any = "user", **fields: Any) -> NewMessage:
    return NewMessage(role, text_content(text), **fields)


async def sizes(store: ChatStore, chat: str) -> tuple[int, int]:
    async with store.database.session() as session:
        row = await session.get_one(ChatRow, chat)
        return row.messages, row.size


def test_a_chat_is_its_owners_and_an_administrators(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        chat = await store.create(ANN, "  What   is\nthis? ")
        assert chat.title == "What is this?" and len(chat.id) == 32 and chat.kind == "chat"
        message = await store.add_message(ANN, chat.id, text_message("q"))
        assert len(message.id) == 32, "as long as Chatchat's ids"
        calls: list[Callable[[], Awaitable[Any]]] = [
            lambda: store.get(BEN, chat.id),
            lambda: store.tree(BEN, chat.id),
            lambda: store.path(BEN, chat.id),
            lambda: store.message(BEN, message.id),
            lambda: store.change(BEN, chat.id, ChatChange(title="mine")),
            lambda: store.add_message(BEN, chat.id, text_message("x")),
            lambda: store.edit_message(BEN, chat.id, message.id, []),
            lambda: store.set_active_leaf(BEN, chat.id, message.id),
            lambda: store.delete_branch(BEN, chat.id, message.id),
            lambda: store.get_or_create(BEN, chat.id, "t", "k"),
            lambda: store.rate(BEN, message.id, 50),
            lambda: store.change(ANN, "nothing", ChatChange(title="t")),
            lambda: store.rate(ANN, "nothing", 50),
            lambda: store.add_message(ANN, "nothing", text_message("x")),
        ]
        for each in calls:
            with pytest.raises(ConversationNotFound):
                await each()
        assert await store.delete(BEN, [chat.id, "nothing"]) == []
        assert (await store.get(ADMIN, chat.id)).title == chat.title
        assert (await store.change(ANN, chat.id, ChatChange(title="t" * 300))).title == "t" * 200
        theirs = await store.add_message(ADMIN, chat.id, text_message("of an administrator"))
        assert theirs.owner == "ann" and (await store.rate(ANN, theirs.id, 100, "good")).reason == "good"
        assert await store.delete(ANN, [chat.id, chat.id]) == [chat.id]
        with pytest.raises(ConversationNotFound):
            await store.message(ANN, message.id)

    with_store(database_url, work)


def test_edits_and_new_answers_are_siblings_and_nothing_is_lost(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        chat = (await store.create(ANN)).id
        question, answer = await store.add_messages(
            ANN, chat, [text_message("first?"), text_message("one", "assistant", model="m")]
        )
        follow, _ = await store.add_messages(ANN, chat, [text_message("second?"), text_message("two", "assistant")])
        assert (await store.get(ANN, chat)).title == "first?"
        again = await store.add_message(ANN, chat, text_message("one, again", "assistant"), question.id)
        assert [each.text for each in await store.path(ANN, chat)] == ["first?", "one, again"]
        edited = await store.edit_message(ANN, chat, question.id, [text_part("FIRST?")])
        assert (edited.role, edited.parent, edited.metadata) == ("user", None, {"edited_from": question.id})
        tree = await store.tree(ANN, chat)
        assert [each.text for each in tree.messages] == ["first?", "one", "second?", "two", "one, again", "FIRST?"]
        assert [each.id for each in tree.path()] == [edited.id]
        assert [each.id for each in tree.path(again.id)] == [question.id, again.id]
        moved = await store.set_active_leaf(ANN, chat, answer.id)
        assert [each.text for each in await store.path(ANN, chat, moved.active_leaf)] == [
            "first?", "one", "second?", "two"
        ]  # fmt: skip
        assert [each.text for each in await store.path(ANN, chat, last=2)] == ["second?", "two"]
        assert [each.id for each in await store.path(ANN, chat, follow.id)][-1] == follow.id
        page = await store.branch_page(ANN, chat, limit=3)
        assert ([each.text for each in page.messages], page.total, page.earlier) == (["one", "second?", "two"], 4, 1)
        assert page.siblings == {answer.id: [answer.id, again.id]}
        first = await store.branch_page(ANN, chat, limit=3, before=page.messages[0].id)
        assert ([each.id for each in first.messages], first.total, first.earlier) == ([question.id], 4, 0)
        assert first.siblings == {question.id: [question.id, edited.id]}
        with pytest.raises(ConversationNotFound):
            await store.branch_page(ANN, chat, before=again.id)
        for wrong in ("nothing", (await store.add_messages(ANN, None, [text_message("loose")]))[0].id):
            with pytest.raises(ConversationNotFound):
                await store.add_message(ANN, chat, text_message("x"), wrong)
            with pytest.raises(ConversationNotFound):
                await store.set_active_leaf(ANN, chat, wrong)
            with pytest.raises(ConversationNotFound):
                await store.path(ANN, chat, wrong)
            with pytest.raises(ConversationNotFound):
                await store.edit_message(ANN, chat, wrong, [])

    with_store(database_url, work)


def test_a_branch_is_deleted_with_all_below_it(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        chat = (await store.create(ANN)).id
        root, left = await store.add_messages(ANN, chat, [text_message("root"), text_message("left", "assistant")])
        right, below = await store.add_messages(
            ANN, chat, [text_message("right", "assistant"), text_message("below")], root.id
        )
        deepest = await store.add_message(ANN, chat, text_message("deepest", "assistant"))
        assert set(await store.delete_branch(ANN, chat, below.id)) == {below.id, deepest.id}
        assert (await store.get(ANN, chat)).active_leaf == right.id
        assert await store.delete_branch(ANN, chat, right.id) == [right.id]
        assert (await store.get(ANN, chat)).active_leaf == left.id
        with pytest.raises(ConversationNotFound):
            await store.delete_branch(ANN, chat, right.id)
        assert len(await store.delete_branch(ANN, chat, root.id)) == 2
        assert (await store.get(ANN, chat)).active_leaf is None and await store.path(ANN, chat) == []
        assert await sizes(store, chat) == (0, 0)

    with_store(database_url, work)


def test_a_long_chat_is_deleted(database_url: str) -> None:
    """SQLite's own cascade over parents would stop at 1,000 levels."""

    async def work(store: ChatStore) -> None:
        chat = (await store.create(ANN)).id
        added = await store.add_messages(ANN, chat, [text_message(str(number)) for number in range(1500)])
        assert len(await store.delete_branch(ANN, chat, added[100].id)) == 1400
        assert [each.id for each in await store.path(ANN, chat)] == [each.id for each in added[:100]]
        assert await store.delete(ANN, [chat]) == [chat]

    with_store(database_url, work)


def test_an_answer_grows(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        chat = (await store.create(ANN)).id
        _, answer = await store.add_messages(
            ANN, chat, [text_message("q"), NewMessage("assistant", state=MessageState.RUNNING, metadata={"a": 1})]
        )
        assert [each.id for each in await store.in_state(MessageState.RUNNING)] == [answer.id]
        grown = await store.update_message(answer.id, MessageChange(content=text_content("so far"), reasoning="hm"))
        assert grown is not None and (grown.text, grown.reasoning, grown.metadata) == ("so far", "hm", {"a": 1})
        call = {
            "id": "1",
            "name": "calculator",
            "arguments": {"expression": "6*7"},
            "output": "42",
            "ok": True,
            "ms": 3,
        }
        change = MessageChange(
            content=text_content("so far so good"),
            state=MessageState.FAILED,
            tool_calls=[call],
            error={"code": "upstream_failed", "message": "It broke."},
            usage={"total_tokens": 3},
            timings={"total": 12.5},
            finish_reason="stop",
        )
        ended = await store.update_message(answer.id, change)
        assert ended == await store.message(ANN, answer.id)
        assert ended is not None and (ended.state, ended.tool_calls) == (MessageState.FAILED, [call])
        assert ended.error == {"code": "upstream_failed", "message": "It broke."} and ended.reasoning == "hm"
        cleared = await store.update_message(answer.id, MessageChange(error=None))
        assert cleared is not None and cleared.error is None
        assert await store.in_state(MessageState.RUNNING) == []
        await store.delete(ANN, [chat])
        assert await store.update_message(answer.id, change) is None

    with_store(database_url, work)


def test_settings_change_one_by_one(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        chat = await store.create(ANN, settings=ChatSettings(model="m", bases=("手册",), parameters={"top_p": 0.5}))
        changed = await store.change(ANN, chat.id, ChatChange(settings={"system": "Be brief.", "bases": []}))
        expected = ChatSettings(model="m", system="Be brief.", parameters={"top_p": 0.5})
        assert changed.settings == expected == (await store.get(ANN, chat.id)).settings
        assert (await store.change(ANN, chat.id, ChatChange(pinned=True))).settings == expected
        assert (await store.get(ANN, chat.id)).pinned and ChatChange().settings is UNSET

    with_store(database_url, work)


def test_chats_are_in_folders_of_their_owner(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        folders = ChatFolders(store.database)
        mine, theirs = (await folders.create(ANN, "b")).id, (await folders.create(BEN, "a")).id
        chat = await store.create(ANN, folder=mine)
        for folder in (theirs, "nothing"):
            with pytest.raises(ChatFolderNotFound):
                await store.change(ANN, chat.id, ChatChange(folder=folder))
            with pytest.raises(ChatFolderNotFound):
                await store.create(ANN, folder=folder)
            with pytest.raises(ChatFolderNotFound):
                await folders.delete(ANN, folder)
            with pytest.raises(ChatFolderNotFound):
                await folders.rename(ANN, folder, "x")
        with pytest.raises(ChatFolderNotFound):
            await store.change(ADMIN, chat.id, ChatChange(folder=theirs))
        assert [(row.name, count) for row, count in await folders.all(ANN)] == [("b", 1)]
        assert [row.name for row, _ in await folders.all(ADMIN)] == ["a", "b"]
        row, count = await folders.rename(ANN, mine, "c")
        assert (row.name, count) == ("c", 1)
        await folders.delete(ANN, mine)
        assert (await store.get(ANN, chat.id)).folder is None and await folders.all(ANN) == []

    with_store(database_url, work)


def test_a_chat_has_limits(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(store: ChatStore) -> None:
        chat = (await store.create(ANN)).id
        await store.add_message(ANN, chat, text_message("x" * 1000))
        monkeypatch.setattr(stores, "MOST_BYTES", 4000)
        with pytest.raises(ChatTooLarge):
            await store.add_message(ANN, chat, text_message("x" * 3000))
        monkeypatch.setattr(stores, "MOST_MESSAGES", 2)
        with pytest.raises(ChatTooLarge):
            await store.add_messages(ANN, chat, [text_message("a"), text_message("b")])
        assert (await store.get(ANN, chat)).message_count == 1, "nothing of a refused change is stored"

    with_store(database_url, work)


def test_writers_at_the_same_time_make_one_branch(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        chat = (await store.create(ANN)).id
        adding = (
            store.add_messages(ANN, chat, [text_message(f"q{n}"), text_message(f"a{n}", "assistant")])
            for n in range(20)
        )
        added = await asyncio.gather(*adding)
        await asyncio.gather(
            *(store.update_message(answer.id, MessageChange(reasoning="r" * 100)) for _, answer in added)
        )
        path = await store.path(ANN, chat)
        assert len(path) == 40 and [each.role for each in path] == ["user", "assistant"] * 20
        count, size = await sizes(store, chat)
        assert count == 40 and size > 20 * 100

    with_store(database_url, work)


@pytest.mark.parametrize(("score", "valid"), [(-1, False), (0, True), (100, True), (101, False)])
def test_a_score_is_between_0_and_100(score: int, valid: bool, database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        [_, message] = await store.add_messages(ANN, None, [text_message("q"), text_message("a", "assistant")])
        if valid:
            rated = await store.rate(ANN, message.id, score)
            assert (rated.score, rated.chat, rated.owner) == (score, None, "ann")
        else:
            with pytest.raises(InvalidParameter, match="between 0 and 100"):
                await store.rate(ANN, message.id, score)

    with_store(database_url, work)


def test_a_client_names_a_chat(database_url: str) -> None:
    async def work(store: ChatStore) -> None:
        made = await asyncio.gather(*(store.get_or_create(ANN, "talk", "title", "llm_chat") for _ in range(5)))
        assert {(each.id, each.title, each.kind) for each in made} == {("talk", "title", "llm_chat")}

    with_store(database_url, work)
