"""Prevents changes of keys and users that would leave a server without an administrator."""

from __future__ import annotations

import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.control.key_snapshots import is_key
from modelyard.core.access import ADMIN
from modelyard.core.errors import Conflict
from modelyard.db.tables import Key, User


@asynccontextmanager
async def staying_administered(session: AsyncSession) -> AsyncIterator[None]:
    """Make a change in the caller's transaction; no other change of administrators can run at the same time.

    Raises `Conflict` if there was an administrator before and the change leaves keys or users but no administrator, or if an
    administrator without an expiry date existed and only expiring ones are left. An expiry itself is never refused.
    """
    await _lock(session)
    before = await _administered_until(session)
    yield
    await session.flush()
    after = await _administered_until(session)
    lost = after < before and (after <= time.time() or before == math.inf)
    if lost and await _in_use(session):
        raise Conflict("This is the last administrator; make another key or user with the scope 'admin' first.")


async def is_administered(session: AsyncSession) -> bool:
    """Whether there is a user or a valid key with the scope `admin`."""
    return await _administered_until(session) > time.time()


async def _lock(session: AsyncSession) -> None:
    """Lock the rows of all administrators, always in the same order, and read them as they are then."""
    keys = select(Key).where(is_key(), Key.revoked_at.is_(None))
    for kind, query in ((Key, keys), (User, select(User))):
        ids = [row.id for row in await session.scalars(query) if ADMIN in row.scopes]
        locked = select(kind).where(kind.id.in_(ids)).order_by(kind.id).with_for_update()
        await session.execute(locked.execution_options(populate_existing=True))


async def _administered_until(session: AsyncSession) -> float:
    """The Unix time at which the last administrator expires: 0 without one, infinite for a user or a key without an end."""
    if any(ADMIN in user.scopes for user in await session.scalars(select(User))):
        return math.inf
    keys = await session.scalars(select(Key).where(is_key(), Key.revoked_at.is_(None)))
    ends = [math.inf if row.expires_at is None else row.expires_at for row in keys if ADMIN in row.scopes]
    return max(ends, default=0.0)


async def _in_use(session: AsyncSession) -> bool:
    """Whether there is a key or user."""
    key = await session.scalar(select(Key.id).where(is_key(), Key.revoked_at.is_(None)).limit(1))
    return key is not None or await session.scalar(select(User.id).limit(1)) is not None
