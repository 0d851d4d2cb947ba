"""Appends the events of all generations to their files in one thread, so that no disk ever holds up the event loop.

Events that are added within a moment, or while the thread writes others, go into their file by one call."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NoReturn, Protocol

from modelyard.core.line_log import LineLog
from modelyard.generations.types import GenerationEvent

Portion = tuple[LineLog, Sequence[GenerationEvent]]


JOIN_SECONDS = 0.01
"""Seconds for which events wait for others that are written with them: handing work to a thread costs more than an event."""


class Appending(Protocol):
    """A generation that has events to append."""

    def unwritten(self) -> Portion:
        """The file, and the events that are to be appended; they are handed over once."""

    def appended(self, events: Sequence[GenerationEvent], error: OSError | None) -> None:
        """The events are in the file, or with an error none of them is."""


class Appender:
    """Appends in the order of `add`. Use it on one event loop."""

    def __init__(self) -> None:
        self.thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="generations")
        self._waiting: dict[Appending, None] = {}
        self._wake = asyncio.Event()

    def add(self, generation: Appending) -> None:
        """Append the unwritten events of a generation soon."""
        self._waiting[generation] = None
        self._wake.set()

    async def run(self) -> NoReturn:
        """Append until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            await asyncio.sleep(JOIN_SECONDS)
            self._wake.clear()
            waiting, self._waiting = list(self._waiting), {}
            portions = [each.unwritten() for each in waiting]
            errors = await loop.run_in_executor(self.thread, _append, portions)
            for generation, (_, events), error in zip(waiting, portions, errors, strict=True):
                generation.appended(events, error)

    def close(self) -> None:
        """End the thread."""
        self.thread.shutdown()


def _append(portions: Sequence[Portion]) -> list[OSError | None]:
    errors: list[OSError | None] = []
    for log, events in portions:
        try:
            log.append(*(event.json for event in events))
        except OSError as error:
            errors.append(error)
        else:
            errors.append(None)
    return errors
