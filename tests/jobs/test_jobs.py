"""Jobs with real processes and real databases: they run, report, stop, are tried again, and survive the end of the server."""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.core.access import Owner
from modelyard.core.config import Settings
from modelyard.core.errors import Conflict, JobNotFound, ModelFilesInvalid
from modelyard.jobs.running_job import RunningJob
from modelyard.jobs.service import new_id
from modelyard.jobs.types import Job, JobKind, JobProgress, JobState, ProcessPlan, ProcessWork, Recovery
from tests.jobs.board import board, coroutine, process, run

REPORT = """
import json
print("Hello")
print(json.dumps({"progress": {"done": 2, "total": 4, "unit": "steps"}}))
print(json.dumps({"event": {"type": "metrics", "loss": 0.25}}))
print(json.dumps({"result": {"path": "somewhere"}}))
"""
WAIT = 'import time; print(\'{"progress": {"done": 1, "total": 2}}\'); print(\'up\'); time.sleep(600)'
COUNT = """
import pathlib, sys, time
runs = pathlib.Path(sys.argv[1])
runs.write_text((runs.read_text() if runs.exists() else "") + "x")
print('{"progress": {"done": 1}}')
print("run")
sys.exit(0 if len(runs.read_text()) >= int(sys.argv[2]) else 3)
"""


def test_a_process_reports_progress_events_and_its_result(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(REPORT)) as made:
            name = made.submit("script")
            events = await made.events(name)
            job = await made.jobs.get(name)
            assert job.state is JobState.DONE and job.result == {"path": "somewhere"}
            assert job.progress == JobProgress(4, 4, "steps")
            assert [(event.type, event.data.get("state")) for event in events] == [
                ("state", "queued"),
                ("state", "running"),
                ("metrics", None),
                ("state", "done"),
            ]
            assert list(made.jobs.logs(name, 100)) == ["Hello"]
            assert job.started_at and job.finished_at and job.created_at <= job.started_at <= job.finished_at

    run(work)


def test_followers_go_on_after_the_last_number_that_they_saw(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(REPORT)) as made:
            name = made.submit("script")
            whole = await made.events(name)
            numbers = [event.seq for event in whole]
            assert numbers == sorted(set(numbers), key=lambda seq: seq or 0)
            for place, event in enumerate(whole):
                assert event.seq is not None
                assert await made.events(name, event.seq) == whole[place + 1 :]
            with pytest.raises(JobNotFound):
                await made.events("nothing")

    run(work)


def test_a_follower_sees_progress_as_it_comes(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        go_on = asyncio.Event()

        async def inside(job: RunningJob) -> dict[str, object]:
            job.progress(done=1, total=2, unit="steps", message="half")
            await go_on.wait()
            return {"answer": 42}

        async with board(settings, database_url, coroutine(inside)) as made:
            name = made.submit("inside")
            async for event in made.jobs.follow(name):
                if event.type == "progress" and event.data["done"] == 1:
                    assert event.seq is None and event.data["message"] == "half"
                    go_on.set()
            job = await made.jobs.get(name)
            assert (job.state, job.result, job.progress.done) == (JobState.DONE, {"answer": 42}, 2)

    run(work)


def test_a_process_that_fails_is_tried_again(settings: Settings, database_url: str, tmp_path: Path) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(COUNT, attempts=3)) as made:
            good = made.submit("script", path=str(tmp_path / "good"), enough=3)
            bad = made.submit("script", path=str(tmp_path / "bad"), enough=9)
            assert (await made.jobs.wait(good)).state is JobState.DONE
            job = await made.jobs.wait(bad)
            assert (job.state, job.attempts) == (JobState.FAILED, 3)
            assert job.error is not None and job.error.code == "job_failed" and "run" in job.error.message
            assert (tmp_path / "bad").read_text() == "xxx"
            states = [event.data["state"] for event in await made.events(bad) if event.type == "state"]
            assert states == ["queued", "running"] * 3 + ["failed"]

    run(work)


