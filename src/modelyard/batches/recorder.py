"""Writes the answers of a running batch to its journal: those that come meanwhile share the next write."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from modelyard.batches.journal import AnswerJournal, AnswerRecord
from modelyard.core.errors import NotEnoughDisk
from modelyard.db.reserve import FULL
from modelyard.files.stores import whole_step

MOST_WAITING = 256
"""Answers that may wait to be written before no further requests are sent."""
PAUSE_SECONDS = 2.0
"""Seconds between two attempts to write to a full disk."""


class Recorder:
    """Everything is on one event loop; the journal is used in threads, one at a time."""

    def __init__(
        self, journal: AnswerJournal, wait: Callable[[str], None], on_write: Callable[[], None] = lambda: None
    ) -> None:
        """`wait` is called with the reason for which answers wait, `on_write` after each write."""
        self._journal = journal
        self._wait = wait
        self._on_write = on_write
        self._error: OSError | None = None
        self._waiting: list[AnswerRecord] = []
        self._written: asyncio.Future[None] | None = None
        """Done when what waits now is written."""
        self._writing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def put(self, record: AnswerRecord) -> asyncio.Future[None]:
        """Let an answer be written; the result is done when it is. While the disk is full, that takes until there is room."""
        self._waiting.append(record)
        if self._written is None:
            self._written = asyncio.get_running_loop().create_future()
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        return self._written

    async def room(self) -> None:
        """Return when not too many answers wait. Raises `OSError` for a disk that is broken."""
        if self._error is not None:
            raise self._error
        while self._written is not None and len(self._waiting) >= MOST_WAITING:
            await asyncio.shield(self._written)

    async def flush(self) -> None:
        """Return when no answer waits. Raises `OSError` for a disk that is broken."""
        if self._writing is not None:
            await asyncio.shield(self._writing)
        if self._error is not None:
            raise self._error

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
                    self._error = error
                    written.set_exception(error)
                    written.exception()  # asyncio would log an exception that nobody retrieves
                else:
                    written.set_result(None)
                    self._on_write()
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
