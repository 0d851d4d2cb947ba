"""Jobs on a real host and a real database, in an event loop like the server's, for tests of the package."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import uvloop

from modelyard.core.config import Settings
from modelyard.db.session import Database
from modelyard.jobs.service import Jobs, new_id
from modelyard.jobs.types import (
    CoroutineWork,
    Job,
    JobEvent,
    JobKind,
    JobState,
    ProcessPlan,
    ProcessWork,
    Recovery,
)
from modelyard.runtime.local import LocalHost


@dataclass
class Board:
    """The jobs of one run of a server."""

    jobs: Jobs
    host: LocalHost

    def submit(self, kind: str, **parameters: Any) -> str:
        return self.jobs.submit(Job(id=new_id(), kind=kind, parameters=parameters)).id

    async def until(self, name: str, state: JobState) -> Job:
        """The job once it is in a state; a job that is finished otherwise fails the test."""
        while (job := await self.jobs.get(name)).state is not state:
            assert not job.finished, (job.state, job.error)
            await asyncio.sleep(0)
            await self.news(name)
        return job

    async def begun(self, name: str) -> None:
        """Wait until the process of a job has reported that one part is done."""
        while not (await self.jobs.get(name)).progress.done:
            await self.news(name)

    async def news(self, name: str) -> None:
        """Wait until something about a job has changed."""
        signals = self.jobs.store._signals
        await asyncio.wait_for(signals.setdefault(name, asyncio.Event()).wait(), 30)

    async def without_processes(self) -> None:
        """Wait until no process of any job is left."""
        async with asyncio.timeout(30):
            while self.host.observe():  # noqa: ASYNC110 - the loop of jobs forgets them, and tells nobody
                await asyncio.sleep(0.01)

    async def events(self, name: str, after: int = 0) -> list[JobEvent]:
        """The numbered events of a job until it is finished."""
        return [event async for event in self.jobs.follow(name, after) if event.seq is not None]


@asynccontextmanager
async def board(settings: Settings, url: str, *kinds: JobKind) -> AsyncIterator[Board]:
    """A run of a server's jobs, for the time of a block."""
    database, host = Database(url), LocalHost(settings)
    await database.open()
    jobs = Jobs(settings, database, host)
    for kind in kinds:
        jobs.register(kind)
    await jobs.open()
    loop = asyncio.create_task(jobs.run())
    try:
        yield Board(jobs, host)
    finally:
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await host.close()
        await database.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    """Run a test on the server's own kind of event loop."""

    async def go() -> None:
        await work()

    uvloop.run(go())


def process(code: str, name: str = "script", recovery: Recovery = Recovery.RESUME, **options: Any) -> JobKind:
    """A kind whose process runs Python; `sys.argv[1:]` are the values of its parameters."""

    async def plan(job: Job) -> ProcessPlan:
        words = (str(value) for value in job.parameters.values())
        return ProcessPlan((sys.executable, "-uc", code, *words), grace=0.2)

    return JobKind(name=name, scope="admin", work=ProcessWork(plan), recovery=recovery, **options)


def coroutine(
    work: Callable[[Any], Awaitable[Mapping[str, Any] | None]], name: str = "inside", **options: Any
) -> JobKind:
    """A kind that runs in this process."""
    options.setdefault("recovery", Recovery.RESTART)
    return JobKind(name=name, scope="admin", work=CoroutineWork(work), **options)
