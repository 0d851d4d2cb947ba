"""Begins, lists, stops and deletes generations, and lets readers follow them.

Every event that a reader was sent is in a file, so it is there after a kill of the server; a generation that was running then is
`interrupted`, with all events there were."""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, ParamSpec, TypeVar

import msgspec

from modelyard.core.access import Owner
from modelyard.core.errors import (
    GenerationNotFound,
    InternalError,
    InvalidParameter,
    ModelyardError,
    RateLimited,
)
from modelyard.db.reserve import disk_error
from modelyard.generations import storage
from modelyard.generations.appending import Appender
from modelyard.generations.records import GenerationRecord, RunningGeneration
from modelyard.generations.types import END, Generation, GenerationEvent, GenerationState, Make, Settle

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PORTION = 64 * 1024
"""Bytes of events that a reader gets at a time: what a slow one may have waiting in memory."""
SWEEP_SECONDS = 30.0
MOST_ENDED = 1000
"""Number of ended generations that are kept of one owner; the oldest ones are deleted."""
MOST_ENDED_BYTES = 2**30
"""Bytes of the ended generations that are kept of one owner, likewise."""


@dataclass(frozen=True, slots=True)
class GenerationLimits:
    """What one owner may have."""

    running: int
    """Generations at once."""
    keep_seconds: float
    """Seconds for which ended generations are kept."""


