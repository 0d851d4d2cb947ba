"""Bytes on their way into the store: measured while they arrive, and removed with their rows unless somebody keeps them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import delete, select

from modelyard.core.errors import FileQuotaExceeded, ModelyardError
from modelyard.db.file_tables import FileRow, UploadPartRow
from modelyard.db.session import Database
from modelyard.db.statements import batched
from modelyard.files import rows
from modelyard.files.stores import BLOCK, ByteStore, whole_step

ContentRow = FileRow | UploadPartRow
"""A row whose bytes are in the store, under its id."""


@dataclass(slots=True)
class Content:
    """Bytes that are stored, and that nobody sees yet."""

    row: ContentRow
    size: int
    hash: str
    """SHA-256 in hexadecimal."""
    kept: bool = False
    """Whether its row was made whole. The bytes are removed otherwise."""


@dataclass(frozen=True, slots=True)
class SizeLimits:
    """How many bytes may arrive, and which limit is the reason."""

    most: int
    excess: ModelyardError
    """The error for more than `most` bytes."""
    quota: int = 0
    """The owner's quota; 0 for none."""
    used: int = 0
    """Bytes that the owner had before."""

    def check(self, size: int) -> None:
        """Raise `excess` or `FileQuotaExceeded` if so many bytes are too many."""
        if size > self.most:
            raise self.excess
        if self.quota and self.used + size > self.quota:
            raise FileQuotaExceeded(self.quota, self.used)


class Arrivals:
    """Brings bytes into the store and removes them. A row is written first, so that no bytes are ever without one."""

    def __init__(self, database: Database, store: ByteStore) -> None:
        self._database = database
        self.store = store
        self.counting = asyncio.Lock()
        """Held while an owner's bytes are added up and a row is made whole, so that two uploads cannot share the last room."""
        self._arriving: set[str] = set()

    @asynccontextmanager
    async def receiving(
        self, row: ContentRow, data: AsyncIterator[bytes], limits: SizeLimits, expected: int = 0
    ) -> AsyncIterator[Content]:
        """Store data under a new row while it arrives. At the end of the block all is removed unless the content is `kept`.

        `expected` is the least number of bytes that will come. Raises the errors of `SizeLimits.check`, `NotEnoughDisk`, and
        the errors of `data`.
        """
        limits.check(expected)
        self._database.check_room()
        self.store.check_room(expected)
        content: Content | None = None
        self._arriving.add(row.id)
        try:
            async with self._database.session() as session:
                session.add(row)
            measure = Measure(limits)
            await self.store.write(row.id, measure.blocks(data))
            content = Content(row, measure.size, measure.hash)
            yield content
        finally:
            if content is None or not content.kept:
                await self.remove(type(row), [row.id])
            self._arriving.discard(row.id)

    async def remove(self, table: type[ContentRow], names: Sequence[str]) -> None:
        """Delete bytes, then their rows."""
        for name in names:
            await self.store.delete(name)
        for portion in batched(names):
            async with self._database.freeing() as session:
                await session.execute(delete(table).where(table.id.in_(portion)))

    async def remove_unseen(self) -> None:
        """Remove what a killed server, or a store that did not answer, left behind."""
        for table in (FileRow, UploadPartRow):
            async with self._database.session() as session:
                names = (await session.scalars(select(table.id).where(table.whole.is_(False)))).all()
            await self.remove_idle(table, names)

    async def remove_idle(self, table: type[ContentRow], names: Sequence[str]) -> None:
        """Delete bytes and rows of these ids, except of those whose bytes are arriving, which end by themselves."""
        await self.remove(table, [each for each in names if each not in self._arriving])

    async def limits_for(self, owner: str, most: int, excess: ModelyardError, quota: int) -> SizeLimits:
        """The limits of an owner who stores one more file or part of at most `most` bytes."""
        if not quota:
            return SizeLimits(most, excess)
        async with self._database.session() as session:
            return SizeLimits(most, excess, quota, await rows.used(session, owner))


class Measure:
    """Counts and hashes data that passes through."""

    def __init__(self, limits: SizeLimits) -> None:
        self.size = 0
        self._limits = limits
        self._digest = hashlib.sha256()

    @property
    def hash(self) -> str:
        """SHA-256 of what has passed, in hexadecimal."""
        return self._digest.hexdigest()

    async def blocks(self, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        """Pass data on in larger blocks. Raises the errors of `SizeLimits.check`."""
        waiting = bytearray()
        async for part in data:
            self.size += len(part)
            self._limits.check(self.size)
            waiting += part
            if len(waiting) >= BLOCK:
                yield await self._block(waiting)
                waiting.clear()
        if waiting:
            yield await self._block(waiting)

    async def _block(self, data: bytearray) -> bytes:
        block = bytes(data)
        await whole_step(self._digest.update, block)
        return block
