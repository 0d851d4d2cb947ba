"""The interface of jobs for other packages: submit, list, follow, cancel, pause, resume and delete them."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from pydantic import BaseModel

from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, InvalidParameter, JobNotFound
from modelyard.db.session import TROUBLE, Database
from modelyard.jobs import rows, states
from modelyard.jobs.output import reported
from modelyard.jobs.runner import JobRunner, log_name
from modelyard.jobs.store import JobStore, as_json
from modelyard.jobs.types import CoroutineWork, Job, JobEvent, JobKind, JobState, WorkerWork
from modelyard.runtime.base import Host

Submit = Callable[[Any, Owner], Awaitable[str]]


class Jobs:
    """All jobs of a server. Packages register their kinds before `open` is called."""

    def __init__(self, settings: Settings, database: Database, host: Host) -> None:
        self.kinds: dict[str, JobKind] = {}
        self.store = JobStore(database)
        self._database = database
        self._host = host
        self.store.on_state = self._moved
        self._runner = JobRunner(settings, self.store, host, self.kinds)

    def register(self, kind: JobKind) -> None:
        """Add a kind of job."""
        self.kinds[kind.name] = kind

    def _moved(self, job: Job) -> None:
        kind = self.kinds.get(job.kind)
        if kind is not None and kind.on_state is not None:
            kind.on_state(job)

    async def open(self, worked: Collection[str] = ()) -> None:
        """Recover jobs that a previous run of the server left unfinished, as `JobKind.recovery` says.

        Jobs of the kinds in `worked` are left to the workers of their packages.
        """
        for job in await self.store.unfinished():
            if job.kind in worked:
                continue
            kind = self.kinds.get(job.kind)
            self.store.adopt(job)
            after = states.recovered(job, kind)
            if after != job:
                self.store.put(after)

    async def run(self) -> None:
        """Run jobs until cancelled."""
        await self._runner.run()

    def submit(self, job: Job) -> Job:
        """Queue a job, which replaces a finished job of the same id. Its row is in the database after `written`.

        Raises `Conflict` if a job of that id is unfinished.
        """
        if (before := self.store.live.get(job.id)) is not None and not before.finished:
            raise Conflict(f"The job '{job.id}' is {before.state} already.")
        parameters, details = as_json(job.parameters), as_json(job.details)
        job = self.store.renew(replace(job, parameters=parameters, details=details, created_at=time.time()))
        self._runner.nudge()
        return job

    def record(self, job: Job) -> Job:
        """Store a job that had nothing to do, in the state `done`."""
        now = time.time()
        return self.submit(replace(job, state=JobState.DONE, started_at=now, finished_at=now))

    async def written(self) -> None:
        """Write all changes to the database. Raises `DatabaseUnavailable` or `NotEnoughDisk`."""
        await self.store.flush()

    def creatable(self, name: str) -> tuple[type[BaseModel], Submit]:
        """`body` and `submit` of a kind that `POST /v1/jobs` can create. Raises `InvalidParameter` for other names."""
        kind = self.kinds.get(name)
        if kind is None or kind.body is None or kind.submit is None:
            known = sorted(each.name for each in self.kinds.values() if each.submit is not None)
            raise InvalidParameter("kind", f"'{name}' is none of {', '.join(known)}.")
        return kind.body, kind.submit

    def kind_of(self, job: Job) -> JobKind:
        """The kind of a job. Raises `Conflict` for a job of a kind that this server does not have."""
        if (kind := self.kinds.get(job.kind)) is None:
            raise Conflict(f"This server has no jobs of the kind '{job.kind}'; the job '{job.id}' can only be deleted.")
        return kind

    async def get(self, name: str, owner: Owner | None = None) -> Job:
        """The current job of that id. Raises `JobNotFound`, also if the owner may not see the job."""
        job = await self.store.get(name)
        if owner is not None and not owner.sees(job.owner):
            raise JobNotFound(name)
        return await self._seen(job)

    async def page(
        self,
        owner: Owner,
        kind: str | None = None,
        state: JobState | None = None,
        limit: int = 100,
        after: tuple[float, str] | None = None,
    ) -> list[Job]:
        """The newest jobs that an owner may see; `after` is creation time and id of the last job of the previous page."""
        with suppress(*TROUBLE):  # jobs that cannot be written now are listed later
            await self.store.flush()
        async with self._database.session() as session:
            found = await rows.page(session, owner, kind, state, limit, after)
        return [await self._seen(self.store.live.get(job.id, job)) for job in found]

    async def worked(self, since: float) -> tuple[set[str], set[str]]:
        """Ids of jobs with `WorkerWork`: the unfinished ones, and those that finished at the Unix time `since` or later."""
        async with self._database.session() as session:
            unfinished = {job.id for job in await rows.unfinished(session)}
            ended = set(await rows.ended_since(session, since))
        return unfinished - self.store.live.keys(), ended - self.store.live.keys()

    async def _seen(self, job: Job) -> Job:
        """A job with its current progress, if its kind has `look`."""
        kind = self.kinds.get(job.kind)
        return job if kind is None or kind.look is None or job.finished else await kind.look(job)

    async def follow(self, name: str, after: int = 0) -> AsyncIterator[JobEvent]:
        """Yield events of a job with a number above `after` until it is finished. Raises `JobNotFound`."""
        async for event in self.store.follow(name, after, self._seen):
            yield event

    async def wait(self, name: str) -> Job:
        """Wait until a job is finished, and return it. Raises `JobNotFound`."""
        async for _ in self.follow(name):
            pass
        return await self.get(name)

    def logs(self, name: str, lines: int) -> Sequence[str]:
        """The last lines of a job's log: output of its newest process without reports."""
        found = self._host.logs(log_name(name), None, 2 * lines)[1]
        return [line for line in found if reported(line) is None][-lines:]

    async def cancel(self, job: Job) -> Job:
        """Cancel a job; results so far remain. Raises `Conflict` if it is finished or something else needs it."""
        kind = self.kind_of(job)
        if not job.finished and kind.check_removable is not None:
            kind.check_removable(job)
        if isinstance(kind.work, CoroutineWork) and kind.work.cancel is not None:
            states.cancelled(job)
            await kind.work.cancel(job)
            return await self.get(job.id)
        if not isinstance(kind.work, WorkerWork):
            return self.stop(job)
        states.cancelled(job)
        await kind.work.cancel(job)
        self.store.signal_worked()
        return await self.get(job.id)

    def stop(self, job: Job) -> Job:
        """Cancel a job in memory even if something else needs it. Raises `Conflict` if it is finished."""
        return self._stopped(states.cancelled(job))

    def pause(self, job: Job) -> Job:
        """Pause a job. Raises `Conflict` if it is finished or its kind cannot be paused."""
        return self._stopped(states.paused(job, self.kind_of(job)))

    def _stopped(self, job: Job) -> Job:
        self.store.put(job)
        self._runner.stop(job.id)
        return job

    def resume(self, job: Job) -> Job:
        """Queue a job again that was paused or has failed. Raises `Conflict` for other finished jobs."""
        after = states.resumed(job, self.kind_of(job))
        if after is not job:
            self.store.put(after)
            self._runner.nudge()
        return after

    async def remove(self, job: Job) -> None:
        """Delete a finished job with its events and its log. Raises `Conflict` if it is unfinished."""
        if not job.finished:
            raise Conflict(f"The job '{job.id}' is {job.state}; cancel it first.")
        self.store.discard(job)
        await self.store.flush()
        self._host.remove_logs(log_name(job.id))


def new_id() -> str:
    """An id that nobody can guess."""
    return secrets.token_hex(8)
