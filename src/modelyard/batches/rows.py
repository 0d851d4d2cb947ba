"""Queries, ids and states of batches."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.access import Owner
from modelyard.core.errors import BatchNotFound
from modelyard.db.batch_tables import BatchRow
from modelyard.db.owners import mine

BATCH_ID = re.compile(r"batch_[0-9a-f]{26}")


class BatchState(StrEnum):
    """`validating → in_progress → finalizing → completed | expired`; else `failed`, or `cancelling → cancelled`."""

    VALIDATING = "validating"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    FAILED = "failed"
    """Its input is wrong, and nothing was sent."""
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


ENDED = frozenset({BatchState.COMPLETED, BatchState.FAILED, BatchState.EXPIRED, BatchState.CANCELLED})


def new_batch_id() -> str:
    """A new id: microseconds and random digits, so that ids of later batches are greater. Jobs have ids of 32 characters."""
    return f"batch_{time.time_ns() // 1000:013x}{secrets.token_hex(7)[:13]}"


async def visible(session: AsyncSession, owner: Owner, name: str) -> BatchRow:
    """A batch that the owner may see. Raises `BatchNotFound`."""
    row = await session.get(BatchRow, name)
    if row is None or not owner.sees(row.owner):
        raise BatchNotFound(name)
    return row


async def page(session: AsyncSession, owner: Owner, after: str | None, limit: int) -> Sequence[BatchRow]:
    """Batches that an owner sees, newest first; `after` is the id of the one before the first. Raises `BatchNotFound`."""
    query = mine(select(BatchRow), owner, BatchRow.owner)
    if after is not None:
        row = await session.get(BatchRow, after)
        if row is None or not owner.sees(row.owner):
            raise BatchNotFound(after, "after")
        query = query.where(BatchRow.id < after)
    return (await session.scalars(query.order_by(BatchRow.id.desc()).limit(limit))).all()


async def unfinished(session: AsyncSession) -> Sequence[BatchRow]:
    """Batches that have not ended, oldest first."""
    return (await session.scalars(select(BatchRow).where(BatchRow.state.not_in(ENDED)).order_by(BatchRow.id))).all()


async def move(
    session: AsyncSession, name: str, before: Collection[BatchState], state: BatchState, **values: Any
) -> BatchRow:
    """Bring a batch from one of some states into another, at the present time; one in any other state stays as it is."""
    values |= {"state": state.value, f"{state.value}_at": time.time()}
    await session.execute(update(BatchRow).where(BatchRow.id == name, BatchRow.state.in_(before)).values(**values))
    return await session.get_one(BatchRow, name, populate_existing=True)