class Generations:
    """The generations of all owners. Those of other owners appear as missing. Use it on one event loop."""

    def __init__(self, home: Path, limits: GenerationLimits) -> None:
        self._home = home
        self._limits = limits
        self._appender = Appender()
        self._records: dict[str, GenerationRecord] = {}
        """All generations by id, in the order of their creation."""
        self._running: dict[str, RunningGeneration] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._settlers: dict[str, Settle] = {}

    async def open(self) -> None:
        """Read what earlier runs of the server left. Raises `OSError`."""
        self._folder = await self._in_thread(storage.folder_of, self._home)
        for path, found, settled in await self._in_thread(_stored, self._folder):
            record = self._records[found.id] = GenerationRecord(found, path)
            record.settled = settled
        self._appending = asyncio.create_task(self._appender.run(), name="events of generations")

    def settle_with(self, kind: str, settle: Settle) -> None:
        """Call `settle` when a generation of this kind has ended, until it succeeds once. Call this before `settle_all`."""
        self._settlers[kind] = settle

    async def settle_all(self) -> None:
        """Let the results of ended generations be taken over if that has not happened."""
        for record in list(self._records.values()):
            if not record.settled and not record.running and record.generation.id not in self._running:
                await self._settle(record)

    async def begin(
        self, owner: Owner, kind: str, make: Make, details: Mapping[str, Any] | None = None, *, name: str | None = None
    ) -> Generation:
        """Begin a generation, which continues without its caller. `details` are small facts that its view has.

        `name` is its id; None for a new one.

        Raises `RateLimited` if the owner has too many running ones, and `NotEnoughDisk`.
        """
        count = sum(1 for each in self._running.values() if each.record.generation.owner == owner.id)
        if count >= self._limits.running:
            problem = f"{count} generations of this owner are running, the limit set by MODELYARD_MAX_GENERATIONS."
            raise RateLimited(f"{problem} Stop one, or wait for its end.", 5)
        id = name or f"gen-{secrets.token_hex(12)}"
        assert id not in self._records
        found = Generation(id, owner.id, kind, dict(details or {}), time.time())
        record = self._records[id] = GenerationRecord(found, storage.path_of(self._folder, id))
        begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        running = self._running[id] = RunningGeneration(record, self._appender)
        self._tasks[id] = task = asyncio.create_task(self._run(running, make, begun), name=id)
        task.add_done_callback(lambda _: self._tasks.pop(id))
        await asyncio.shield(begun)
        return record.generation

    def get(self, owner: Owner, id: str) -> Generation:
        """A generation by its id. Raises `GenerationNotFound`."""
        return self._visible(owner, id).generation

    def page(
        self, owner: Owner, kind: str | None = None, state: GenerationState | None = None, limit: int = 100
    ) -> list[Generation]:
        """The newest generations of an owner, newest first."""
        found: list[Generation] = []
        for record in reversed(self._records.values()):
            each = record.generation
            if (
                len(found) < limit
                and owner.sees(each.owner)
                and kind in (None, each.kind)
                and state in (None, each.state)
            ):
                found.append(each)
        return found

    def follow(
        self, owner: Owner, id: str, after: int = 0, *, wait: bool = True
    ) -> AsyncGenerator[Sequence[GenerationEvent]]:
        """The events with larger numbers, in portions: those there are, and those to come, until the last one.

        Without `wait`, only those there are. Raises `GenerationNotFound` and `InvalidParameter` at once.
        """
        record = self._visible(owner, id)
        if after > record.generation.events:
            raise InvalidParameter("after", f"the newest event of '{id}' is number {record.generation.events}.")
        return self._portions(record, after, wait)

    async def stop(self, owner: Owner, id: str) -> Generation:
        """Stop a generation and wait for its end; all its events stay. One that has ended stays as it is."""
        record = self._visible(owner, id)
        if (running := self._running.get(id)) is not None:
            running.cancel(GenerationState.STOPPED)
            await asyncio.wait([self._tasks[id]])
        return record.generation

    async def delete(self, owner: Owner, id: str) -> None:
        """Stop a generation, and delete it with its events."""
        await self.stop(owner, id)
        await self._remove(self._visible(owner, id))

    async def run(self) -> NoReturn:
        """Delete what is over, and repeat what has failed, until cancelled."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.settle_all()
            await self.sweep()

    async def sweep(self) -> None:
        """Delete ended generations that are too old or too many."""
        oldest = time.time() - self._limits.keep_seconds
        counts: defaultdict[str, int] = defaultdict(int)
        sizes: defaultdict[str, int] = defaultdict(int)
        for record in [record for record in reversed(self._records.values()) if record.settled]:
            each = record.generation
            counts[each.owner] += 1
            sizes[each.owner] += each.size
            many = counts[each.owner] > MOST_ENDED or sizes[each.owner] > MOST_ENDED_BYTES
            if many or (each.ended_at or 0.0) <= oldest:
                await self._remove(record)

    async def close(self) -> None:
        """Interrupt what runs; all events so far stay."""
        for running in self._running.values():
            running.cancel(GenerationState.INTERRUPTED)
        while self._tasks:
            await asyncio.wait(self._tasks.values())
        self._appending.cancel()
        await asyncio.gather(self._appending, return_exceptions=True)
        await asyncio.to_thread(self._appender.close)

    def _visible(self, owner: Owner, id: str) -> GenerationRecord:
        record = self._records.get(id)
        if record is None or not owner.sees(record.generation.owner):
            raise GenerationNotFound(id)
        return record

    async def _portions(
        self, record: GenerationRecord, number: int, wait: bool
    ) -> AsyncGenerator[Sequence[GenerationEvent]]:
        offset = 0
        while True:
            if number < record.generation.events:
                events = record.after(number)
                if events is None:
                    events, offset = await self._read(record, number, offset)
                number = events[-1].number
                if events[-1].type == END:
                    await self._taken_over(record)
                yield events
            elif record.running and wait:
                await record.wait(number)
            elif record.unwritten_end is not None:
                raise record.unwritten_end
            else:
                return

    async def _taken_over(self, record: GenerationRecord) -> None:
        """Return when the result was taken over, or that has failed: who knows of the end may look for the result at once."""
        task = self._tasks.get(record.generation.id)
        if task is not None and task is not asyncio.current_task():  # which takes it over
            await asyncio.wait([task])

    async def _read(self, record: GenerationRecord, number: int, offset: int) -> tuple[Sequence[GenerationEvent], int]:
        """Events that are in the file only; see `storage.read_events`."""
        try:
            return await asyncio.to_thread(
                storage.read_events, record.path, number, offset, record.generation.size, PORTION
            )
        except FileNotFoundError:
            raise GenerationNotFound(record.generation.id) from None

    async def _run(self, running: RunningGeneration, make: Make, begun: asyncio.Future[None]) -> None:
        """The task of a generation, from its file to the taking over of its result."""
        record = running.record
        id = record.generation.id
        try:
            running.log = await self._in_thread(storage.create, self._folder, record.generation)
        except OSError as error:
            del self._running[id], self._records[id]
            begun.set_exception(disk_error(error, self._folder))
            return
        begun.set_result(None)
        try:
            await running.end(*await _made(running, make))
            running.log.close()
            await self._settle(record)
        finally:
            del self._running[id]

    async def _settle(self, record: GenerationRecord) -> None:
        """Let the result of an ended generation be taken over, and note that. After an error, a later sweep repeats it."""
        settle = self._settlers.get(record.generation.kind)
        try:
            if record.unwritten_end is not None:
                record.ended(await self._in_thread(storage.write_end, record.path, record.generation))
            if settle is not None:
                await settle(record.generation)
            await self._in_thread(storage.mark_settled, record.path)
        except (ModelyardError, OSError) as error:
            log.warning("the result of %s is taken over later: %s", record.generation.id, error)
        else:
            record.settled = True
            record.rest()

    async def _remove(self, record: GenerationRecord) -> None:
        self._records.pop(record.generation.id, None)
        await self._in_thread(storage.remove, record.path)

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run work in the thread that writes all files."""
        return await asyncio.get_running_loop().run_in_executor(
            self._appender.thread, functools.partial(work, *args, **kwargs)
        )


async def _made(running: RunningGeneration, make: Make) -> tuple[GenerationState, ModelyardError | None]:
    """Do the work of a generation, and return how it ended."""
    task = asyncio.current_task()
    assert task is not None
    try:
        running.begin(task)
        await make(running)
        return GenerationState.COMPLETED, None
    except asyncio.CancelledError:
        if running.outcome is None:
            raise
        task.uncancel()
        return running.outcome
    except ModelyardError as error:
        return GenerationState.FAILED, error
    except Exception as error:  # the top of a generation: an unexpected error is stored like any other
        log.exception("the generation %s failed", running.record.generation.id)
        return GenerationState.FAILED, InternalError(f"Internal error: {type(error).__name__}.")
    finally:
        running.made()


def _stored(folder: Path) -> list[tuple[Path, Generation, bool]]:
    """The generations that earlier runs of the server left, oldest first, each with whether its result was taken over."""
    stored = []
    for path in storage.names(folder):
        try:
            found = storage.remembered(path)
        except (msgspec.MsgspecError, OSError) as error:
            log.warning("the generation in %s cannot be read, and is left out: %s", path, error)
            continue
        if found is None:
            storage.remove(path)
        else:
            stored.append((path, *found))
    return sorted(stored, key=lambda each: each[1].created_at)
