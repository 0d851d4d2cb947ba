"""Changes that are committed to the rows and not yet written to their indexes."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable

from modelyard.core.errors import ModelyardError
from modelyard.knowledge.indexing.commit import IndexChange
from modelyard.knowledge.indexing.index_pool import IndexPool

log = logging.getLogger(__name__)

ENTRIES = 2000
"""Number of chunks after which indexes are written during a job."""
MOST_ENTRIES = 10_000
"""Maximum number of chunks that wait while an index is being written; then indexing waits too."""
SECONDS = 0.5
"""Seconds after which changes are written in any case."""


class ChangeQueue:
    """Collects changes by generation and writes them together, in the background."""

    def __init__(self, indexes: IndexPool, on_written: Callable[[], None]) -> None:
        """`on_written` is called whenever indexes were updated."""
        self._indexes = indexes
        self._on_written = on_written
        self._pending: dict[tuple[int, int], IndexChange] = {}
        self._written = time.monotonic()
        self._writing: asyncio.Task[None] | None = None

    def __bool__(self) -> bool:
        return bool(self._pending)

    def add(self, change: IndexChange) -> None:
        """Queue a change, which is written together with others."""
        pending = self._pending.setdefault((change.base.id, change.generation), change)
        if pending is not change:
            pending.extend(change)

    async def write_some(self, idle: bool) -> None:
        """Begin to write if it is time, or if there is no other work; searching and reading continue meanwhile."""
        count = sum(len(each.add) for each in self._pending.values())
        if self._writing is not None:
            if not self._writing.done() and count < MOST_ENTRIES:
                return
            await self._end_writing()
        if self._pending and (idle or count >= ENTRIES or time.monotonic() - self._written >= SECONDS):
            self._writing = asyncio.create_task(self._write())

    async def write_all(self) -> None:
        """Write everything that has been committed."""
        await self._end_writing()
        if self._pending:
            await self._write()

    async def cancel(self) -> None:
        """Stop writing. What an index then lacks is read from the rows when the index is opened again."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    async def _write(self) -> None:
        pending, self._pending = self._pending, {}
        try:
            for (_, generation), each in pending.items():
                try:
                    await self._indexes.apply(each.base, generation, each.add, each.remove)
                except ModelyardError as error:
                    log.warning("the index of '%s' will be rebuilt from its rows: %s", each.base.name, error.message)
                    await self._indexes.reopen(each.base.id, generation)
                except Exception:  # whatever a store raises, the rows are committed, and other bases are indexed
                    log.exception("the index of '%s' will be rebuilt from its rows", each.base.name)
                    await self._indexes.reopen(each.base.id, generation)
        finally:
            self._written = time.monotonic()
            self._on_written()

    async def _end_writing(self) -> None:
        """Wait for the write in progress."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing
