"""The bytes of owners on SQLite and PostgreSQL: what counts, what a deletion frees, and how they are summed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from sqlalchemy import event, text

from modelyard.core.errors import ResponseNotFound, ResponseQuotaExceeded
from modelyard.responses.quotas import ResponseLimits, ResponseQuotas
from modelyard.responses.service import Responses
from modelyard.responses.types import NewResponse
from tests.responses.stores import ANN, BEN, body_of, messages, says, turn, with_responses

LIMITS = ResponseLimits(3600.0, 10**9, 1 << 20)
METADATA = {f"{number}" * 32: "x" * 512 for number in range(10)}


async def counted(responses: Responses) -> int:
    """The bytes of an owner, counted anew."""
    return await ResponseQuotas(responses.store.database, LIMITS).used(ANN.id)


def test_conversations_without_items_fill_a_quota(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        made = await responses.conversations.create(ANN, {})
        with pytest.raises(ResponseQuotaExceeded):
            for _ in range(100):
                await responses.conversations.create(ANN, METADATA)
        with pytest.raises(ResponseQuotaExceeded):
            await responses.conversations.change(ANN, made.id, METADATA)
        await responses.conversations.delete(ANN, made.id)
        assert 20_000 <= await counted(responses) <= 30_000

    with_responses(database_url, work, ResponseLimits(3600.0, 20_000, 1 << 20))


def test_metadata_that_grows_fills_a_quota(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        names = [(await responses.conversations.create(ANN, {})).id for _ in range(10)]
        with pytest.raises(ResponseQuotaExceeded):
            for name in names:
                await responses.conversations.change(ANN, name, METADATA)

    with_responses(database_url, work, ResponseLimits(3600.0, 20_000, 1 << 20))


def test_a_deletion_frees_what_was_stored_and_counts_nothing_again(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        store, conversations = responses.store, responses.conversations
        await store.check_room(ANN)
        await store.check_room(BEN)
        sums: list[str] = []
        engine = store.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *call: sums.append(call[2]))
        first = await turn(responses, "q0" * 500, "a0")
        second = await turn(responses, "q1" * 500, "a1", previous=first)
        side = await turn(responses, "q2" * 500, "a2", previous=first)
        made = await conversations.create(ANN, METADATA, messages("x" * 1000, "y" * 1000))
        await turn(responses, "q3" * 500, "a3", conversation=made.id)
        items = (await conversations.items(ANN, made.id, None, 10, True)).items
        context = await store.context(ANN, second)
        queued = body_of("", "queued", background=True)
        await store.add(ANN, NewResponse(queued, [says("q")], context), background=True)
        steps: list[Callable[[], Awaitable[object]]] = [
            lambda: store.delete(ANN, second),
            lambda: store.end(queued["id"], {**body_of("late"), "id": queued["id"]}),
            lambda: conversations.delete_item(ANN, made.id, items[0].id),
            lambda: conversations.delete_item(ANN, made.id, items[2].id),
            lambda: conversations.change(ANN, made.id, {}),
            lambda: store.delete(ANN, side),
            lambda: store.delete(ANN, first),
            lambda: conversations.delete(ANN, made.id),
        ]
        for number, step in enumerate(steps):
            sums.clear()
            await step()
            used = await store.quotas.used(ANN.id)
            assert not [each for each in sums if "sum(stored_responses.size)" in each]
            assert abs(used - await counted(responses)) < 30, number

    with_responses(database_url, work, LIMITS)


def test_bytes_are_summed_from_an_index_alone(tmp_path: Path) -> None:
    async def work(responses: Responses) -> None:
        queries: list[str] = []
        engine = responses.store.database.engine.sync_engine
        event.listen(engine, "before_cursor_execute", lambda *call: queries.append(call[2]))
        await responses.store.quotas.used(ANN.id)
        sums = [each.replace("?", "0", 1).replace("?", "'ann'") for each in queries if "sum(" in each]
        async with responses.store.database.session() as session:
            plans = [str((await session.execute(text(f"EXPLAIN QUERY PLAN {each}"))).all()) for each in sums]
        assert len(plans) == 2 and all("USING COVERING INDEX" in plan for plan in plans), plans

    with_responses(f"sqlite+aiosqlite:///{tmp_path / 'test.db'}", work)


def test_no_more_responses_are_deleted_than_make_room(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        store = responses.store
        await responses.conversations.create(ANN, {}, messages("x" * 28_000))
        names: list[str] = []
        for number in range(12):
            await store.check_room(ANN)
            names.append(await turn(responses, f"q{number}", "a"))
        alive = [name for name in names if await _there(responses, name)]
        assert len(names) > len(alive) >= 2 and alive == names[-len(alive) :]

    with_responses(database_url, work, ResponseLimits(3600.0, 30_000, 1 << 20))


async def _there(responses: Responses, name: str) -> bool:
    try:
        return bool(await responses.store.get(ANN, name))
    except ResponseNotFound:
        return False
