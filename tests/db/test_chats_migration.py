"""Conversations of a database from before chats were trees: each question and each answer is a message, and nothing is lost."""

from __future__ import annotations

import json
from typing import Any

import uvloop
from alembic import command
from sqlalchemy import Connection, select, text

from modelyard.chats.linear import question_id
from modelyard.chats.store import ChatStore
from modelyard.chats.types import MessageState, NewMessage, text_content
from modelyard.core.access import Owner
from modelyard.db.chat_tables import ChatMessageRow, ChatRow
from modelyard.db.migrations import config
from modelyard.db.session import Database

ANN = Owner("ann")
CITATION = {"number": 1, "document": "手册.pdf", "page": 3, "text": "年假十五天"}
OLD: list[dict[str, Any]] = [
    {"id": "a1", "conversation_id": "talk", "question": "年假有几天？", "answer": "十五天 [1]。", "citations": [CITATION],
     "details": {"model": "m", "usage": {"total_tokens": 7}, "knowledge_bases": ["手册"]}, "score": 90, "reason": "对"},
    {"id": "b1", "conversation_id": "other", "question": "x", "answer": "y", "details": {"model": ["no name"]}},
    {"id": "a2", "conversation_id": "talk", "question": "And?\n  Two lines.", "answer": "Bro", "details": {"broken_off": True}},
    {"id": "a3", "conversation_id": "talk", "question": "Last", "answer": ""},
    {"id": "loose", "conversation_id": None, "question": "alone", "answer": "yes", "kind": "llm_chat", "score": 0},
    {"id": "a4", "conversation_id": "talk", "question": "", "answer": "only an answer", "kind": "agent_chat"},
]  # fmt: skip
MANY = 1234


def older(connection: Connection) -> None:
    """A database as 0011 had it."""
    command.upgrade(config(connection), "0011")

    def insert(table: str, rows: list[dict[str, Any]]) -> None:
        names = list(rows[0])
        values = ", ".join(":" + name for name in names)
        connection.execute(text(f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"), rows)

    talk = {"owner": "ann", "kind": "llm_chat", "created_at": 5.0, "updated_at": 9.0}
    titles = {"talk": "ＷＩＤＥ 年假", "other": "", "empty": "nothing yet", "long": "long"}
    insert("conversations", [{"id": name, "title": title, **talk} for name, title in titles.items()])
    long = [{"id": f"l{n}", "conversation_id": "long", "question": f"q{n}", "answer": f"a{n}"} for n in range(MANY)]
    rows = []
    for number, row in enumerate([*OLD, *long]):
        full = {"kind": "llm_chat", "citations": [], "details": {}, "score": None, "reason": "", **row}
        full |= {name: json.dumps(full[name]) for name in ("citations", "details")}
        rows.append({**full, "owner": "ann", "created_at": 10.0 + number})
    insert("messages", rows)


async def migrated(url: str) -> Database:
    database = Database(url)
    async with database.engine.begin() as connection:
        await connection.run_sync(older)
    await database.open()
    return database


def test_each_row_becomes_a_question_and_an_answer(database_url: str) -> None:
    async def go() -> None:
        database = await migrated(database_url)
        store = ChatStore(database)
        tree = await store.tree(ANN, "talk")
        chat = tree.chat
        assert (chat.title, chat.kind, chat.owner, chat.created_at, chat.updated_at) == (
            "ＷＩＤＥ 年假",
            "llm_chat",
            "ann",
            5.0,
            9.0,
        )
        assert (chat.active_leaf, chat.message_count, chat.pinned, chat.folder) == ("a4", 8, False, None)
        path = tree.path()
        assert path == list(tree.messages), "one branch in the order of the questions"
        assert [each.role for each in path] == ["user", "assistant"] * 4
        assert [each.text for each in path] == [
            "年假有几天？", "十五天 [1]。", "And?\n  Two lines.", "Bro", "Last", "", "", "only an answer"
        ]  # fmt: skip
        assert [each.id for each in path[1::2]] == ["a1", "a2", "a3", "a4"]
        assert [each.id for each in path[::2]] == [question_id(each.id) for each in path[1::2]]
        assert [each.state for each in path[1::2]] == [
            MessageState.COMPLETE, MessageState.STOPPED, MessageState.STOPPED, MessageState.COMPLETE
        ]  # fmt: skip
        first = path[1]
        assert (first.citations, first.model, first.usage) == ([CITATION], "m", {"total_tokens": 7})
        assert (first.metadata, first.score, first.reason) == ({"knowledge_bases": ["手册"]}, 90, "对")
        assert [each.created_at for each in path] == [10.0, 10.0, 12.0, 12.0, 13.0, 13.0, 15.0, 15.0]
        assert path[-1].metadata == {"kind": "agent_chat"} and path[-1].error is None
        [_, odd] = (await store.tree(ANN, "other")).messages
        assert (odd.model, odd.metadata) == ("", {"model": ["no name"]})
        assert (await store.tree(ANN, "empty")).messages == []
        loose = await store.message(ANN, "loose")
        assert (loose.chat, loose.score, loose.text, loose.metadata) == (None, 0, "yes", {"kind": "llm_chat"})
        assert loose.parent is not None and (await store.message(ANN, loose.parent)).text == "alone"
        await database.close()

    uvloop.run(go())


def test_many_rows_keep_their_order_and_the_chat_goes_on(database_url: str) -> None:
    async def go() -> None:
        database = await migrated(database_url)
        store = ChatStore(database)
        path = await store.path(ANN, "long")
        assert [each.text for each in path] == [name + str(n) for n in range(MANY) for name in "qa"]
        added = await store.add_message(ANN, "long", NewMessage("user", text_content("next")))
        assert added.parent == f"l{MANY - 1}"
        async with database.session() as session:
            rows = {row.id: row for row in await session.scalars(select(ChatRow))}
            assert rows["talk"].search == "wide 年假" and rows["long"].messages == 2 * MANY + 1
            sizes = select(ChatMessageRow.size).where(ChatMessageRow.chat_id == "long")
            assert rows["long"].size == sum(await session.scalars(sizes)) > 0
            searched = await session.scalar(select(ChatMessageRow.search).where(ChatMessageRow.id == "a1"))
            assert searched == "十五天 [1]。"
            tables = await (await session.connection()).run_sync(lambda sync: sync.dialect.get_table_names(sync))
            assert not {"conversations", "messages"} & set(tables)
        await database.close()

    uvloop.run(go())
