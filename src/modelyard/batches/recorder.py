"""Writes the answers of a running batch to its journal: those that come meanwhile share the next write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from modelyard.batches.journal import AnswerJournal, AnswerRecord
from modelyard.core.errors import NotEnoughDisk
from modelyard.db.reserve import FULL
from modelyard.files.stores import whole_step

PAUSE_SECONDS = 2.0
"""Seconds between two attempts to write to a full disk."""


class Recorder:
    """Everything is on one event loop; the journal is used in threads, one at a time."""

    def __init__(self, journal: AnswerJournal, wait: Callable[[str], None]) -> None:
        """`wait` is called with the reason for which answers wait."""
        self._journal = journal
        self._wait = wait
        self._waiting: list[AnswerRecord] = []
        self._written: asyncio.Future[None] | None = None
        """Done when what waits now is written."""
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    async def keep(self, record: AnswerRecord) -> None:
        """Return when an answer is written. While the disk is full, it waits. Raises `OSError` for a disk that is broken."""
        self._waiting.append(record)
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        written = self._written
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        await asyncio.shield(written)

    async def _write(self) -> None:
        """Write until nothing waits."""
        try:
            while self._waiting:
                records, written = self._waiting, self._written
                self._waiting, self._written = [], None
                assert written is not None
                try:
                    await self._add(records)
                except OSError as error:
                    written.set_exception(error)
                    written.exception()  # asyncio would log an exception that nobody retrieves
                else:
                    written.set_result(None)
        finally:
            self._writing = None

    async def _add(self, records: list[AnswerRecord]) -> None:
        while True:
            try:
                await whole_step(self._journal.add, records)
                return
            except OSError as error:
                if error.errno not in FULL or self._closing.is_set():
                    raise
            self._wait(NotEnoughDisk.full(self._journal.path.parent).message)
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_SECONDS):
                    await self._closing.wait()

    async def close(self) -> None:
        """Return when everything that waits is written, or cannot be."""
        self._closing.set()
        if self._writing is not None:
            await asyncio.wait([self._writing])
