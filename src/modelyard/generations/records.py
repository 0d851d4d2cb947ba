"""A generation in memory: its newest events, those that are not yet written, and how it is to end."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from modelyard.core.errors import GenerationTooLarge, ModelyardError, NotEnoughDisk
from modelyard.core.line_log import LineLog
from modelyard.generations.appending import Appender, Portion
from modelyard.generations.storage import EndData, encode
from modelyard.generations.types import END, EndProblem, Generation, GenerationEvent, GenerationState

TAIL_BYTES = 16 * 1024
"""Bytes of the newest events that stay in memory; readers that are further behind read the file."""
MOST_UNWRITTEN = 256 * 1024
"""Bytes of events that wait to be written, from which their maker waits, too."""
MOST_BYTES = 64 * 1024 * 1024
"""Bytes of all events of a generation; more end it."""
LONGEST_MESSAGE = 4000
"""Characters of an error's sentence."""

Outcome = tuple[GenerationState, ModelyardError | None]


class GenerationRecord:
    """One generation that the service knows, running or not. It has one writer, the task that makes it."""

    def __init__(self, generation: Generation, path: Path) -> None:
        self.generation = generation
        self.path = path
        self.settled = False
        """Whether its result was taken over."""
        self.unwritten_end: ModelyardError | None = None
        """Why its last event could not be written."""
        self._tail: deque[GenerationEvent] = deque()
        self._tail_bytes = 0
        self._changed = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether more events may come."""
        return self.generation.state is GenerationState.RUNNING

    def after(self, number: int) -> Sequence[GenerationEvent] | None:
        """The events with larger numbers; None if some of them are in the file only."""
        missing = self.generation.events - number
        if missing > len(self._tail):
            return None
        return list(islice(self._tail, len(self._tail) - missing, None))

    async def wait(self, number: int) -> None:
        """Return when there is an event with a larger number, or when there will be none."""
        while self.running and self.generation.events <= number:
            await self._changed.wait()

    def publish(self, events: Sequence[GenerationEvent], size: int) -> None:
        """Let readers have events that are in the file, which has `size` bytes now."""
        self.generation = replace(self.generation, events=events[-1].number, size=size)
        for event in events:
            self._tail.append(event)
            self._tail_bytes += len(event.json)
        while self._tail_bytes > TAIL_BYTES:
            self._tail_bytes -= len(self._tail.popleft().json)
        self.wake()

    def ended(self, generation: Generation) -> None:
        """The end that could not be written before is in the file."""
        self.generation, self.unwritten_end = generation, None
        self.rest()

    def rest(self) -> None:
        """Release the memory of a generation that has ended."""
        self._tail.clear()
        self._tail_bytes = 0

    def wake(self) -> None:
        """Let waiting readers look again."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class RunningGeneration:
    """The making of a generation: writes its events, in order, and ends it."""

    log: LineLog

    def __init__(self, record: GenerationRecord, appender: Appender) -> None:
        self.record = record
        self.outcome: Outcome | None = None
        """How it ends if it is cancelled, once that is known."""
        self._appender = appender
        self._task: asyncio.Task[Any] | None = None
        """The task that does the work, while it does."""
        self._events: list[GenerationEvent] = []
        self._number = 0
        self._bytes = 0
        self._unwritten_bytes = 0
        self._written = asyncio.Event()
        self._end: Generation | None = None
        self._broken = False
        """Whether events could not be written, so that none but the end may follow."""

    async def emit(self, type: str, data: Any) -> None:
        """Add an event; `data` is anything that msgspec encodes as JSON. Waits while many bytes are not yet written.

        Raises `GenerationTooLarge`.
        """
        assert type != END and self._end is None
        self._add(type, time.time(), data)
        while self._unwritten_bytes > MOST_UNWRITTEN:
            await self._written.wait()

    def cancel(self, state: GenerationState, error: ModelyardError | None = None) -> None:
        """Cancel the work, unless it is cancelled or done."""
        if self.outcome is None:
            self.outcome = (state, error)
            if self._task is not None:
                self._task.cancel()

    def begin(self, task: asyncio.Task[Any]) -> None:
        """The task begins the work. Raises `CancelledError` if it was cancelled before."""
        if self.outcome is not None:
            raise asyncio.CancelledError
        self._task = task

    def made(self) -> None:
        """The work has ended, so it cannot be cancelled any more."""
        self._task = None

    async def end(self, state: GenerationState, error: ModelyardError | None) -> None:
        """Write the last event, and wait until all are written. If the disk is full, the end is not written."""
        problem = None if error is None else problem_of(error)
        at = time.time()
        self._end = replace(self.record.generation, state=state, error=problem, ended_at=at)
        self._add(END, at, EndData(state, problem))
        while self._unwritten_bytes:
            await self._written.wait()
        if self.record.running:
            full = self.record.unwritten_end = NotEnoughDisk.full(self.log.path.parent)
            self.record.generation = replace(
                self.record.generation, state=GenerationState.FAILED, error=problem_of(full), ended_at=at
            )
            self.record.wake()

    def unwritten(self) -> Portion:
        """See `Appending`."""
        events, self._events = self._events, []
        return self.log, events

    def appended(self, events: Sequence[GenerationEvent], error: OSError | None) -> None:
        """See `Appending`. Events are sent to readers once they are in the file."""
        self._unwritten_bytes -= sum(len(event.json) for event in events)
        written, self._written = self._written, asyncio.Event()
        written.set()
        if error is not None:
            self._drop()
            self.cancel(GenerationState.FAILED, NotEnoughDisk.full(self.log.path.parent))
        elif events:
            if events[-1].type == END and self._end is not None:
                self.record.generation = self._end
            self.record.publish(events, self.log.size)

    def _drop(self) -> None:
        """Forget events that cannot be written."""
        self._broken = True
        self._events, self._unwritten_bytes = [], 0
        self._number = self.record.generation.events

    def _add(self, type: str, at: float, data: Any) -> None:
        if self._broken and type != END:
            return
        event = encode(self._number + 1, type, at, data)
        if type != END and self._bytes + len(event.json) > MOST_BYTES:
            raise GenerationTooLarge(MOST_BYTES)
        self._number += 1
        self._bytes += len(event.json)
        self._unwritten_bytes += len(event.json)
        self._events.append(event)
        self._appender.add(self)


def problem_of(error: ModelyardError) -> EndProblem:
    """An error as it is stored."""
    return EndProblem(error.code, error.message[:LONGEST_MESSAGE])
