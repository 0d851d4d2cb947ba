"""Stores jobs: unfinished ones in memory, all of them in the database; and wakes those who follow a job.

The job in memory is the current one, and its row is written later, in batches, so that running work never waits for the disk.
Jobs of kinds with `WorkerWork` are never in memory: their package writes their rows.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import msgspec

from modelyard.core.errors import JobNotFound
from modelyard.db.session import Database, retried
from modelyard.db.tables import JobEventRow, JobRow
from modelyard.jobs import rows
from modelyard.jobs.types import Job, JobEvent, JobProgress

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 5.0
"""Seconds after which a follower checks a job without a signal, because the progress of some kinds is not reported."""
FOLLOW_PAUSE = 0.1
"""Minimum seconds between two snapshots of progress for one follower."""
TRIM_EVERY = 200
"""Number of events of a job after which those beyond `KEPT_EVENTS` are deleted."""
PROGRESS = "progress"
"""Type of the events with a snapshot of progress, which only followers receive."""

JobLook = Callable[[Job], Awaitable[Job]]


class JobStore:
    """All methods run on one event loop. Only `put` changes jobs in memory, only `flush` writes their rows."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.on_state: Callable[[Job], None] = lambda job: None
        """Called after every change of a job's state."""
        self.on_change: Callable[[str], None] = lambda job: None
        """Called with the id of a job after every change, including its progress."""
        self.on_removed: Callable[[Job], None] = lambda job: None
        """Called after a job was deleted."""
        self.on_worked: Callable[[], None] = lambda: None
        """Called after a change of jobs with `WorkerWork`; which jobs is not known."""
        self.live: dict[str, Job] = {}
        """Jobs of this server that are unfinished, or finished and not deleted from memory yet, by id."""
        self._dirty: set[str] = set()
        self._removed: set[str] = set()
        self._events: list[JobEventRow] = []
        self._counts: Counter[str] = Counter()
        self._writing: frozenset[str] = frozenset()
        self._lock = asyncio.Lock()
        self._signals: dict[str, asyncio.Event] = {}

    @property
    def unwritten(self) -> bool:
        """Whether changes are not written to the database yet."""
        return bool(self._dirty or self._removed)

    async def unfinished(self) -> list[Job]:
        """Jobs in the database that are not finished."""
        async with self._database.session() as session:
            return await rows.unfinished(session)

    def adopt(self, job: Job) -> None:
        """Hold a job in memory that was read from the database."""
        self.live[job.id] = job

    def put(self, job: Job) -> Job:
        """Replace the job of that id in memory; its row is written later."""
        before = self.live.get(job.id)
        self.live[job.id] = job
        self._dirty.add(job.id)
        if before is None or before.state is not job.state:
            self._events.append(rows.state_event(job.id, job.state, job.error))
            self.on_state(job)
        self.on_change(job.id)
        self.signal(job.id)
        return job

    def renew(self, job: Job) -> Job:
        """Replace a finished job of that id, and delete its events."""
        self._discard(job.id)
        return self.put(replace(job, created_at=job.created_at or time.time()))

    def event(self, job: str, type: str, data: Mapping[str, Any]) -> None:
        """Add an event to a job."""
        self._events.append(JobEventRow(job_id=job, at=time.time(), type=type, data=as_json(data)))
        self._dirty.add(job)
        self.signal(job)

    def discard(self, job: Job) -> None:
        """Delete a job with its events."""
        self._discard(job.id)
        self.on_removed(job)

    def _discard(self, job: str) -> None:
        self.live.pop(job, None)
        self._dirty.discard(job)
        self._events = [event for event in self._events if event.job_id != job]
        self._removed.add(job)
        self.signal(job)

    async def flush(self) -> None:
        """Write all changes; those that fail are kept for the next call. Raises `DatabaseUnavailable` or `NotEnoughDisk`."""
        async with self._lock:
            if not self._dirty and not self._removed:
                return
            removed, dirty, events = self._removed, self._dirty, self._events
            self._removed, self._dirty, self._events = set(), set(), []
            self._writing = frozenset(dirty)
            written = False
            try:
                await self._write(removed, [self.live[name] for name in dirty if name in self.live], events)
                written = True
            finally:
                self._writing = frozenset()
                if not written:
                    again = [event for event in events if event.job_id not in self._removed]
                    self._removed |= removed
                    self._dirty |= {name for name in dirty if name in self.live}
                    self._events = again + self._events
            for name in removed | dirty:
                self.signal(name)

    @retried
    async def _write(self, removed: set[str], jobs: list[Job], events: list[JobEventRow]) -> None:
        transaction = self._database.freeing() if removed else self._database.writing()
        async with transaction as session:
            await rows.remove(session, removed)
            for job in jobs:
                await session.merge(rows.row_of(job))
            await session.flush()
            for event in events:
                session.add(JobEventRow(job_id=event.job_id, at=event.at, type=event.type, data=event.data))
            await session.flush()
            self._counts.update(event.job_id for event in events)
            for name in [name for name, count in self._counts.items() if count >= TRIM_EVERY]:
                await rows.trim(session, name)
                del self._counts[name]

    async def get(self, job: str) -> Job:
        """The current job of that id. Raises `JobNotFound`."""
        if (found := self.live.get(job)) is not None:
            return found
        async with self._database.session() as session:
            row = None if job in self._removed else await session.get(JobRow, job)
            if row is None:
                raise JobNotFound(job)
            return rows.job_of(row)

    async def clear(self, seconds: float, keep: int) -> list[str]:
        """Delete finished jobs that ended more than `seconds` ago or are not among the newest `keep`; return their ids."""
        async with self._database.session() as session:
            found = await rows.expired(session, time.time() - seconds, keep)
        old = [name for name in found if name not in self.live or self.live[name].finished]
        for name in old:
            if (job := self.live.get(name)) is not None:
                self.discard(job)
            else:
                self._discard(name)
        await self.flush()
        return old

    def signal(self, job: str) -> None:
        """Wake the followers of a job, which has changed."""
        if (event := self._signals.pop(job, None)) is not None:
            event.set()

    def signal_worked(self) -> None:
        """Wake the followers of all jobs with `WorkerWork`, some of which have changed."""
        for job in [name for name in self._signals if name not in self.live]:
            self.signal(job)
        self.on_worked()

    async def follow(self, job: str, after: int, view: JobLook) -> AsyncIterator[JobEvent]:
        """Yield events of a job with a number above `after` as they happen, and its progress after each change.

        Ends after the last event of a finished job, or when the job is deleted. Raises `JobNotFound`.
        """
        found = await view(await self.get(job))
        progress: JobProgress | None = None
        while True:
            signal = self._signals.setdefault(job, asyncio.Event())
            settled = found.finished and job not in self._dirty | self._writing
            async with self._database.session() as session:
                events = await rows.events_after(session, job, after)
            if found.progress != progress:
                progress = found.progress
                yield JobEvent(None, PROGRESS, _data(progress), time.time())
            for event in events:
                assert event.seq is not None
                after = event.seq
                yield event
            if settled:
                return
            try:
                await asyncio.wait_for(signal.wait(), FOLLOW_SECONDS)
                await asyncio.sleep(FOLLOW_PAUSE)
            except TimeoutError:
                pass
            try:
                found = await view(await self.get(job))
            except JobNotFound:
                return


def as_json(value: Mapping[str, Any]) -> dict[str, Any]:
    """A value converted to JSON types. Raises `TypeError` if that is impossible, before it could prevent a write of all rows."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(value))
    return found


def _data(progress: JobProgress) -> dict[str, Any]:
    return {
        "done": progress.done,
        "total": progress.total,
        "unit": progress.unit,
        "message": progress.message,
    }
