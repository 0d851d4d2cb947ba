"""The worker: reads, splits, embeds and commits documents in the background, a few small ones in one transaction.

Tasks are rows, so a crash loses only the results for the current documents, which are indexed again after the next start.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence

from sqlalchemy import delete, select

from modelyard.core import heap
from modelyard.core.errors import (
    BadRequest,
    ChangedMeanwhile,
    InternalError,
    ModelNotFound,
    ModelNotReady,
    ModelyardError,
)
from modelyard.db.session import TROUBLE, Database, retried
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeDocument, KnowledgeJob, KnowledgeTask
from modelyard.jobs.types import ACTIVE, JobState
from modelyard.knowledge.documents.states import DocumentState, IndexingKind, TaskState
from modelyard.knowledge.indexing import jobs as job_rows
from modelyard.knowledge.indexing.change_queue import SECONDS, ChangeQueue
from modelyard.knowledge.indexing.held_jobs import HeldJobs
from modelyard.knowledge.indexing.index_pool import IndexPool
from modelyard.knowledge.indexing.jobs import IndexingJobs, JobView
from modelyard.knowledge.indexing.pipeline import IndexingPipeline
from modelyard.knowledge.indexing.probes import Probes
from modelyard.knowledge.indexing.task_queue import DocumentTask, TaskQueue
from modelyard.knowledge.indexing.words import forget_words

log = logging.getLogger(__name__)

WORKERS = 2
"""Number of concurrent batches: one is read while another is embedded."""
AHEAD = 64
"""Number of tasks that are looked up at a time."""
ATTEMPTS = 6
"""Maximum attempts for a document whose models do not answer, with doubling pauses between them."""
PAUSE = 1.0
IDLE_SECONDS = 20.0
"""Seconds without work after which memory is released."""


class IndexingWorker:
    """Runs jobs on one event loop; blocking work runs in threads or in a separate process."""

    def __init__(
        self,
        database: Database,
        indexes: IndexPool,
        jobs: IndexingJobs,
        indexing: IndexingPipeline,
        probes: Probes,
        forget: Callable[[Sequence[int]], None],
    ) -> None:
        """`forget` is called with the chunks whose position in their document has changed."""
        self._forget = forget
        self._database = database
        self._indexes = indexes
        self._jobs = jobs
        self._indexing = indexing
        self._probes = probes
        self.held = HeldJobs(database)
        self.on_change: Callable[[], None] = lambda: None
        """Called whenever the state of a job has changed."""
        self._wake = asyncio.Event()
        self._changed = asyncio.Event()
        self._queue = TaskQueue()
        self._active: dict[asyncio.Task[None], list[DocumentTask]] = {}
        self._changes = ChangeQueue(indexes, self.look)

    def look(self, first: bool = False) -> None:
        """Look for new tasks; with `first`, before those that were looked up already."""
        if first:
            self._queue.clear()
        self._wake.set()
        self._note()

    async def view(self, name: str) -> JobView:
        """The state of a job, with its current steps. Raises `JobNotFound`."""
        return await self._jobs.view(name, dict(self._indexing.stages), self.held.reason(name))

    async def follow(self, name: str) -> AsyncIterator[JobView]:
        """Yield a job's view now and after every change, until it is finished. Raises `JobNotFound`."""
        last = None
        while True:
            changed = self._changed
            view = await self.view(name)
            if view != last:
                yield view
            if view.finished:
                return
            last = view
            try:
                await asyncio.wait_for(changed.wait(), 5)
                await asyncio.sleep(0.1)
            except TimeoutError:
                continue

    async def wait(self, name: str) -> JobView:
        """The view of a job once it is finished. Raises `JobNotFound`."""
        last = await self.view(name)
        async for view in self.follow(name):
            last = view
        return last

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            while True:
                self._wake.clear()
                try:
                    await self.held.release()
                    await self._start_some()
                    await self._changes.write_some(idle=not self._active and not self._queue)
                    if not self._queue:
                        await self._finish_jobs()
                except ModelyardError as error:
                    log.warning("knowledge jobs wait: %s", error.message)
                    await asyncio.sleep(PAUSE)
                    continue
                if not self._active and not self._queue and not self._changes:
                    self._queue.forget()
                    await self._idle()
                else:
                    await self._wait_a_little()
        finally:
            for task in self._active:
                task.cancel()
            await asyncio.gather(*self._active, self._changes.cancel(), self._probes.cancel(), return_exceptions=True)

    async def _idle(self) -> None:
        """Wait for work. After some time without any, release the memory that only indexing needs."""
        try:
            await asyncio.wait_for(self._wake.wait(), IDLE_SECONDS)
        except TimeoutError:
            try:
                await self._indexes.rest()
                await self._database.rest()
            except (ModelyardError, OSError, ValueError) as error:
                log.warning("a writer of an index, or caches of the database, could not be released: %s", error)
            forget_words()
            await asyncio.to_thread(heap.trim)
            await self._wake.wait()

    async def _wait_a_little(self) -> None:
        try:
            await asyncio.wait_for(self._wake.wait(), SECONDS)
        except TimeoutError:
            return

    def _note(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self.on_change()

    async def _start_some(self) -> None:
        while len(self._active) < WORKERS:
            if not self._queue:
                self._queue.extend(await self._waiting())
            busy = {due.document for each in self._active.values() for due in each}
            if taken := self._queue.take(busy):
                task = asyncio.create_task(self._work(taken))
            elif (due := await self.held.by_words(busy)) is not None:
                taken, task = [due], asyncio.create_task(self._by_words(due))
            else:
                return
            self._active[task] = taken
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._active.pop(task, None)
        self._wake.set()
        self._note()

    async def _waiting(self) -> list[DocumentTask]:
        """The next tasks, of as many jobs as are looked up at a time. Additions to a base wait while the base is re-indexed.

        Temporary bases come first, because a person is waiting for them. Then bases take turns, each with its oldest
        job, so that hundreds of uploads to one base do not delay another.
        """
        active = [due.task for each in self._active.values() for due in each]
        found: list[DocumentTask] = []
        async with self._database.session() as session:
            names = (await session.scalars(job_rows.next_jobs(self.held.jobs).limit(AHEAD))).all()
            for name in names:
                query = job_rows.tasks_of(name).where(KnowledgeTask.id.not_in(active))
                share = max(1, AHEAD // len(names))
                numbers = (await session.execute(query.limit(share))).all()
                found += [DocumentTask(number, name, document, size) for number, document, size in numbers]
        return found

    async def _work(self, taken: Sequence[DocumentTask]) -> None:
        """Index a batch; if it fails, its tasks are done one by one, because a single one may be the cause."""
        try:
            await (self._index(taken) if len(taken) > 1 else self._alone(taken[0]))
            return
        except ModelyardError as error:
            log.info("%d documents are indexed one by one: %s", len(taken), type(error).__name__)
        except Exception as error:  # the top of a task: an unexpected error must not be repeated forever
            log.exception("%d documents were not indexed", len(taken))
            if len(taken) == 1:
                wrong = InternalError(f"Internal error: {type(error).__name__}.")
                await self._failed(taken[0].task, wrong, whole_job=True)
        if len(taken) > 1:
            for due in taken:
                if due.job not in self.held.jobs:
                    await self._work([due])

    async def _by_words(self, due: DocumentTask) -> None:
        """Index a document without vectors while its model does not answer."""
        try:
            await self._index([due], by_words=True)
        except (*TROUBLE, ChangedMeanwhile) as error:
            log.warning("task %d waits: %s", due.task, error.message)
            await asyncio.sleep(PAUSE)
            self.held.again(due)
        except ModelyardError as error:  # the task is done later and then reports its error
            log.warning("words do not find the document of task %d: %s", due.task, error.message)

    async def _index(self, taken: Sequence[DocumentTask], by_words: bool = False) -> None:
        """Index a batch; the duration of one with vectors decides the size of the next batch."""
        began = time.monotonic()
        outcome = await self._indexing.index([due.task for due in taken], by_words)
        if outcome.change is not None:
            self._changes.add(outcome.change)
            self._forget(outcome.change.moved)
        for number, error in outcome.unreadable.items():
            await self._failed(number, error)
        if not by_words:
            self._queue.took(taken[0].job, time.monotonic() - began)

    async def _alone(self, due: DocumentTask) -> None:
        """Carry out one task, with retries while models do not answer."""
        number, pause = due.task, PAUSE
        for attempt in range(1, ATTEMPTS + 1):
            try:
                await self._index([due])
                return
            except ChangedMeanwhile:
                continue  # rows were deleted meanwhile; the next attempt does what is left
            except TROUBLE as error:
                self._indexing.stages[due.document] = f"waiting: {error.message}"
                log.warning("task %d waits: %s", number, error.message)
            except (ModelNotFound, ModelNotReady) as error:
                if await self._waits(due, error):
                    return
                if attempt == ATTEMPTS:
                    await self._failed(number, error, whole_job=True)
                    return
            except BadRequest as error:  # further attempts would fail in the same way
                await self._failed(number, error, whole_job=True)
                return
            except ModelyardError as error:
                if attempt == ATTEMPTS:
                    await self._failed(number, error, whole_job=True)
                    return
            await asyncio.sleep(pause)
            pause *= 2

    async def _waits(self, due: DocumentTask, error: ModelyardError) -> bool:
        """Whether a task's job now waits for the model that does not answer; `models_changed` lets it continue."""
        model = await self._indexing.model_of(due.task)
        if model is None or not await self.held.hold(due.job, model):
            return False
        self._queue.drop(due.job)
        log.info("a job of knowledge bases waits: %s", error.message)
        return True

    def models_changed(self) -> None:
        """Called when a model becomes ready or stops answering."""
        if self.held.jobs:
            self.look()

    @retried
    async def _failed(self, number: int, error: ModelyardError, whole_job: bool = False) -> None:
        """Store why a document is not indexed. A job that builds a new generation is cancelled if its models are missing."""
        given_up = False
        async with self._database.writing() as session:
            task = await session.get(KnowledgeTask, number, with_for_update=True)
            if task is None or task.state != TaskState.WAITING:
                return
            task.state, task.error = TaskState.FAILED, error.message
            job = await session.get_one(KnowledgeJob, task.job_id)
            document = await session.get_one(KnowledgeDocument, task.document_id)
            if job.kind == IndexingKind.ADD:
                document.state, document.error = DocumentState.FAILED, error.message
            elif given_up := whole_job and job.state in ACTIVE:
                await job_rows.end(session, job, JobState.FAILED, error)
        if given_up:
            await self._indexes.drop(job.base_id, job.generation)

    async def _finish_jobs(self) -> None:
        """End the jobs that have nothing left to do, once their chunks can be found and their base is probed."""
        waiting = select(KnowledgeTask.id).where(
            KnowledgeTask.job_id == KnowledgeJob.id, KnowledgeTask.state == TaskState.WAITING
        )
        query = select(KnowledgeJob).where(KnowledgeJob.state.in_(ACTIVE), ~waiting.correlate(KnowledgeJob).exists())
        async with self._database.session() as session:
            done = (await session.scalars(query)).all()
        busy = {due.job for each in self._active.values() for due in each}
        done = [job for job in done if job.id not in busy]
        if done:
            await self._changes.write_all()
        done = [job for job in done if await self._probes.is_ready(job.base_id, self._wake.set)]
        for job in done:
            with contextlib.suppress(ChangedMeanwhile):  # its base was deleted
                await self._finish(job)
        if done:
            self._note()
            self._wake.set()

    async def _finish(self, job: KnowledgeJob) -> None:
        old = None
        async with self._database.writing() as session:
            row = await session.get(KnowledgeJob, job.id, with_for_update=True)
            if row is None or row.state not in ACTIVE:
                return
            if row.kind == IndexingKind.REINDEX:
                base = await session.get_one(KnowledgeBase, row.base_id)
                old = base.generation
                await _swap(session, base, row)
            await job_rows.end(session, row, JobState.DONE)
        if old is not None:
            await self._indexes.drop(job.base_id, old)
            await self._probes.is_ready(job.base_id, self._wake.set)

    def stop(self, names: Sequence[str]) -> None:
        """Stop reading and embedding the documents of these jobs, which are cancelled."""
        for task, taken in self._active.items():
            if taken[0].job in names and self._indexing.writing.isdisjoint(due.task for due in taken):
                task.cancel()

    async def idle(self, names: Sequence[str]) -> None:
        """Wait until none of these jobs has a document in progress."""
        under_way = [task for task, taken in self._active.items() if taken[0].job in names]
        await asyncio.gather(*under_way, return_exceptions=True)


async def _swap(session, base: KnowledgeBase, job: KnowledgeJob) -> None:  # type: ignore[no-untyped-def]
    """Switch searches to the new generation, and delete the old one."""
    base.generation = job.generation
    model, chunking, dimension = (job.settings.get(name) for name in ("embedding_model", "chunking", "dimension"))
    base.embedding_model = str(model) if model else None
    base.dimension = dimension if isinstance(dimension, int) else None
    if isinstance(chunking, dict):
        base.chunking = chunking
    failed = select(KnowledgeTask).where(KnowledgeTask.job_id == job.id, KnowledgeTask.state == TaskState.FAILED)
    for task in await session.scalars(failed):
        document = await session.get_one(KnowledgeDocument, task.document_id)
        document.state, document.error, document.chunks, document.fingerprint = DocumentState.FAILED, task.error, 0, ""
    await session.execute(
        delete(KnowledgeChunk).where(KnowledgeChunk.base_id == base.id, KnowledgeChunk.generation < job.generation)
    )
