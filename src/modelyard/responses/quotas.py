"""How many bytes owners have stored, and what is deleted when they have too many."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlalchemy import Select, func, select

from modelyard.core.errors import ResponseQuotaExceeded
from modelyard.db.response_tables import ResponseRow, ThreadRow
from modelyard.db.session import Database
from modelyard.responses.deletion import remove_some
from modelyard.responses.types import UNENDED, Freed

COUNT_SECONDS = 300.0
"""Seconds after which the bytes of an owner are counted again; between, what is added is added to the count."""


@dataclass(frozen=True, slots=True)
class ResponseLimits:
    """What may be stored, and for how long."""

    keep_seconds: float
    """Seconds after which a response is deleted."""
    quota_bytes: int
    """Bytes that one owner may have; 0 for any number."""
    context_bytes: int
    """Bytes of the items that a response may be answered from."""


class ResponseQuotas:
    """The bytes of all owners. The oldest responses are deleted before anything is refused; conversations never are."""

    def __init__(self, database: Database, limits: ResponseLimits) -> None:
        self._database = database
        self._limits = limits
        self._counts: dict[str, tuple[float, int]] = {}
        """Owner id → when its bytes were counted, and their number."""

    def add(self, owner: str, size: int) -> None:
        """An owner has stored so many bytes."""
        if owner in self._counts:
            at, count = self._counts[owner]
            self._counts[owner] = (at, count + size)

    def free(self, freed: Freed) -> None:
        """A deletion has freed so many bytes of each owner."""
        for owner, size in freed.items():
            self.add(owner, -size)

    async def make_room(self, owner: str) -> None:
        """Delete the oldest responses of an owner until it has less than its quota, and no others.

        Raises `ResponseQuotaExceeded`; if the conversations alone fill the quota, nothing is deleted before.
        """
        quota = self._limits.quota_bytes
        if not quota or await self.used(owner) < quota:
            return
        self._counts.pop(owner, None)  # counted again, before anything is deleted
        of_conversations = _threads_of(owner).where(ThreadRow.conversation)
        async with self._database.session() as session:
            lasting = int(await session.scalar(of_conversations) or 0)
        while (used := await self.used(owner)) >= quota:
            if lasting >= quota or not await self._delete_oldest(owner, used - quota + 1):
                raise ResponseQuotaExceeded(quota, used)

    async def used(self, owner: str) -> int:
        """Bytes of all responses and conversations of an owner."""
        at, count = self._counts.get(owner, (0.0, 0))
        if time.monotonic() - at > COUNT_SECONDS or not at:
            bodies = select(func.coalesce(func.sum(ResponseRow.size), 0)).where(ResponseRow.owner == owner)
            async with self._database.session() as session:
                count = int(await session.scalar(bodies) or 0) + int(await session.scalar(_threads_of(owner)) or 0)
            self._counts[owner] = (time.monotonic(), count)
        return count

    async def _delete_oldest(self, owner: str, enough: int) -> bool:
        """Delete some of the oldest responses of an owner; returns whether there were any."""
        query = select(ResponseRow).where(ResponseRow.owner == owner, ResponseRow.status.not_in(UNENDED))
        freed = await remove_some(self._database, query.order_by(ResponseRow.created_at), enough)
        self.free(freed)
        return bool(freed)


def _threads_of(owner: str) -> Select[int]:
    """The bytes of the conversations and other threads of an owner."""
    size = func.coalesce(func.sum(ThreadRow.size + ThreadRow.details_size), 0)
    return select(size).where(ThreadRow.owner == owner)
