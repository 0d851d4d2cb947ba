"""Deletes responses: one, those that have expired, and nothing that something else needs."""

from __future__ import annotations

import math
import time
from collections import Counter
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.db.response_tables import ResponseRow
from modelyard.db.session import Database, retried
from modelyard.responses import threads
from modelyard.responses.types import UNENDED, Freed

MOST_DELETED = 25
"""Number of responses that are deleted in one transaction, for which other writers wait."""


async def remove(session: AsyncSession, row: ResponseRow) -> Freed:
    """Delete a response, and what only it needs of its thread; returns what is free."""
    thread, start, end = row.thread_id, row.input_start, row.output_end
    await session.delete(row)
    await session.flush()
    freed: Freed = Counter({row.owner: row.size})
    if thread is not None:
        freed += await threads.drop_hidden(session, thread, start, end)
        freed += await threads.trim(session, thread)
    return freed


async def delete_expired(database: Database) -> Freed:
    """Delete all responses whose time is over, but those that are being answered; returns what is free."""
    query = select(ResponseRow).where(ResponseRow.expires_at <= time.time(), ResponseRow.status.not_in(UNENDED))
    freed: Freed = Counter()
    while some := await remove_some(database, query.order_by(ResponseRow.expires_at)):
        freed += some
    return freed


@retried
async def remove_some(database: Database, query: Select[Any], enough: float = math.inf) -> Freed:
    """Delete the first responses that a query finds, until so many bytes are free; returns what is free, by owners."""
    freed: Freed = Counter()
    async with database.freeing() as session:
        rows = (await session.scalars(query.limit(MOST_DELETED))).all()
        for row in rows:
            freed += await remove(session, row)
            if freed.total() >= enough:
                break
    return freed
