"""Batches of owners: creates, lists and cancels them. Each is a job of the kind `batch`, which `work.py` carries out."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.batches import rows
from modelyard.batches.journal import BatchTokens
from modelyard.batches.pace import Pace
from modelyard.batches.rows import BatchState
from modelyard.batches.types import BatchModels
from modelyard.batches.work import UNIT, BatchRun, BatchTools
from modelyard.core.access import INFERENCE, Grant, Owner
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, InvalidParameter, Unavailable
from modelyard.core.wording import reason
from modelyard.db.batch_tables import BatchRow
from modelyard.db.reserve import full_disk_named
from modelyard.db.session import TROUBLE, Database, retried
from modelyard.files.service import FileService
from modelyard.jobs.running_job import RunningJob
from modelyard.jobs.service import Jobs
from modelyard.jobs.types import CoroutineWork, Job, JobKind, JobProgress, JobState, Recovery
from modelyard.protocol.batches import NewBatch

log = logging.getLogger(__name__)

KIND = "batch"
AT_ONCE = 32
"""Batches that run at the same time; they share what their models can take."""
ATTEMPTS = 1000
"""Runs that may fail, a minute apart: because of the disk, the database or the owner's quota. Nothing is lost meanwhile."""
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
LONGEST_WINDOW = 30 * 24 * 3600


@dataclass(frozen=True, slots=True)
class BatchView:
    """A batch as it is now."""

    row: BatchRow
    completed: int
    failed: int
    tokens: BatchTokens | None
    """None until it has ended."""


