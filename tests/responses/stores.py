"""A new database with stores of responses and conversations, and what tests put into them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import uvloop
from sqlalchemy import func, select

from modelyard.core.access import Owner
from modelyard.db.response_tables import ResponseItemRow, ResponseRow, ThreadRow
from modelyard.db.session import Database
from modelyard.generations.service import GenerationLimits, Generations
from modelyard.responses.items import kept_item, kept_items, new_id
from modelyard.responses.quotas import ResponseLimits
from modelyard.responses.service import Responses
from modelyard.responses.types import Json, NewResponse, StoredItem

ANN, BEN, ADMIN = Owner("ann"), Owner("ben"), Owner("root", everything=True)
LIMITS = ResponseLimits(keep_seconds=3600.0, quota_bytes=0, context_bytes=1 << 20)


def with_responses(url: str, work: Callable[[Responses], Awaitable[None]], limits: ResponseLimits = LIMITS) -> None:
    """Run work on stores in a new database."""

    async def run() -> None:
        database = Database(url)
        await database.open()
        with TemporaryDirectory() as home:
            generations = Generations(Path(home), GenerationLimits(running=4, keep_seconds=3600.0))
            await generations.open()
            try:
                await work(Responses(database, limits, generations))
            finally:
                await generations.close()
                await database.close()

    uvloop.run(run())


def says(text: str, role: str = "user") -> StoredItem:
    """A message."""
    return kept_item({"role": role, "content": text}, "input[0]")


def body_of(text: str, status: str = "completed", **fields: Any) -> Json:
    """A response with one message."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    output = [{"id": new_id("msg"), "status": "completed", **message}] if text else []
    found = {"id": new_id("resp"), "object": "response", "created_at": 1.0, "status": status, "model": "m"}
    return {**found, "output": output, **fields}


async def turn(
    responses: Responses,
    question: str,
    answer: str,
    *,
    previous: str | None = None,
    conversation: str | None = None,
    owner: Owner = ANN,
) -> str:
    """Store a turn; returns the id of the response."""
    context = await responses.store.context(owner, previous, conversation)
    fields = {"conversation": {"id": conversation}} if conversation else {"previous_response_id": previous}
    body = body_of(answer, **fields)
    await responses.store.add(owner, NewResponse(body, [says(question)], context))
    name: str = body["id"]
    return name


async def read(responses: Responses, previous: str, owner: Owner = ANN) -> list[str]:
    """The texts that a response which follows another is answered from."""
    return texts((await responses.store.context(owner, previous)).items())


def texts(items: Sequence[StoredItem] | Sequence[Json]) -> list[str]:
    """The text of each message."""
    values = [msgspec.json.decode(item.json) if isinstance(item, StoredItem) else item for item in items]
    return ["".join(part["text"] for part in value["content"]) for value in values]


async def rows(responses: Responses) -> tuple[int, int, int]:
    """How many threads, items and responses there are."""
    async with responses.store.database.session() as session:
        counts = [
            await session.scalar(select(func.count()).select_from(table))
            for table in (ThreadRow, ResponseItemRow, ResponseRow)
        ]
    threads, items, stored = (int(count or 0) for count in counts)
    return threads, items, stored


async def sizes_agree(responses: Responses) -> bool:
    """Whether each thread knows how many bytes its items have."""
    query = select(ThreadRow.size, func.coalesce(func.sum(ResponseItemRow.size), 0)).outerjoin(
        ResponseItemRow, ResponseItemRow.thread_id == ThreadRow.id
    )
    async with responses.store.database.session() as session:
        found = (await session.execute(query.group_by(ThreadRow.id, ThreadRow.size))).all()
    return all(stored == summed for stored, summed in found)


def messages(*contents: str) -> list[StoredItem]:
    """Messages of a user."""
    return kept_items([{"role": "user", "content": text} for text in contents], "items")
