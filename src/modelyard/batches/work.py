"""Carries out one batch: checks its input, sends its requests, makes its files. After an interruption it goes on where it was."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import aclosing, closing, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modelyard.batches import rows
from modelyard.batches.input_check import check_input
from modelyard.batches.journal import AnswerJournal, AnswerRecord
from modelyard.batches.lines import BLOCK, InputLine, portion, read_input, request_of
from modelyard.batches.model_requests import Asking, unanswered
from modelyard.batches.pace import Pace, RequestSlot
from modelyard.batches.recorder import Recorder
from modelyard.batches.rows import BatchState
from modelyard.batches.types import BatchModels, Identity
from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.core.errors import FileNotFound, InvalidParameter
from modelyard.db.batch_tables import BatchRow
from modelyard.db.session import Database, retried
from modelyard.files.rows import FileDetails
from modelyard.files.service import FileService, new_file_id
from modelyard.files.stores import whole_step
from modelyard.jobs.running_job import RunningJob

OUTPUT = "batch_output"
"""The purpose of the files."""
PROGRESS_SECONDS = 0.2
QUIET_SECONDS = 1.0
"""Seconds without an answer after which a batch whose requests wait is said to wait."""
UNIT = "requests"
EXPIRED = "batch_expired", "This request could not be executed before the completion window expired."
CANCELLED = "batch_cancelled", "This request was not executed, because the batch was cancelled."


@dataclass(frozen=True, slots=True)
class BatchTools:
    """What all batches share."""

    settings: Settings
    database: Database
    files: FileService
    models: BatchModels
    pace: Pace

    def folder(self, batch: str) -> Path:
        """Where a batch has its input and its journal while it runs."""
        return self.settings.batches_folder / batch


class BatchRun:
    """One run of a batch's job."""

    def __init__(self, tools: BatchTools, job: RunningJob) -> None:
        self.id = job.id
        self.journal: AnswerJournal | None = None
        self.stopping = asyncio.Event()
        """Set when the batch was cancelled."""
        self._tools = tools
        self._job = job
        self._folder = tools.folder(job.id)
        self._answered_at = self._shown_at = 0.0
        self._waits = False

    @property
    def _input(self) -> Path:
        return self._folder / "input.jsonl"

    async def run(self) -> Mapping[str, Any] | None:
        """Until the batch has ended; returns the result of its job. Raises `InvalidParameter` for a wrong input."""
        async with self._tools.database.session() as session:
            row = await session.get_one(BatchRow, self.id)
        if row.state == BatchState.VALIDATING:
            row = await self._validate(row)
        if row.state not in rows.ENDED:
            journal = await whole_step(AnswerJournal, self._folder / "answers.jsonl", row.lines)
            try:
                self.journal = journal
                if row.state == BatchState.IN_PROGRESS:
                    await self._ask(row, journal)
                row = await self._end(row, journal)
            finally:
                journal.close()
        await whole_step(shutil.rmtree, self._folder, ignore_errors=True)
        if row.state == BatchState.FAILED:
            raise InvalidParameter("input_file_id", "the input of the batch is wrong; its `errors` name the lines.")
        if row.state == BatchState.CANCELLED:
            self._job.cancelled()
        return {"status": row.state, "output_file_id": row.output_file, "error_file_id": row.error_file}

    async def _validate(self, row: BatchRow) -> BatchRow:
        """Check the input. No request was sent before."""
        if not self._input.exists():
            await self._take_input(row)
        found = await check_input(self._input, row.endpoint, self._tools.settings, self._folder, self.stopping)
        if found is None:
            return await self._reread()
        if found.problems:
            reserved = new_file_id() if found.all_problems else None
            row = await self._set(error_file=reserved) if reserved and row.error_file is None else row
            if found.all_problems and row.error_file:
                await self._store(row, row.error_file, "error", whole_file(found.all_problems))
            return await self._move({BatchState.VALIDATING}, BatchState.FAILED, problems=found.problems)
        values = {"lines": found.lines, "total": found.total, "model": found.model}
        self._job.progress(done=0, total=found.total, unit=UNIT)
        return await self._move({BatchState.VALIDATING}, BatchState.IN_PROGRESS, **values)

    async def _take_input(self, row: BatchRow) -> None:
        """Keep the input under a name of our own, because its owner may delete the file. Raises `InvalidParameter`."""
        await whole_step(self._folder.mkdir, parents=True, exist_ok=True)
        half = self._input.with_suffix(".part")
        await whole_step(half.unlink, missing_ok=True)
        try:
            owner = Owner(row.owner, everything=True)  # whether its creator may read it was checked then
            file = await self._tools.files.get(owner, row.input_file, "input_file_id")
            path = self._tools.files.path(file)
            if path is None or not await whole_step(linked, path, half):
                with half.open("wb") as target:
                    async for block in self._tools.files.read(file):
                        await whole_step(target.write, block)
        except (FileNotFound, FileNotFoundError):
            problem = {"code": "file_not_found", "line": None, "message": "The input file was deleted.", "param": None}
            await self._move({BatchState.VALIDATING}, BatchState.FAILED, problems=[problem])
            raise InvalidParameter("input_file_id", "the input file was deleted.") from None
        await whole_step(half.replace, self._input)

    async def _ask(self, row: BatchRow, journal: AnswerJournal) -> None:
        """Send what is not answered yet, until all is, the time is over, or the batch is cancelled."""
        recorder = Recorder(journal, self._wait, partial(self._show, journal))
        asking = asyncio.create_task(self._send_all(row, journal, recorder))
        stopping = asyncio.create_task(self.stopping.wait())
        try:
            seconds = max(0.0, row.expires_at - time.time())
            await asyncio.wait([asking, stopping], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended = asking.done()
            for task in (asking, stopping):
                task.cancel()
            await asyncio.gather(asking, stopping, return_exceptions=True)
            await recorder.close()
            self._show(journal, now=True)
        if ended:
            try:
                asking.result()
            except ExceptionGroup as group:  # the first error ended all the others
                raise group.exceptions[0] from None

    async def _send_all(self, row: BatchRow, journal: AnswerJournal, recorder: Recorder) -> None:
        identity = Identity(row.key, row.username, row.owner)
        tools = self._tools
        asking = Asking(self.id, row.endpoint, identity, tools.models, tools.pace, self._wait)
        self._show(journal, now=True)
        async with asyncio.TaskGroup() as group, aclosing(self._lines()) as lines:
            async for line in lines:
                if journal.answered(line.number):
                    continue
                request = request_of(line)
                await recorder.room()
                await asking.calm()
                slot = RequestSlot(tools.pace, request.model)
                await slot.take()
                answering = group.create_task(asking.answer(request, slot))
                answering.add_done_callback(partial(self._left, slot, recorder))
        await recorder.flush()

    def _left(self, slot: RequestSlot, recorder: Recorder, answering: asyncio.Task[AnswerRecord]) -> None:
        """A request has ended, or was cancelled, maybe before it began."""
        record = None if answering.cancelled() or answering.exception() else answering.result()
        slot.give_back(None if record is None or record.failed else max(1, record.tokens.answer))
        if record is not None:
            recorder.put(record)

    async def _lines(self) -> AsyncGenerator[InputLine]:
        """The lines of the input that are requests."""
        with closing(read_input(self._input, self._tools.settings.max_body_bytes)) as lines:
            while found := await whole_step(portion, lines):
                for line in found:
                    if not line.blank:
                        yield line

    async def _end(self, row: BatchRow, journal: AnswerJournal) -> BatchRow:
        """Make the files of what was answered, and end the batch."""
        missing = row.total - journal.completed - journal.failed
        reserved = {
            "output_file": row.output_file or (new_file_id() if journal.completed else None),
            "error_file": row.error_file or (new_file_id() if journal.failed or missing else None),
        }
        row = await self._move({BatchState.IN_PROGRESS}, BatchState.FINALIZING, **reserved)
        if row.state == BatchState.CANCELLING:
            row = await self._set(**reserved)
        cancelled = row.state == BatchState.CANCELLING
        if row.output_file:
            await self._store(row, row.output_file, "output", in_threads(journal.contents(False)))
        if row.error_file:
            content = self._errors(journal, *(CANCELLED if cancelled else EXPIRED))
            await self._store(row, row.error_file, "error", content)
        tokens = journal.tokens
        values = {
            "completed": journal.completed,
            "failed": journal.failed,
            "tokens": [tokens.prompt, tokens.cached, tokens.answer, tokens.reasoning],
        }
        state = BatchState.CANCELLED if cancelled else BatchState.EXPIRED if missing else BatchState.COMPLETED
        return await self._move({BatchState.FINALIZING, BatchState.CANCELLING}, state, **values)

    async def _store(self, row: BatchRow, name: str, what: str, content: AsyncGenerator[bytes]) -> None:
        """Make a file of a reserved id, unless it was made before the server was killed."""
        owner = Owner(row.owner)
        async with aclosing(content):
            with suppress(FileNotFound):
                await self._tools.files.get(owner, name)
                return
            details = FileDetails(f"{row.id}_{what}.jsonl", OUTPUT, row.output_lifetime)
            await self._tools.files.add(owner, details, content, name)

    async def _errors(self, journal: AnswerJournal, code: str, message: str) -> AsyncGenerator[bytes]:
        """The content of the error file: answers that are errors, then requests that were not answered, with this error."""
        async with aclosing(in_threads(journal.contents(True))) as answers:
            async for block in answers:
                yield block
        async with aclosing(self._lines()) as lines:
            async for line in lines:
                if not journal.answered(line.number):
                    custom_id = request_of(line).custom_id
                    yield unanswered(self.id, line.number, custom_id, code, message) + b"\n"

    def _show(self, journal: AnswerJournal, now: bool = False) -> None:
        """Report how far the batch is, a few times a second."""
        self._answered_at = time.monotonic()
        if self._waits:
            self._waits = False
            self._job.running()
        if now or time.monotonic() - self._shown_at >= PROGRESS_SECONDS:
            self._shown_at = time.monotonic()
            self._job.progress(done=journal.completed + journal.failed)

    def _wait(self, reason: str) -> None:
        """Report why requests wait, unless others are answered."""
        if time.monotonic() - self._answered_at >= QUIET_SECONDS:
            self._waits = True
            self._job.waiting(reason)

    async def _reread(self) -> BatchRow:
        async with self._tools.database.session() as session:
            return await session.get_one(BatchRow, self.id)

    @retried
    async def _move(self, before: set[BatchState], state: BatchState, **values: Any) -> BatchRow:
        async with self._tools.database.writing() as session:
            return await rows.move(session, self.id, before, state, **values)

    @retried
    async def _set(self, **values: Any) -> BatchRow:
        async with self._tools.database.writing() as session:
            row = await session.get_one(BatchRow, self.id)
            for name, value in values.items():
                setattr(row, name, value)
            return row


def linked(path: Path, other: Path) -> bool:
    """Give a file a second name, which costs no room; False where that is not possible. Raises `FileNotFoundError`."""
    try:
        os.link(path, other)
    except FileNotFoundError:
        raise
    except OSError:
        return False
    return True


async def in_threads(blocks: Generator[bytes]) -> AsyncGenerator[bytes]:
    """Blocks that are made in threads."""
    with closing(blocks):
        while block := await whole_step(next, blocks, b""):
            yield block


async def whole_file(path: Path) -> AsyncGenerator[bytes]:
    """The content of a file."""
    with path.open("rb") as file:
        while block := await whole_step(file.read, BLOCK):
            yield block
