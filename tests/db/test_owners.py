"""Rows of a database from before owner ids: each goes to the user or key that it belonged to, and none becomes public."""

from __future__ import annotations

import json
from typing import Any

import uvloop
from alembic import command
from sqlalchemy import Connection, select, text

from modelyard.core.access import Owner
from modelyard.db.chat_tables import ChatMessageRow, ChatRow
from modelyard.db.migrations import config
from modelyard.db.owners import mine
from modelyard.db.session import Database
from modelyard.db.tables import Key, KnowledgeBase, User

SESSION, OLD_SESSION = "0123456789abcdef", "fedcba9876543210"


def older(connection: Connection, *, keys: bool) -> None:
    """A database as 0003 had it."""
    command.upgrade(config(connection), "0003")

    def insert(table: str, **row: Any) -> None:
        names = ", ".join(row)
        connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({', '.join(':' + n for n in row)})"), row)

    if keys:
        insert("users", id=7, name="ann", password="x", scopes="[]", created_at=1.0)
        key = {"prefix": "my-", "scopes": "[]", "created_at": 1.0, "name": "k"}
        insert("keys", id="aaaaaaaaaaaa", hash="1", **key)
        insert("keys", id=SESSION + "a", hash="2", user_id=7, **key)
        insert("keys", id=SESSION + "r", hash="3", user_id=7, **key)
        insert("keys", id=OLD_SESSION + "r", hash="4", user_id=7, **key)  # its other token was deleted when it expired
    owners = {"login": SESSION + "a", "before": OLD_SESSION + "a", "key": "aaaaaaaaaaaa", "open": "", "gone": "b" * 12}
    for name, owner in owners.items():
        insert("conversations", id=name, owner=owner, title="", kind="", created_at=1.0, updated_at=1.0)
        message = {"kind": "", "question": "?", "answer": "", "citations": "[]", "details": "{}", "reason": ""}
        insert("messages", id=name, conversation_id=name, created_at=1.0, **message)
        about = {"description": "", "language": "", "chunking": "{}", "prompts": "{}", "generation": 1}
        extra = json.dumps({"owner": owner, "vs_type": "faiss"})
        stamps = {"created_at": 1.0, "used_at": 1.0}
        insert("knowledge_bases", name=name, temporary=True, extra=extra, **about, **stamps)
    insert("messages", id="alone", conversation_id=None, created_at=1.0, **message)


def migrated(url: str, *, keys: bool) -> dict[str, dict[str, str]]:
    """Table → row → owner id, after the migration."""

    async def go() -> dict[str, dict[str, str]]:
        database = Database(url)
        async with database.engine.begin() as connection:
            await connection.run_sync(lambda sync: older(sync, keys=keys))
        await database.open()
        try:
            async with database.session() as session:
                answers = select(ChatMessageRow).where(ChatMessageRow.role == "assistant")
                bases = list(await session.scalars(select(KnowledgeBase)))
                assert {json.dumps(base.extra) for base in bases} == {'{"vs_type": "faiss"}'}
                return {
                    "users": {row.name: row.owner for row in await session.scalars(select(User))},
                    "keys": {row.id: row.owner for row in await session.scalars(select(Key))},
                    "conversations": {row.id: row.owner for row in await session.scalars(select(ChatRow))},
                    "messages": {row.id: row.owner for row in await session.scalars(answers)},
                    "bases": {row.name: row.owner for row in bases},
                }
        finally:
            await database.close()

    return uvloop.run(go())


def test_rows_of_a_login_go_to_its_user(database_url: str) -> None:
    found = migrated(database_url, keys=True)
    ann = found["users"]["ann"]
    assert ann.startswith("user-") and len(ann) > 20
    assert found["keys"] == {
        "aaaaaaaaaaaa": "aaaaaaaaaaaa",
        SESSION + "a": ann,
        SESSION + "r": ann,
        OLD_SESSION + "r": ann,
    }
    expected = {"login": ann, "before": ann, "key": "aaaaaaaaaaaa", "open": "local", "gone": "b" * 12}
    assert found["conversations"] == found["bases"] == expected
    assert found["messages"] == {**expected, "alone": ""}


def test_rows_without_keys_are_local(database_url: str) -> None:
    found = migrated(database_url, keys=False)
    assert found["conversations"]["open"] == found["messages"]["alone"] == found["bases"]["open"] == "local"


def test_queries_keep_what_an_owner_sees(database_url: str) -> None:
    async def go() -> None:
        database = Database(database_url)
        await database.open()
        try:
            async with database.session() as session:
                for name in ("a", "b"):
                    session.add(ChatRow(id=name, owner=name, created_at=1.0, updated_at=1.0))
            for owner, seen in ((Owner("a"), ["a"]), (Owner("c"), []), (Owner("c", everything=True), ["a", "b"])):
                query = mine(select(ChatRow.id).order_by(ChatRow.id), owner, ChatRow.owner)
                async with database.session() as session:
                    assert list(await session.scalars(query)) == seen
        finally:
            await database.close()

    uvloop.run(go())
