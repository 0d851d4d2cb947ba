"""The store of conversations: whose they are, their order, history, ratings, export, and import from another system."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from modelyard.chats.conversations import TITLE, Conversations, as_markdown
from modelyard.chats.imports import import_conversations
from modelyard.core.access import Owner
from modelyard.core.errors import ConversationNotFound, InvalidParameter
from modelyard.db.session import Database
from modelyard.protocol.conversation_imports import Imported, ImportedConversation

ANN, BEN, ADMIN = Owner("ann"), Owner("ben"), Owner("root", everything=True)
T = TypeVar("T")


def with_store(folder: Path, work: Callable[[Conversations], Awaitable[T]]) -> T:
    """Run work on a store in a new database."""

    async def run() -> T:
        database = Database(f"sqlite+aiosqlite:///{folder / 'test.db'}")
        await database.open()
        try:
            return await work(Conversations(database))
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_conversation_is_its_owners_and_an_administrators(tmp_path: Path) -> None:
    async def work(store: Conversations) -> None:
        row = await store.begin(ANN, "  What   is\nthis? " + "x" * 100, "k")
        assert row.title == ("What is this? " + "x" * 100)[:TITLE] and len(row.id) == 32
        message = await store.add_question(ANN, "q", "k", row.id)
        assert len(message) == 32  # as long as Chatchat's ids
        for call in (
            lambda: store.get(BEN, row.id),
            lambda: store.rename(BEN, row.id, "mine"),
            lambda: store.delete(BEN, row.id),
            lambda: store.get_or_begin(BEN, row.id, "t", "k"),
            lambda: store.rate(BEN, message, 50),
            lambda: store.rename(ANN, "nothing", "t"),
            lambda: store.rate(ANN, "nothing", 50),
            lambda: store.add_question(ANN, "q", "k", "deleted since"),
        ):
            with pytest.raises(ConversationNotFound):
                await call()
        assert (await store.get(ADMIN, row.id)).title == row.title
        assert [each.id for each in await store.all(ADMIN)] == [row.id] and await store.all(BEN) == []
        assert (await store.rename(ANN, row.id, "t" * 300)).title == "t" * 200
        await store.delete(ANN, row.id)
        assert await store.all(ANN) == [] and await store.messages(row.id) == []

    with_store(tmp_path, work)


def test_the_last_used_comes_first_and_lists_have_pages(tmp_path: Path) -> None:
    async def work(store: Conversations) -> None:
        for name in ("a", "b", "c"):
            await store.get_or_begin(ANN, name, name, "k")
        await store.add_question(ANN, "again", "k", (await store.get_or_begin(ANN, "a", "other title", "k")).id)
        assert [each.id for each in await store.all(ANN)] == ["a", "c", "b"]
        assert [each.id for each in await store.all(ANN, limit=1, offset=1)] == ["c"]
        assert (await store.get(ANN, "a")).title == "a"

    with_store(tmp_path, work)


def test_history_has_the_last_questions_in_order(tmp_path: Path) -> None:
    async def work(store: Conversations) -> None:
        row = await store.begin(ANN, "t", "k")
        for number in range(3):
            message = await store.add_question(ANN, f"q{number}", "k", row.id, {"model": "m"})
            await store.add_answer(message, f"a{number}", [{"number": 1}], {"broken_off": True})
        assert [each.question for each in await store.messages(row.id)] == ["q0", "q1", "q2"]
        [first, last] = await store.messages(row.id, 2)
        assert (first.question, last.question) == ("q1", "q2")
        assert last.details == {"model": "m", "broken_off": True} and last.citations == [{"number": 1}]
        assert await store.history(row.id, 1) == [
            {"role": "user", "content": "q2"},
            {"role": "assistant", "content": "a2"},
        ]
        await store.add_answer("deleted since", "a")

    with_store(tmp_path, work)


def test_a_question_of_an_administrator_stays_the_owners(tmp_path: Path) -> None:
    async def work(store: Conversations) -> None:
        row = await store.begin(ANN, "t", "k")
        message = await store.add_question(ADMIN, "q", "k", row.id)
        assert (await store.rate(ANN, message, 100, "good")).reason == "good"
        alone = await store.add_question(BEN, "q", "k", None)
        assert (await store.rate(BEN, alone, 0)).conversation_id is None

    with_store(tmp_path, work)


@pytest.mark.parametrize(("score", "valid"), [(-1, False), (0, True), (100, True), (101, False)])
def test_a_score_is_between_0_and_100(score: int, valid: bool, tmp_path: Path) -> None:
    async def work(store: Conversations) -> int | None:
        message = await store.add_question(ANN, "q", "k", None)
        return (await store.rate(ANN, message, score)).score

    if valid:
        assert with_store(tmp_path, work) == score
    else:
        with pytest.raises(InvalidParameter, match="between 0 and 100"):
            with_store(tmp_path, work)


def test_markdown_has_questions_answers_and_pages(tmp_path: Path) -> None:
    async def work(store: Conversations) -> str:
        row = await store.begin(ANN, "Pumps", "k")
        citations = [{"number": 1, "document": "a.pdf", "page": 3}, {"number": 2, "document": "b.md"}]
        await store.add_answer(await store.add_question(ANN, "Which?", "k", row.id), "That [1][2].", citations)
        await store.add_question(ANN, "And?", "k", row.id)
        return as_markdown(row, await store.messages(row.id))

    assert with_store(tmp_path, work) == (
        "# Pumps\n\n## Which?\n\nThat [1][2].\n\n- [1] a.pdf, page 3\n- [2] b.md\n\n## And?\n\n\n"
    )


def imported(name: str, *messages: str, at: float = 1.0) -> ImportedConversation:
    rows = [{"id": each, "question": f"q {each}", "answer": "a", "created_at": at, "score": 7} for each in messages]
    return ImportedConversation.model_validate({"id": name, "title": name, "created_at": at, "messages": rows})


def test_importing_again_adds_only_what_is_new(tmp_path: Path) -> None:
    async def work(store: Conversations) -> None:
        first = [imported("a", "1", "2"), imported("b")]
        assert await import_conversations(store, ANN, first) == Imported(conversations=2, messages=2, skipped=0)
        assert await import_conversations(store, ANN, first) == Imported(conversations=0, messages=0, skipped=2)
        more = [imported("a", "2", "3", "3", at=9.0), imported("c", "1")]
        assert await import_conversations(store, ANN, more) == Imported(conversations=1, messages=1, skipped=0)
        rows = await store.messages("a")
        assert [each.id for each in rows] == ["1", "2", "3"]
        assert (rows[-1].score, rows[-1].created_at, rows[0].created_at) == (7, 9.0, 1.0)
        assert (await store.get(ANN, "a")).updated_at == 9.0
        assert await import_conversations(store, BEN, [imported("a", "4")]) == Imported(
            conversations=0, messages=0, skipped=1
        )
        assert (await import_conversations(store, ADMIN, [imported("a", "5")])).messages == 1
        await store.rate(ANN, "5", 1)  # what an administrator adds to a conversation belongs to its owner

    with_store(tmp_path, work)
