"""Conversations on SQLite and PostgreSQL: their items, responses that are added to them, deletion and owners."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from modelyard.core.errors import DuplicateItem, InvalidParameter, ItemNotFound, ThreadNotFound
from modelyard.responses.items import kept_item, kept_items
from modelyard.responses.service import Responses
from modelyard.responses.types import NewResponse
from tests.responses.stores import (
    ADMIN,
    ANN,
    BEN,
    body_of,
    messages,
    read,
    rows,
    says,
    sizes_agree,
    texts,
    turn,
    with_responses,
)


async def texts_of(responses: Responses, name: str) -> list[str]:
    """The texts of a conversation."""
    return texts((await responses.conversations.items(ANN, name, None, 100, True)).items)


def test_items_are_added_read_and_deleted(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        store = responses.conversations
        made = await store.create(ANN, {"topic": "gates"}, messages("a", "b"))
        assert (await store.get(ANN, made.id)).metadata == {"topic": "gates"}
        more = messages("c", "d")
        await store.add_items(ANN, made.id, more)
        assert await texts_of(responses, made.id) == ["a", "b", "c", "d"]
        assert (await store.item(ANN, made.id, more[0].id)).json == more[0].json
        await store.delete_item(ANN, made.id, more[0].id)
        with pytest.raises(ItemNotFound):
            await store.item(ANN, made.id, more[0].id)
        with pytest.raises(ItemNotFound):
            await store.delete_item(ANN, made.id, more[0].id)
        with pytest.raises(DuplicateItem):
            await store.add_items(ANN, made.id, [more[1]])
        assert await texts_of(responses, made.id) == ["a", "b", "d"] and await sizes_agree(responses)
        page = await store.items(ANN, made.id, None, 2, False)
        assert (texts(page.items), page.more) == (["d", "b"], True)
        page = await store.items(ANN, made.id, page.items[-1].id, 2, False)
        assert (texts(page.items), page.more) == (["a"], False)
        assert (await store.change(ANN, made.id, {"topic": "pumps"})).metadata == {"topic": "pumps"}
        await store.delete(ANN, made.id)
        with pytest.raises(ThreadNotFound):
            await store.get(ANN, made.id)
        assert await rows(responses) == (0, 0, 0)

    with_responses(database_url, work)


def test_responses_are_appended_and_keep_what_is_deleted_from_their_conversation(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        made = await responses.conversations.create(ANN, {}, messages("hello"))
        first = await turn(responses, "q0", "a0", conversation=made.id)
        second = await turn(responses, "q1", "a1", conversation=made.id)
        assert await texts_of(responses, made.id) == ["hello", "q0", "a0", "q1", "a1"]
        answer = (await responses.conversations.items(ANN, made.id, None, 1, False)).items[0].id
        await responses.conversations.delete_item(ANN, made.id, answer)
        assert (await texts_of(responses, made.id))[-1] == "q1"
        assert texts(_output(await responses.store.get(ANN, second))) == ["a1"], "the response has not changed"
        branch = await turn(responses, "q2", "a2", previous=first)
        assert await read(responses, branch) == ["hello", "q0", "a0", "q2", "a2"]
        assert (await texts_of(responses, made.id))[-1] == "q1", (
            "who follows a response adds nothing to its conversation"
        )
        await responses.store.delete(ANN, second)
        assert (await texts_of(responses, made.id))[-1] == "q1" and await sizes_agree(responses)
        await responses.conversations.delete(ANN, made.id)
        assert texts(_output(await responses.store.get(ANN, first))) == ["a0"]
        assert await read(responses, branch) == ["hello", "q0", "a0", "q2", "a2"]
        for name in (first, branch):
            await responses.store.delete(ANN, name)
        assert await rows(responses) == (0, 0, 0)

    with_responses(database_url, work)


def _output(body: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = msgspec.json.decode(body["output"])
    return found


def test_turns_at_the_same_time_stay_together(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        made = await responses.conversations.create(ANN, {})
        await asyncio.gather(*(turn(responses, f"q{n}", f"a{n}", conversation=made.id) for n in range(8)))
        found = await texts_of(responses, made.id)
        assert sorted(found) == sorted(f"{side}{n}" for side in "qa" for n in range(8))
        assert [each[1:] for each in found[::2]] == [each[1:] for each in found[1::2]]

    with_responses(database_url, work)


def test_a_conversation_that_was_deleted_during_an_answer(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        made = await responses.conversations.create(ANN, {}, messages("hello"))
        context = await responses.store.context(ANN, conversation=made.id)
        await responses.conversations.delete(ANN, made.id)
        body = body_of("late", conversation={"id": made.id})
        await responses.store.add(ANN, NewResponse(body, [says("q")], context))
        assert texts(_output(await responses.store.get(ANN, body["id"]))) == ["late"]
        with pytest.raises(ThreadNotFound):
            await responses.conversations.items(ANN, made.id, None, 1, True)

    with_responses(database_url, work)


def test_conversations_are_their_owners_and_an_administrators(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        store = responses.conversations
        made = await store.create(ANN, {}, messages("a"))
        item = (await store.items(ANN, made.id, None, 1, True)).items[0].id
        for call in (
            lambda: store.get(BEN, made.id),
            lambda: store.change(BEN, made.id, {}),
            lambda: store.items(BEN, made.id, None, 1, True),
            lambda: store.item(BEN, made.id, item),
            lambda: store.add_items(BEN, made.id, messages("x")),
            lambda: store.delete_item(BEN, made.id, item),
            lambda: store.delete(BEN, made.id),
            lambda: responses.store.context(BEN, conversation=made.id),
        ):
            with pytest.raises(ThreadNotFound):
                await call()
        assert (await store.get(ADMIN, made.id)).id == made.id
        await store.add_items(ADMIN, made.id, messages("b"))
        assert await texts_of(responses, made.id) == ["a", "b"], "of its owner, whoever adds to it"

    with_responses(database_url, work)


def test_the_form_in_which_items_are_stored() -> None:
    def kept(item: object) -> dict[str, object]:
        found: dict[str, object] = msgspec.json.decode(kept_item(item, "items[0]").json)
        return found

    user = kept({"role": "user", "content": "hi"})
    assert str(user.pop("id")).startswith("msg_")
    content = [{"type": "input_text", "text": "hi"}]
    assert user == {"type": "message", "role": "user", "content": content, "status": "completed"}
    assistant = kept({"role": "assistant", "content": "hi"})
    assert assistant["content"] == [{"type": "output_text", "text": "hi", "annotations": []}]
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    assert kept(call) == {**call, "status": "completed"}
    assert str(kept({**call, "id": None})["id"]).startswith("fc_")
    assert "status" not in kept({"type": "compaction", "encrypted_content": "x"})


@pytest.mark.parametrize(
    ("item", "place"),
    [
        (None, "items[0]"),
        ("text", "items[0]"),
        ({}, "items[0].type"),
        ({"type": "nonsense"}, "items[0].type"),
        ({"type": ["message"]}, "items[0].type"),
        ({"role": "pilot", "content": "x"}, "items[0].role"),
        ({"role": ["user"], "content": "x"}, "items[0].role"),
        ({"role": "user"}, "items[0].content"),
        ({"role": "user", "content": [1]}, "items[0].content"),
        ({"role": "user", "content": "x", "id": ""}, "items[0].id"),
        ({"role": "user", "content": "x", "id": "a b"}, "items[0].id"),
        ({"role": "user", "content": "x", "id": "x" * 129}, "items[0].id"),
        ({"role": "user", "content": "x", "id": 7}, "items[0].id"),
    ],
)
def test_items_that_nobody_could_read_are_refused_by_name(item: object, place: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        kept_items([item], "items")
    assert caught.value.param == place
