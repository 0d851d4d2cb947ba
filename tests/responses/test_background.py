"""Responses of the background whose making was stopped at a bad moment, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import update

from modelyard.db.response_tables import ResponseRow
from modelyard.generations.types import EventWriter
from modelyard.responses.background import KIND
from modelyard.responses.service import Responses
from modelyard.responses.types import Json, NewResponse, ResponseContext
from tests.responses.stores import ANN, body_of, says, with_responses


async def begun(responses: Responses, **fields: float) -> Json:
    """Store a response of the background that has not ended."""
    body = {**body_of("", "queued", background=True), **fields}
    await responses.store.add(ANN, NewResponse(body, [says("q")], ResponseContext()), background=True)
    return body


@pytest.mark.parametrize("status", ["completed", "incomplete", "failed"])
def test_a_stream_ends_with_what_is_stored(database_url: str, status: str) -> None:
    async def work(responses: Responses) -> None:
        body = await begun(responses)
        stored, never = asyncio.Event(), asyncio.Event()

        async def make(writer: EventWriter) -> None:
            await writer.emit("response.created", {"type": "response.created", "sequence_number": 0})
            await responses.store.end(body["id"], {**body_of("a", status), "id": body["id"]})
            stored.set()
            await never.wait()

        await responses.background.generations.begin(ANN, KIND, make, name=body["id"])
        await stored.wait()
        assert (await responses.background.cancel(ANN, body["id"]))["status"] == status
        events = b"".join([each async for each in await responses.background.follow(ANN, body["id"], -1)])
        last = events.split(b"\n\n")[-2]
        assert last.startswith(f"event: response.{status}\n".encode()) and b'"sequence_number":1' in last, events
        assert b'"text":"a"' in last
        late = [each async for each in await responses.background.follow(ANN, body["id"], 0)]
        assert b"".join(late) == last + b"\n\n"

    with_responses(database_url, work)


def test_a_response_without_a_generation_is_ended_by_the_sweep(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        never = asyncio.Event()
        lost, new, running = await begun(responses), await begun(responses, created_at=2.0**40), await begun(responses)

        async def make(writer: EventWriter) -> None:
            await never.wait()

        await responses.background.generations.begin(ANN, KIND, make, name=running["id"])
        await responses.sweep()
        statuses = [(await responses.store.get(ANN, each["id"]))["status"] for each in (lost, new, running)]
        assert statuses == ["failed", "queued", "queued"]

    with_responses(database_url, work)


def test_a_response_that_expired_before_its_end_is_ended_and_deleted(database_url: str) -> None:
    async def work(responses: Responses) -> None:
        await begun(responses)
        async with responses.store.database.session() as session:
            await session.execute(update(ResponseRow).values(expires_at=1.0))
        await responses.background.end_lost()
        assert await responses.store.unended() == []

    with_responses(database_url, work)