class BatchService:
    """The batches of all owners. Those of other owners appear as missing. `register` comes first, then `open`."""

    def __init__(self, settings: Settings, database: Database, jobs: Jobs) -> None:
        self._settings = settings
        self._database = database
        self._jobs = jobs
        self._runs: dict[str, BatchRun] = {}
        self._tools: asyncio.Future[BatchTools] | None = None
        self._working: set[asyncio.Task[Any]] = set()
        """The tasks of batches that run."""
        self._failing: set[asyncio.Task[None]] = set()

    def register(self) -> None:
        """Register the kind of job. Jobs wait until `open` was called."""
        self._tools = asyncio.get_running_loop().create_future()
        self._jobs.register(
            JobKind(
                name=KIND,
                scope=INFERENCE,
                work=CoroutineWork(self._run, self._cancel_job),
                recovery=Recovery.RESUME,
                at_once=AT_ONCE,
                attempts=ATTEMPTS,
                hopeless=frozenset({InvalidParameter.code, "internal_error"}),
                on_state=self._moved,
            )
        )

    async def open(self, files: FileService, models: BatchModels) -> None:
        """Let batches run, also those that the end of the server interrupted between their row and their job."""
        assert self._tools is not None, "register comes first"
        async with self._database.session() as session:
            unfinished = await rows.unfinished(session)
        for row in unfinished:
            job = self._jobs.store.live.get(row.id)
            if job is None or job.finished:
                self._submit(row)
        self._tools.set_result(BatchTools(self._settings, self._database, files, models, Pace(models.capacity)))
        await asyncio.to_thread(self._remove_folders, {row.id for row in unfinished})

    def _remove_folders(self, names: set[str]) -> None:
        """Remove the folders of batches that have ended."""
        if self._settings.batches_folder.is_dir():
            for path in self._settings.batches_folder.iterdir():
                if rows.BATCH_ID.fullmatch(path.name) and path.name not in names:
                    shutil.rmtree(path, ignore_errors=True)

    async def close(self) -> None:
        """Break off every batch, before the models that it uses are closed. The next run of the server goes on with it."""
        self._tools = asyncio.get_running_loop().create_future()
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, *self._failing, return_exceptions=True)

    async def create(self, grant: Grant | None, body: NewBatch) -> BatchView:
        """Create a batch, and acknowledge it once it is stored. Raises `InvalidParameter` and `FileNotFound`."""
        tools = await self._opened()
        if body.endpoint not in tools.models.endpoints:
            known = ", ".join(sorted(tools.models.endpoints))
            raise InvalidParameter("endpoint", f"'{body.endpoint}' is none of {known}.")
        owner, seconds = Owner.of(grant), window_seconds(body.completion_window)
        file = await tools.files.get(owner, body.input_file_id, "input_file_id")
        if file.purpose != "batch":
            text = f"the file has the purpose '{file.purpose}'; upload it with the purpose 'batch'."
            raise InvalidParameter("input_file_id", text)
        if not file.size:
            raise InvalidParameter("input_file_id", "the file is empty.")
        now, user = time.time(), grant.user if grant else None
        row = BatchRow(
            id=rows.new_batch_id(),
            owner=owner.id,
            key=grant.id if grant and not user else "",
            username=user or "",
            endpoint=body.endpoint,
            input_file=file.id,
            completion_window=body.completion_window,
            notes=body.metadata,
            output_lifetime=body.output_expires_after.seconds if body.output_expires_after else None,
            state=BatchState.VALIDATING.value,
            created_at=now,
            expires_at=now + seconds,
        )
        self._database.check_room()
        async with self._database.session() as session:
            session.add(row)
        self._submit(row)
        await self._jobs.written()
        return self._seen(row)

    def _submit(self, row: BatchRow) -> None:
        parameters = {"endpoint": row.endpoint, "input_file_id": row.input_file}
        progress = JobProgress(row.completed or 0, row.total or None, UNIT)
        self._jobs.submit(Job(id=row.id, kind=KIND, owner=row.owner, parameters=parameters, progress=progress))

    async def get(self, owner: Owner, name: str) -> BatchView:
        """A batch by its id. Raises `BatchNotFound`."""
        async with self._database.session() as session:
            return self._seen(await rows.visible(session, owner, name))

    async def page(self, owner: Owner, after: str | None, limit: int) -> tuple[Sequence[BatchView], bool]:
        """Batches, newest first, and whether there are more of them. Raises `BatchNotFound` for an unknown `after`."""
        async with self._database.session() as session:
            found = await rows.page(session, owner, after, limit + 1)
        return [self._seen(row) for row in found[:limit]], len(found) > limit

    def _seen(self, row: BatchRow) -> BatchView:
        """A batch with the counts of its run."""
        run = self._runs.get(row.id)
        journal = None if run is None else run.journal
        if row.state in rows.ENDED or journal is None:
            tokens = BatchTokens(*row.tokens) if row.tokens else None
            return BatchView(row, row.completed or 0, row.failed or 0, tokens)
        return BatchView(row, journal.completed, journal.failed, None)

    @retried
    async def cancel(self, owner: Owner, name: str) -> BatchView:
        """Stop sending requests of a batch; files of what was answered are made, and then it is cancelled.

        Raises `BatchNotFound`, and `Conflict` for one whose requests are all answered.
        """
        async with self._database.writing() as session:
            row = await rows.visible(session, owner, name)
            if row.state not in (BatchState.CANCELLING, BatchState.CANCELLED):
                before = {BatchState.VALIDATING, BatchState.IN_PROGRESS}
                row = await rows.move(session, name, before, BatchState.CANCELLING)
            if row.state not in (BatchState.CANCELLING, BatchState.CANCELLED):
                raise Conflict(f"The batch '{name}' is {row.state}; there is nothing to cancel.")
        if (run := self._runs.get(name)) is not None:
            run.stopping.set()
        return self._seen(row)

    async def _cancel_job(self, job: Job) -> None:
        await self.cancel(Owner(job.owner), job.id)

    async def _opened(self) -> BatchTools:
        assert self._tools is not None, "register comes first"
        return await asyncio.shield(self._tools)

    async def _run(self, job: RunningJob) -> Mapping[str, Any] | None:
        """Carry out a batch. Raises `Unavailable` or `NotEnoughDisk` for a disk that cannot be used."""
        run = self._runs[job.id] = BatchRun(await self._opened(), job)
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            with full_disk_named(self._settings.batches_folder):
                return await run.run()
        except OSError as error:
            raise Unavailable(f"The files of the batch cannot be used: {reason(error)}.") from error
        finally:
            del self._runs[job.id]
            self._working.discard(task)

    def _moved(self, job: Job) -> None:
        """Let a batch fail whose job has failed."""
        if job.state is JobState.FAILED:
            task = asyncio.create_task(self._fail(job))
            self._failing.add(task)
            task.add_done_callback(self._failing.discard)

    async def _fail(self, job: Job) -> None:
        code, text = (job.error.code, job.error.message) if job.error else ("internal_error", "The job failed.")
        problem = {"code": code, "line": None, "message": text, "param": None}
        before = set(BatchState) - rows.ENDED
        try:
            async with self._database.writing() as session:
                await rows.move(session, job.id, before, BatchState.FAILED, problems=[problem])
        except TROUBLE as error:
            log.warning("the batch %s goes on at the next start: %s", job.id, error.message)


def window_seconds(text: str) -> int:
    """The seconds of a window such as `24h`. Raises `InvalidParameter`."""
    seconds = int(text[:-1]) * SECONDS[text[-1]]
    if seconds > LONGEST_WINDOW:
        raise InvalidParameter("completion_window", "it is 30 days at most.")
    return seconds
