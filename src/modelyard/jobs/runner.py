"""The loop that runs jobs: starts queued jobs, reads the output of their processes, and retries failed ones."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from modelyard.core.config import Settings
from modelyard.core.errors import InternalError, JobFailed, ModelyardError
from modelyard.db.session import TROUBLE
from modelyard.jobs import states
from modelyard.jobs.output import ProcessOutput
from modelyard.jobs.running_job import RunningJob
from modelyard.jobs.store import JobStore, as_json
from modelyard.jobs.types import ACTIVE, CoroutineWork, Job, JobKind, JobState, ProcessEnd, ProcessWork, WorkerWork
from modelyard.runtime.base import Host, ProcessSpec, ProcessState, ProcessView

log = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between reads of the processes' output, and between writes of progress."""
CLEAR_SECONDS = 3600.0
"""Seconds between deletions of old finished jobs."""
DAY = 86400.0


@dataclass(slots=True)
class _Process:
    """The process of a job."""

    job: str
    grace: float
    offset: int = 0
    output: ProcessOutput = field(default_factory=ProcessOutput)


class JobRunner:
    """Owns the processes and tasks of jobs. All methods run on one event loop."""

    def __init__(self, settings: Settings, store: JobStore, host: Host, kinds: Mapping[str, JobKind]) -> None:
        self._settings = settings
        self._store = store
        self._host = host
        self._kinds = kinds
        self._processes: dict[str, _Process] = {}
        """Name of a process on the host → the process."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        """Job → the asyncio task of a job with `CoroutineWork`."""
        self._stops: set[asyncio.Task[None]] = set()
        self._serial = count(1)
        self._nudged = asyncio.Event()
        self._clear_at = 0.0
        self._checked_at = 0.0
        """Monotonic time of the last check of the queue."""
        host.subscribe(lambda replica: self._nudged.set())

    def nudge(self) -> None:
        """Make the loop take its next step now."""
        self._nudged.set()

    async def run(self) -> None:
        """Take steps until cancelled, then cancel the tasks and write what has changed."""
        try:
            while True:
                self._nudged.clear()
                await self.step()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._pause()):
                        await self._nudged.wait()
        finally:
            tasks = [*self._tasks.values(), *self._stops]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            with suppress(*TROUBLE):  # then the next run of the server begins with what was written before
                await self._store.flush()

    def _pause(self) -> float | None:
        now = time.monotonic()
        # also jobs that became due after the last check of the queue, because the write that follows it may take long
        times = [self._clear_at, *(job.retry_at for job in self._queued() if job.retry_at > self._checked_at)]
        if self._processes or self._tasks or self._store.unwritten:
            times.append(now + POLL)
        return max(0.0, min(times) - now)

    async def step(self) -> None:
        """Read the state of all processes, start jobs that are due, and write changes to the database."""
        for view in self._host.observe():
            self._absorb(view)
        self._checked_at = time.monotonic()
        for job in self._queued():
            current = self._store.live.get(job.id) is job  # starting another job may have taken long
            if current and job.retry_at <= self._checked_at and self._has_room(job):
                await self._start(job)
        try:
            await self._store.flush()
            if time.monotonic() >= self._clear_at:
                self._clear_at = time.monotonic() + CLEAR_SECONDS
                await self._clear()
        except TROUBLE as error:
            log.warning("the changes of jobs will be written later: %s", error.message)

    async def _clear(self) -> None:
        seconds = self._settings.keep_jobs_days * DAY
        for name in await self._store.clear(seconds, self._settings.keep_jobs):
            await asyncio.to_thread(self._host.remove_logs, log_name(name))

    def _queued(self) -> list[Job]:
        return [job for job in self._store.live.values() if job.state is JobState.QUEUED]

    def busy(self, job: str) -> bool:
        """Whether a process or task of a job still exists."""
        return job in self._tasks or any(process.job == job for process in self._processes.values())

    def _has_room(self, job: Job) -> bool:
        """Whether a job may start: its last process has ended, and fewer jobs of its kind run than may run at once."""
        if self.busy(job.id):
            return False
        names = {*self._tasks, *(process.job for process in self._processes.values())}
        kinds = Counter(self._store.live[name].kind for name in names if name in self._store.live)
        most = self._kinds[job.kind].at_once
        return most is None or kinds[job.kind] < most

    async def _start(self, job: Job) -> None:
        work = self._kinds[job.kind].work
        assert not isinstance(work, WorkerWork), "the package's own worker runs such jobs, which are never in memory"
        job = self._store.put(states.started(job))
        if isinstance(work, CoroutineWork):
            self._tasks[job.id] = asyncio.create_task(self._run(job, work.run), name=f"job {job.id}")
            return
        try:
            plan = await work.plan(job)
        except ModelyardError as error:
            self._store.put(states.failed(self._store.live.get(job.id, job), error))
            return
        if self._store.live.get(job.id) is not job:  # it was cancelled or paused meanwhile
            return
        name = f"{log_name(job.id)}-{next(self._serial)}"
        self._processes[name] = _Process(job.id, plan.grace, output=ProcessOutput(job.progress))
        await self._host.start(ProcessSpec(name, log_name(job.id), plan.argv, plan.env))

    async def _run(self, job: Job, run: Callable[[RunningJob], Awaitable[Mapping[str, Any] | None]]) -> None:
        try:
            answer = await run(RunningJob(self._store, job))
            result = None if answer is None else as_json(answer)
            self._conclude(job.id, lambda now: states.done(now, result))
        except ModelyardError as error:
            self._failed(job.id, error)
        except Exception as error:  # the top of a task: a defect costs one job
            log.exception("the job %s failed", job.id)
            self._failed(job.id, InternalError(f"Internal error: {type(error).__name__}."))
        finally:
            del self._tasks[job.id]
            self.nudge()

    def _absorb(self, view: ProcessView) -> None:
        """Update the job of a process from what the host observes of it."""
        process = self._processes.get(view.replica)
        if process is None:
            return
        exited = view.state is ProcessState.EXITED
        self._read(view, process, whole=exited)
        job = self._store.live.get(process.job)
        current = job is not None and job.state in ACTIVE
        if exited:
            del self._processes[view.replica]
            self._host.forget(view.replica)
            self.nudge()  # another job of this kind may start now
            if current:
                self._ended(process.job, view, process.output)
        elif job is not None and current and process.output.progress != job.progress:
            self._store.put(replace(job, progress=process.output.progress))

    def _read(self, view: ProcessView, process: _Process, whole: bool) -> None:
        """Read the output of a process since the last read; with `whole`, up to its end."""
        while True:
            lines, process.offset = self._host.read_log(view.uid, view.replica, process.offset)
            process.output.read(lines)
            if not lines or not whole:
                break
        for type, data in process.output.events:
            if process.job in self._store.live:
                self._store.event(process.job, type, data)
        process.output.events.clear()

    def _ended(self, name: str, view: ProcessView, output: ProcessOutput) -> None:
        """Conclude the job of a process that ended by itself: it is done or has failed."""
        job = self._store.put(replace(self._store.live[name], progress=output.progress))
        end = ProcessEnd(view.exit_code, view.error, list(output.lines), output.result, output.error)
        work = self._kinds[job.kind].work
        assert isinstance(work, ProcessWork)
        try:
            result = (work.conclude or _concluded)(job, end)
        except ModelyardError as error:
            self._failed(name, error)
        else:
            self._store.put(states.done(job, result))

    def _conclude(self, name: str, change: Callable[[Job], Job]) -> None:
        job = self._store.live.get(name)
        if job is not None and job.state in ACTIVE:
            self._store.put(change(job))

    def _failed(self, name: str, error: ModelyardError) -> None:
        job = self._store.live.get(name)
        if job is None or job.state not in ACTIVE:
            return
        now = time.monotonic()
        after = states.after_failure(job, self._kinds[job.kind], error, self._settings.restart_backoff, now)
        self._store.put(after)
        then = "it is given up" if after.finished else f"it is tried again in {after.retry_at - now:.1f} s"
        log.warning("%s job %s failed: %s %s", job.kind, name, error.message, then)

    def stop(self, name: str) -> None:
        """Stop the process or task of a job, which is paused, cancelled or removed."""
        if (task := self._tasks.get(name)) is not None:
            task.cancel()
        for replica, process in self._processes.items():
            if process.job == name:
                stop = asyncio.create_task(self._host.stop(replica, process.grace), name=f"stop {replica}")
                self._stops.add(stop)
                stop.add_done_callback(self._stops.discard)
        self.nudge()


def log_name(job: str) -> str:
    """The name of the job's log on the host, which all its processes share."""
    return f"job-{job}"


def _concluded(job: Job, end: ProcessEnd) -> Mapping[str, Any] | None:
    """The result that a process reported. Raises the error that it reported, or `JobFailed` for another exit code than 0."""
    if end.error is not None:
        raise end.error
    if end.exit_code or end.problem:
        raise JobFailed(job.id, end.reason)
    return end.result
