"""Stored responses on SQLite and PostgreSQL: what one is answered from, branches, deletion, expiry, quotas and owners."""

from __future__ import annotations

import asyncio
import random

import msgspec
import pytest
from sqlalchemy import update

from modelyard.core.errors import (
    DuplicateItem,
    InvalidParameter,
    ItemNotFound,
    PreviousResponseNotFound,
    PreviousResponseUnusable,
    ResponseNotFound,
    ResponseQuotaExceeded,
    ThreadNotFound,
    ThreadTooLarge,
)
from modelyard.db.response_tables import ResponseRow
from modelyard.responses.items import check_new, stored
from modelyard.responses.quotas import ResponseLimits
from modelyard.responses.service import Responses
from modelyard.responses.types import NewResponse, ResponseContext
from tests.responses.stores import (
    ADMIN,
    ANN,
    BEN,
    LIMITS,
    body_of,
    read,
    rows,
    says,
    sizes_agree,
    texts,
    turn,
    with_responses,
)


def test_a_chain_is_read_in_order_and_each_item_is_stored_once(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        names: list[str] = []
        for number in range(5):
            names.append(await turn(responses, f"q{number}", f"a{number}", previous=names[-1] if names else None))
        everything = [f"{side}{number}" for number in range(5) for side in "qa"]
        for number, name in enumerate(names):
            assert await read(responses, name) == everything[: 2 * number + 2]
        assert await rows(responses) == (1, 10, 5)
        got = await responses.store.get(ANN, names[2])
        assert texts(msgspec.json.decode(got["output"])) == ["a2"] and got["previous_response_id"] == names[1]
        assert await sizes_agree(responses)

    with_responses(database_url, work)


def test_branches_share_what_comes_before(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q", "a")
        left = await turn(responses, "left", "l", previous=first)
        right = await turn(responses, "right", "r", previous=first)
        deep = right
        for number in range(3):
            old = await turn(responses, f"old{number}", "x", previous=deep)
            deep = await turn(responses, f"new{number}", "y", previous=deep)
            assert await read(responses, old) != await read(responses, deep)
        assert await read(responses, left) == ["q", "a", "left", "l"]
        assert await read(responses, deep) == ["q", "a", "right", "r", "new0", "y", "new1", "y", "new2", "y"]
        assert (await rows(responses))[1:] == (2 * 9, 9) and await sizes_agree(responses)

    with_responses(database_url, work)


def test_two_that_follow_one_at_the_same_time(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q", "a")
        both = await asyncio.gather(*(turn(responses, f"q{n}", f"a{n}", previous=first) for n in range(8)))
        for number, name in enumerate(both):
            assert await read(responses, name) == ["q", "a", f"q{number}", f"a{number}"]

    with_responses(database_url, work)


def test_a_deleted_response_is_missing_and_later_ones_keep_what_they_read(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q0", "a0")
        second = await turn(responses, "q1", "a1", previous=first)
        side = await turn(responses, "side", "s", previous=first)
        await responses.store.delete(ANN, first)
        with pytest.raises(ResponseNotFound):
            await responses.store.get(ANN, first)
        with pytest.raises(PreviousResponseNotFound):
            await responses.store.context(ANN, first)
        assert await read(responses, second) == ["q0", "a0", "q1", "a1"]
        await responses.store.delete(ANN, second)
        assert await read(responses, side) == ["q0", "a0", "side", "s"] and (await rows(responses))[1] == 4
        await responses.store.delete(ANN, side)
        assert await rows(responses) == (0, 0, 0), "nothing needs the texts any more"

    with_responses(database_url, work)


def test_a_thread_goes_on_where_its_end_was_deleted(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q0", "a0")
        second = await turn(responses, "q1", "a1", previous=first)
        await responses.store.delete(ANN, second)
        again = await turn(responses, "q2", "a2", previous=first)
        assert await read(responses, again) == ["q0", "a0", "q2", "a2"]
        assert await rows(responses) == (1, 4, 2) and await sizes_agree(responses)

    with_responses(database_url, work)


def test_what_was_deleted_meanwhile_is_not_restored(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q0", "a0")
        second = await turn(responses, "q1", "a1", previous=first)
        context = await responses.store.context(ANN, second)
        await responses.store.delete(ANN, second)
        body = body_of("late")
        await responses.store.add(ANN, NewResponse(body, [says("q")], context))
        assert await read(responses, body["id"]) == ["q0", "a0", "q", "late"]
        gone = await responses.store.context(ANN, body["id"])
        for name in (first, body["id"]):
            await responses.store.delete(ANN, name)
        other = body_of("alone")
        await responses.store.add(ANN, NewResponse(other, [says("q")], gone))
        assert await read(responses, other["id"]) == ["q", "alone"]

    with_responses(database_url, work)


def test_a_response_of_the_background_from_queued_to_its_end(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q0", "a0")
        context = await responses.store.context(ANN, first)
        queued = body_of("", "queued", background=True)
        await responses.store.add(ANN, NewResponse(queued, [says("q1")], context), background=True)
        name = queued["id"]
        for status in ("queued", "in_progress"):
            with pytest.raises(PreviousResponseUnusable, match="wait until"):
                await responses.store.context(ANN, name)
            assert (await responses.store.get(ANN, name))["status"] == status
            page = await responses.store.input_items(ANN, name, None, 10, True)
            assert texts(page.items) == ["q0", "a0", "q1"]
            await responses.store.begun(name)
        await responses.store.delete(ANN, first)  # what it was given stays
        done = {**body_of("a1"), "id": name}
        await responses.store.end(name, done)
        await responses.store.end(name, {**done, "status": "failed"})
        assert (await responses.store.get(ANN, name))["status"] == "completed"
        assert await read(responses, name) == ["q0", "a0", "q1", "a1"]
        await responses.store.delete(ANN, name)
        await responses.store.end(name, done)
        assert await rows(responses) == (0, 0, 0)

    with_responses(database_url, work)


@pytest.mark.parametrize("status", ["failed", "cancelled"])
def test_a_response_without_an_answer_has_its_input_and_cannot_be_followed(database_url: str, status: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q0", "a0")
        context = await responses.store.context(ANN, first)
        queued = body_of("", "queued")
        await responses.store.add(ANN, NewResponse(queued, [says("q1")], context), background=True)
        await responses.store.end(queued["id"], {**queued, "status": status})
        whole = body_of("", status)
        await responses.store.add(ANN, NewResponse(whole, [says("q1")], context))
        for name in (queued["id"], whole["id"]):
            assert (await responses.store.get(ANN, name))["status"] == status
            assert texts((await responses.store.input_items(ANN, name, None, 10, True)).items) == ["q1"]
            with pytest.raises(PreviousResponseUnusable, match=f"is {status}"):
                await responses.store.context(ANN, name)
            await responses.store.delete(ANN, name)
        assert await rows(responses) == (1, 2, 1)

    with_responses(database_url, work)


def test_pages_of_input_items_go_over_branches_in_both_directions(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        first = await turn(responses, "q0", "a0")
        await turn(responses, "other", "o", previous=first)
        second = await turn(responses, "q1", "a1", previous=first)
        last = await turn(responses, "q2", "a2", previous=second)
        for ascending, order in ((True, ["q0", "a0", "q1", "a1", "q2"]), (False, ["q2", "a1", "q1", "a0", "q0"])):
            for size in (1, 2, 3, 10):
                found: list[str] = []
                after, more = None, True
                while more:
                    page = await responses.store.input_items(ANN, last, after, size, ascending)
                    found += texts(page.items)
                    after, more = page.items[-1].id, page.more
                assert found == order
        with pytest.raises(ItemNotFound):
            await responses.store.input_items(ANN, last, "msg_none", 10, True)

    with_responses(database_url, work)


def test_everything_is_the_owners_and_an_administrators(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        store = responses.store
        name = await turn(responses, "q", "a")
        item = (await store.input_items(ANN, name, None, 1, True)).items[0].id
        for call in (
            lambda: store.get(BEN, name),
            lambda: store.input_items(BEN, name, None, 1, True),
            lambda: store.background(BEN, name),
            lambda: store.delete(BEN, name),
        ):
            with pytest.raises(ResponseNotFound):
                await call()
        with pytest.raises(PreviousResponseNotFound):
            await store.context(BEN, name)
        with pytest.raises(ItemNotFound):
            await store.referenced(BEN, [item])
        for strange in ("conv_none", "\0"):
            with pytest.raises(ThreadNotFound):
                await store.context(ANN, conversation=strange)
            with pytest.raises(PreviousResponseNotFound):
                await store.context(ANN, strange)
            with pytest.raises(ItemNotFound):
                await store.referenced(ANN, [strange])
        with pytest.raises(InvalidParameter, match="together"):
            await store.context(ANN, name, "conv_none")
        assert texts(list((await store.referenced(ANN, [item, item])).values())) == ["q"]
        assert (await store.get(ADMIN, name))["id"] == name

    with_responses(database_url, work)


def test_an_item_twice_is_refused(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        name = await turn(responses, "q", "a")
        context = await responses.store.context(ANN, name)
        with pytest.raises(DuplicateItem):
            check_new(stored(context.items()[1:]), context.items())
        item = says("x")
        with pytest.raises(DuplicateItem):
            check_new([item, item], ())

    with_responses(database_url, work)


def test_expired_responses_are_missing_at_once_and_are_swept(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        names = [await turn(responses, "q0", "a0")]
        names.append(await turn(responses, "q1", "a1", previous=names[0]))
        queued = body_of("", "queued")
        await responses.store.add(ANN, NewResponse(queued, [says("q")], ResponseContext()), background=True)
        async with responses.store.database.session() as session:
            await session.execute(update(ResponseRow).values(expires_at=1.0).where(ResponseRow.id != names[1]))
        with pytest.raises(ResponseNotFound):
            await responses.store.get(ANN, names[0])
        await responses.sweep()
        assert await read(responses, names[1]) == ["q0", "a0", "q1", "a1"]
        assert (await rows(responses))[2] == 2, "what is being answered stays until it has ended"

    with_responses(database_url, work)


def test_the_oldest_responses_make_room_and_conversations_do_not(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        store = responses.store
        first = await turn(responses, "q" * 4000, "a")
        await store.check_room(ANN)
        second = await turn(responses, "q" * 4000, "a")
        third = await turn(responses, "q" * 4000, "a")
        await store.check_room(ANN)
        with pytest.raises(ResponseNotFound):
            await store.get(ANN, first)
        assert await store.quotas.used(ANN.id) < 10_000 and await store.quotas.used(BEN.id) == 0
        await responses.conversations.create(ANN, {}, [says("x" * 20_000)])
        with pytest.raises(ResponseQuotaExceeded, match="MODELYARD_RESPONSE_QUOTA_BYTES"):
            await store.check_room(ANN)
        await store.check_room(BEN)
        for name in (second, third):
            assert await store.get(ANN, name), "to delete it would not have helped"

    with_responses(database_url, work, ResponseLimits(3600.0, 10_000, 1 << 20))


def test_a_conversation_that_no_request_could_have(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        name = await turn(responses, "q" * 600, "a")
        await responses.store.context(ANN, name)
        again = await turn(responses, "q" * 600, "a", previous=name)
        with pytest.raises(ThreadTooLarge, match="1000 are the most"):
            await responses.store.context(ANN, again)
        side = await turn(responses, "short", "a", previous=name)
        with pytest.raises(ThreadTooLarge):
            await responses.store.context(ANN, side)

    with_responses(database_url, work, ResponseLimits(3600.0, 0, 1000))


@pytest.mark.parametrize("seed", range(2))
def test_any_order_of_turns_and_deletions_agrees_with_a_model(database_url: str, seed: int) -> None:
    """What each response was answered from stays what it was, and nothing stays when all are deleted."""

    async def work(responses: Responses) -> None:
        chance = random.Random(seed)
        alive: dict[str, list[str]] = {}
        for number in range(24):
            if alive and chance.random() < 0.35:
                name = chance.choice(list(alive))
                del alive[name]
                await responses.store.delete(ANN, name)
            else:
                previous = chance.choice([*alive, None])
                name = await turn(responses, f"q{number}", f"a{number}", previous=previous)
                alive[name] = [*(alive[previous] if previous else []), f"q{number}", f"a{number}"]
            for name, expected in alive.items():
                assert await read(responses, name) == expected
        assert await sizes_agree(responses)
        for name in alive:
            await responses.store.delete(ANN, name)
        assert await rows(responses) == (0, 0, 0)

    with_responses(database_url, work, LIMITS)