def test_a_retry_that_came_due_during_a_slow_write_is_not_forgotten(
    settings: Settings, database_url: str, tmp_path: Path
) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(COUNT, attempts=3)) as made:
            store = made.jobs.store
            flush = store.flush
            steps: dict[str, list[float]] = {}

            async def slow() -> None:
                await flush()
                for job in list(store.live.values()):
                    if job.retry_at > time.monotonic() and job.retry_at not in steps.setdefault(job.id, []):
                        steps[job.id].append(job.retry_at)  # the end of its process leads to one more step
                        continue
                    await asyncio.sleep(max(0.0, job.retry_at - time.monotonic()))

            store.flush = slow  # type: ignore[method-assign]
            name = made.submit("script", path=str(tmp_path / "runs"), enough=2)
            async with asyncio.timeout(60):
                assert (await made.jobs.wait(name)).state is JobState.DONE

    run(work)


def test_a_job_that_is_cancelled_while_another_starts_does_not_start(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        async def plan(job: Job) -> ProcessPlan:
            other = made.jobs.store.live[str(job.parameters["other"])]
            if not other.finished:
                made.jobs.stop(other)
            return ProcessPlan((sys.executable, "-c", REPORT))

        kind = JobKind(name="script", scope="admin", work=ProcessWork(plan), recovery=Recovery.FAIL)
        async with board(settings, database_url, kind) as made:
            first, second = new_id(), new_id()
            for id, other in ((first, second), (second, first)):
                made.jobs.submit(Job(id=id, kind="script", parameters={"other": other}))
            assert (await made.jobs.wait(first)).state is JobState.DONE
            states = [event.data["state"] for event in await made.events(second) if event.type == "state"]
            assert states == ["queued", "cancelled"]

    run(work)


def test_a_plan_that_cannot_work_fails_at_once(settings: Settings, database_url: str) -> None:
    async def plan(job: Job) -> ProcessPlan:
        raise ModelFilesInvalid("x", "there is nothing")

    async def work() -> None:
        kind = JobKind(name="bad", scope="admin", work=ProcessWork(plan), recovery=Recovery.FAIL, attempts=5)
        async with board(settings, database_url, kind) as made:
            job = await made.jobs.wait(made.submit("bad"))
            assert job.state is JobState.FAILED and job.error is not None
            assert job.error.code == "model_files_invalid"

    run(work)


def test_a_defect_costs_one_job(settings: Settings, database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    async def inside(job: RunningJob) -> None:
        raise KeyError("x")

    async def work() -> None:
        async with board(settings, database_url, coroutine(inside), process(REPORT)) as made:
            job = await made.jobs.wait(made.submit("inside"))
            assert job.error is not None and job.error.code == "internal_error" and "KeyError" in job.error.message
            assert (await made.jobs.wait(made.submit("script"))).state is JobState.DONE

    run(work)


def test_what_cannot_be_stored_costs_one_job(
    settings: Settings, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A result that is no JSON fails its job; text with U+0000, which PostgreSQL refuses, is mended."""

    async def inside(job: RunningJob) -> dict[str, object]:
        job.progress(message="a\0b")
        return {"path": Path("/")}

    async def work() -> None:
        async with board(settings, database_url, coroutine(inside)) as made:
            name = made.submit("inside")
            job = await made.jobs.wait(name)
            assert job.error is not None and job.error.code == "internal_error"
        async with board(settings, database_url) as made:
            assert (await made.jobs.get(name)).progress.message == "a�b"

    run(work)


def test_only_so_many_of_a_kind_run_at_once(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        running, most = 0, 0

        async def inside(job: RunningJob) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

        async with board(settings, database_url, coroutine(inside, at_once=2)) as made:
            names = [made.submit("inside") for _ in range(7)]
            assert {(await made.jobs.wait(name)).state for name in names} == {JobState.DONE}
            assert most == 2

    run(work)


def test_cancelling_ends_the_process(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(WAIT)) as made:
            name = made.submit("script")
            await made.begun(name)
            job = await made.jobs.cancel(await made.jobs.get(name))
            assert job.state is JobState.CANCELLED
            await made.without_processes()
            assert (await made.jobs.get(name)).state is JobState.CANCELLED
            with pytest.raises(Conflict, match="nothing to cancel"):
                await made.jobs.cancel(job)

    run(work)


def test_cancelling_cancels_the_coroutine(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        ended = asyncio.Event()

        async def inside(job: RunningJob) -> None:
            job.waiting("for a model")
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

        async with board(settings, database_url, coroutine(inside)) as made:
            name = made.submit("inside")
            job = await made.until(name, JobState.WAITING)
            assert job.progress.message == "for a model"
            await made.jobs.cancel(job)
            await ended.wait()
            assert (await made.jobs.wait(name)).state is JobState.CANCELLED

    run(work)


def test_a_paused_job_stops_and_is_resumed(settings: Settings, database_url: str, tmp_path: Path) -> None:
    async def work() -> None:
        kind = process(COUNT.replace("sys.exit(", "time.sleep(600 if len(runs.read_text()) < 2 else 0) or sys.exit("))
        async with board(settings, database_url, replace(kind, pausable=True)) as made:
            name = made.submit("script", path=str(tmp_path / "runs"), enough=2)
            await made.begun(name)
            assert made.jobs.pause(await made.jobs.get(name)).state is JobState.PAUSED
            await made.without_processes()
            assert (await made.jobs.get(name)).state is JobState.PAUSED
            made.jobs.resume(await made.jobs.get(name))
            assert (await made.jobs.wait(name)).state is JobState.DONE
            assert (tmp_path / "runs").read_text() == "xx"

    run(work)


def test_unfinished_jobs_go_on_in_the_next_run_of_the_server(settings: Settings, database_url: str) -> None:
    """The host ends processes when the server does, so a restart and a kill look the same to the next run."""

    async def work() -> None:
        kinds = {each: process(WAIT, each.value, each, pausable=True) for each in Recovery}
        async with board(settings, database_url, *kinds.values()) as made:
            names = {each: made.submit(each.value) for each in Recovery}
            paused, queued = made.submit("resume"), made.submit("gone")
            made.jobs.kinds["gone"] = replace(kinds[Recovery.RESUME], name="gone", at_once=0)
            for name in names.values():
                await made.begun(name)
            made.jobs.pause(await made.jobs.get(paused))
            await made.jobs.written()
        async with board(settings, database_url, *(replace(kind, at_once=0) for kind in kinds.values())) as made:
            jobs = {each: await made.jobs.get(names[each]) for each in Recovery}
            assert {each: job.state for each, job in jobs.items()} == {
                Recovery.RESUME: JobState.QUEUED,
                Recovery.RESTART: JobState.QUEUED,
                Recovery.FAIL: JobState.FAILED,
            }
            assert [jobs[each].progress.done for each in (Recovery.RESUME, Recovery.RESTART)] == [1, 0]
            lost = jobs[Recovery.FAIL].error
            assert lost is not None and lost.code == "job_lost"
            assert (await made.jobs.get(paused)).state is JobState.PAUSED
            assert (await made.jobs.get(queued)).state is JobState.FAILED
            last = (await made.events(names[Recovery.FAIL]))[-1]
            assert last.data["state"] == "failed" and last.data["error"] == {
                "code": "job_lost",
                "message": lost.message,
            }
        async with board(settings, database_url, process(REPORT, "resume"), process(REPORT, "restart")) as made:
            assert (await made.jobs.wait(names[Recovery.RESUME])).state is JobState.DONE
            assert (await made.jobs.wait(names[Recovery.RESTART])).state is JobState.DONE

    run(work)


def test_owners_see_their_own_jobs(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(REPORT)) as made:
            mine = made.jobs.submit(Job(id=new_id(), kind="script", owner="ann")).id
            other = made.jobs.submit(Job(id=new_id(), kind="script", owner="bob")).id
            ann, all_of_them = Owner("ann"), Owner("root", everything=True)
            assert [job.id for job in await made.jobs.page(ann)] == [mine]
            assert {job.id for job in await made.jobs.page(all_of_them)} == {mine, other}
            with pytest.raises(JobNotFound):
                await made.jobs.get(other, ann)
            await made.jobs.wait(mine)
            assert [job.id for job in await made.jobs.page(ann, state=JobState.DONE)] == [mine]
            assert await made.jobs.page(ann, kind="other") == await made.jobs.page(ann, state=JobState.FAILED) == []

    run(work)


def test_finished_jobs_are_deleted_with_age_and_number(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        kept = settings.model_copy(update={"keep_jobs": 2, "keep_jobs_days": 1.0})
        async with board(kept, database_url, process(REPORT), process(WAIT, "long")) as made:
            names = [made.submit("script") for _ in range(4)]
            running = made.submit("long")
            for name in names:
                await made.jobs.wait(name)
            ended = {name: (await made.jobs.get(name)).finished_at or 0 for name in names}
            gone = await made.jobs.store.clear(3600, 2)
            assert set(gone) == set(sorted(names, key=lambda name: ended[name])[:2])
            old = next(name for name in names if name not in gone)
            made.jobs.store.put(replace(await made.jobs.get(old), finished_at=time.time() - 7200))
            await made.jobs.written()
            assert await made.jobs.store.clear(3600, 2) == [old]
            for name in (*gone, old):
                with pytest.raises(JobNotFound):
                    await made.jobs.get(name)
            left = {job.id for job in await made.jobs.page(Owner("root", everything=True))}
            assert left == {*names, running} - {*gone, old}

    run(work)


def test_removing_deletes_a_finished_job_with_its_log(settings: Settings, database_url: str) -> None:
    async def work() -> None:
        async with board(settings, database_url, process(REPORT), process(WAIT, "long")) as made:
            name, running = made.submit("script"), made.submit("long")
            job = await made.jobs.wait(name)
            await made.jobs.remove(job)
            assert not list(settings.log_folder.glob(f"*{name}*"))
            with pytest.raises(JobNotFound):
                await made.jobs.get(name)
            with pytest.raises(Conflict, match="cancel it first"):
                await made.jobs.remove(await made.jobs.get(running))

    run(work)


def test_old_events_of_a_long_job_are_dropped(
    settings: Settings, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.jobs.rows.KEPT_EVENTS", 10)

    async def inside(job: RunningJob) -> None:
        for step in range(250):
            job.event("metrics", {"step": step})

    async def work() -> None:
        async with board(settings, database_url, coroutine(inside)) as made:
            name = made.submit("inside")
            await made.jobs.wait(name)
            events = await made.events(name)
            assert len(events) == 10 and events[-1].data["state"] == "done"
            assert [event.data["step"] for event in events[:-1]] == list(range(241, 250))

    run(work)


def test_a_database_that_cannot_be_written_costs_no_job(
    settings: Settings, database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """What happened is kept in memory, and written when the database is back."""
    from modelyard.core.errors import DatabaseUnavailable

    async def work() -> None:
        async with board(settings, database_url, process(COUNT)) as made:
            write = made.jobs.store._write

            async def broken(*given: object) -> None:
                raise DatabaseUnavailable("it is away")

            made.jobs.store._write = broken  # type: ignore[method-assign,assignment]
            name = made.submit("script", path=str(tmp_path / "runs"), enough=1)
            while not (await made.jobs.get(name)).finished:
                await made.news(name)
            made.jobs.store._write = write  # type: ignore[method-assign]
            assert (await made.jobs.wait(name)).state is JobState.DONE
            assert "written later" in caplog.text

    run(work)
