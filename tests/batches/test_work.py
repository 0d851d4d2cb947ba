"""A batch on a real database and real files with scripted models: errors that pass, ends at chosen points, no room."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvloop

from modelyard.batches import model_requests
from modelyard.batches.rows import ENDED
from modelyard.batches.service import BatchService, BatchView
from modelyard.batches.types import Capacity, Identity
from modelyard.core.access import LOCAL, Owner
from modelyard.core.config import Settings
from modelyard.core.errors import (
    BadRequest,
    InvalidParameter,
    ModelNotReady,
    RateLimited,
    UpstreamFailed,
)
from modelyard.db.session import Database
from modelyard.files.rows import FileDetails
from modelyard.files.service import FileService
from modelyard.jobs.service import Jobs
from modelyard.protocol.batches import NewBatch
from modelyard.runtime.local import LocalHost

CHAT = "/v1/chat/completions"
OWNER = Owner(LOCAL)
GOOD = b'{"choices":[],\r\n"usage":{"prompt_tokens":2,"completion_tokens":3}}'


@dataclass
class ScriptedModels:
    """Models that answer as a script says, by the text of a request; `GOOD` to everything else."""

    script: Mapping[str, list[Any]] = field(default_factory=dict)
    """Text → answers in their order: bytes, or errors to raise."""
    requests: list[str] = field(default_factory=list)
    identities: set[Identity] = field(default_factory=set)
    hold_after: int | None = None
    """After so many requests, none is answered."""
    endpoints = frozenset({CHAT})

    async def ask(self, identity: Identity, request_id: str, endpoint: str, body: bytes) -> bytes:
        text = str(json.loads(body)["text"])
        if self.hold_after is not None and len(self.requests) >= self.hold_after:
            await asyncio.Event().wait()
        self.requests.append(text)
        self.identities.add(identity)
        answers = self.script.get(text) or [GOOD]
        answer: bytes | Exception = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return bytes(answer)

    def limited(self, identity: Identity) -> bool:
        return False

    def capacity(self, model: str) -> Capacity:
        return Capacity()


@dataclass
class Room:
    """The services of one run of a server."""

    settings: Settings
    files: FileService
    jobs: Jobs
    batches: BatchService

    async def create(self, count: int, **body: Any) -> str:
        """A batch of so many requests; its id."""

        async def content() -> AsyncIterator[bytes]:
            for number in range(count):
                request = {"model": "m", "text": str(number)}
                line = {"custom_id": f"c{number}", "method": "POST", "url": CHAT, "body": request}
                yield json.dumps(line).encode() + b"\n"

        file = await self.files.add(OWNER, FileDetails("in.jsonl", "batch"), content())
        new = NewBatch.model_validate({"input_file_id": file.id, "endpoint": CHAT, **body})
        return (await self.batches.create(None, new)).row.id

    async def end(self, name: str) -> BatchView:
        """A batch once its job has ended."""
        await self.jobs.wait(name)
        found = await self.batches.get(OWNER, name)
        assert found.row.state in ENDED, found.row.state
        return found

    async def until(self, name: str, look: Callable[[BatchView], bool]) -> BatchView:
        """A batch once it looks so."""
        while not look(found := await self.batches.get(OWNER, name)):  # noqa: ASYNC110 - every look asks the database
            await asyncio.sleep(0)
        return found

    async def lines(self, file_id: str | None) -> list[dict[str, Any]]:
        row = await self.files.get(OWNER, str(file_id))
        content = b"".join([block async for block in self.files.read(row)])
        return [json.loads(line) for line in content.splitlines()]


@asynccontextmanager
async def room(home: Path, url: str, models: ScriptedModels, **settings: Any) -> AsyncIterator[Room]:
    """A run of a server's files, jobs and batches, for the time of a block; without a farewell, as after a kill."""
    chosen = Settings(home=home, database_url=url, restart_backoff=0.01, **settings)
    chosen.folder.mkdir(parents=True, exist_ok=True)
    database, host = Database(chosen.database), LocalHost(chosen)
    await database.open()
    files = FileService(chosen, database)
    await files.open()
    jobs = Jobs(chosen, database, host)
    batches = BatchService(chosen, database, jobs)
    batches.register()
    await jobs.open()
    loop = asyncio.create_task(jobs.run())
    await batches.open(files, models)
    try:
        yield Room(chosen, files, jobs, batches)
    finally:
        await batches.close()
        loop.cancel()
        await asyncio.gather(loop, return_exceptions=True)
        await host.close()
        await database.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between attempts, short."""
    monkeypatch.setattr(model_requests, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(model_requests, "LONGEST_PAUSE", 0.01)


def on(work: Callable[[], Awaitable[None]]) -> None:
    async def go() -> None:
        async with asyncio.timeout(60):
            await work()

    uvloop.run(go())


def test_errors_that_pass_are_waited_out_and_others_are_answers(home: Path, database_url: str) -> None:
    models = ScriptedModels(
        {
            "0": [ModelNotReady("m", "LOADING")] * 5 + [GOOD],
            "1": [RateLimited("slow down", 0), GOOD],
            "2": [UpstreamFailed("m", "x"), UpstreamFailed("m", "x"), GOOD],
            "3": [UpstreamFailed("m", "it died")] * 3,
            "4": [BadRequest("no")],
            "5": [ValueError("a defect")],
            "6": [b"no json"] * 3,
            "7": [b"no json", GOOD],
        }
    )

    async def work() -> None:
        async with room(home, database_url, models) as made:
            done = await made.end(await made.create(9))
            assert (done.row.state, done.completed, done.failed) == ("completed", 5, 4)
            assert done.tokens is not None and (done.tokens.prompt, done.tokens.answer) == (10, 15)
            output = await made.lines(done.row.output_file)
            assert [line["custom_id"] for line in output] == ["c0", "c1", "c2", "c7", "c8"]
            errors = await made.lines(done.row.error_file)
            found = {
                each["custom_id"]: (each["response"]["status_code"], each["response"]["body"]["error"]["code"])
                for each in errors
            }
            failed = (502, "upstream_failed")
            assert found == {"c3": failed, "c4": (400, "bad_request"), "c5": (500, "internal_error"), "c6": failed}
            assert models.identities == {Identity("", "", LOCAL)}
            assert not made.settings.batches_folder.joinpath(done.row.id).exists()

    on(work)


def test_a_batch_goes_on_after_a_run_of_the_server_has_ended(home: Path, database_url: str) -> None:
    first, second = ScriptedModels(hold_after=5), ScriptedModels()

    async def work() -> None:
        async with room(home, database_url, first) as made:
            name = await made.create(20)
            await made.until(name, lambda batch: batch.completed == 5)
        async with room(home, database_url, second) as made:
            done = await made.end(name)
            assert (done.row.state, done.completed) == ("completed", 20)
            assert [line["custom_id"] for line in await made.lines(done.row.output_file)] == [
                f"c{n}" for n in range(20)
            ]
        assert sorted(first.requests + second.requests, key=int) == [str(n) for n in range(20)], "each was sent once"

    on(work)


def test_a_kill_between_a_file_and_its_batch_makes_no_second_file(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    add, kill = FileService.add, asyncio.Event()

    async def then_killed(self: FileService, *arguments: Any) -> Any:
        row = await add(self, *arguments)
        if row.purpose == "batch_output":
            kill.set()
            await asyncio.Event().wait()
        return row

    async def work() -> None:
        monkeypatch.setattr(FileService, "add", then_killed)
        async with room(home, database_url, ScriptedModels({"1": [BadRequest("no")]})) as made:
            name = await made.create(3)
            await kill.wait()
            assert (await made.batches.get(OWNER, name)).row.state == "finalizing"
        monkeypatch.setattr(FileService, "add", add)
        models = ScriptedModels()
        async with room(home, database_url, models) as made:
            done = await made.end(name)
            assert (done.row.state, done.completed, done.failed) == ("completed", 2, 1) and models.requests == []
            files, _ = await made.files.page(OWNER, purpose="batch_output")
            assert {file.id for file in files} == {done.row.output_file, done.row.error_file} and len(files) == 2

    on(work)


def test_output_waits_for_room_in_its_owners_quota(home: Path) -> None:
    async def work() -> None:
        async with room(home, "", ScriptedModels(), file_quota_bytes=2_000) as made:

            async def content() -> AsyncIterator[bytes]:
                yield b"x" * 800

            other = await made.files.add(OWNER, FileDetails("a", "user_data"), content())
            name = await made.create(5)
            await made.until(name, lambda batch: made.jobs.store.live[name].error is not None)
            assert (await made.batches.get(OWNER, name)).row.state == "finalizing"
            await made.files.delete(OWNER, other.id)
            done = await made.end(name)
            assert (done.row.state, len(await made.lines(done.row.output_file))) == ("completed", 5)

    on(work)


def test_a_cancelled_batch_stays_cancelled_after_a_restart(home: Path, database_url: str) -> None:
    async def work() -> None:
        async with room(home, database_url, ScriptedModels(hold_after=1)) as made:
            name = await made.create(3)
            await made.until(name, lambda batch: batch.completed == 1)
            await made.batches.close()  # from now on nothing runs, as in a server that was killed
            assert (await made.batches.cancel(OWNER, name)).row.state == "cancelling"
        models = ScriptedModels()
        async with room(home, database_url, models) as made:
            done = await made.end(name)
            assert (done.row.state, done.completed, models.requests) == ("cancelled", 1, [])
            codes = [line["error"]["code"] for line in await made.lines(done.row.error_file)]
            assert codes == ["batch_cancelled"] * 2

    on(work)


def test_a_row_without_its_job_is_carried_out_at_the_next_start(
    home: Path, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(BatchService, "_submit", lambda self, row: None)
            async with room(home, database_url, ScriptedModels()) as made:
                name = await made.create(2)
        async with room(home, database_url, ScriptedModels()) as made:
            assert (await made.end(name)).completed == 2

    on(work)


def test_an_input_that_was_deleted_before_it_was_checked(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(BatchService, "_submit", lambda self, row: None)
            async with room(home, "", ScriptedModels()) as made:
                name = await made.create(2)
                row = (await made.batches.get(OWNER, name)).row
                await made.files.delete(OWNER, row.input_file)
        async with room(home, "", ScriptedModels()) as made:
            found = await made.end(name)
            assert found.row.state == "failed" and found.row.problems is not None
            assert [each["code"] for each in found.row.problems] == ["file_not_found"]

    on(work)


def test_a_job_that_fails_takes_its_batch_with_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*arguments: Any) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setattr("modelyard.batches.work.check_input", broken)

    async def work() -> None:
        async with room(home, "", ScriptedModels()) as made:
            name = await made.create(1)
            await made.jobs.wait(name)
            found = await made.until(name, lambda batch: batch.row.state == "failed")
            assert found.row.problems is not None and found.row.problems[0]["code"] == "internal_error"

    on(work)


def test_a_wrong_window_is_refused(home: Path) -> None:
    async def work() -> None:
        async with room(home, "", ScriptedModels()) as made:
            with pytest.raises(InvalidParameter, match="30 days"):
                await made.create(1, completion_window="31d")

    on(work)
