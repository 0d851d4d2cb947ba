"""The service of generations on real files: events in order, readers that join anywhere, ends of every kind, and restarts."""

from __future__ import annotations

import asyncio
import errno
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
import uvloop

from modelyard.core.access import Owner
from modelyard.core.errors import (
    GenerationNotFound,
    InvalidParameter,
    NotEnoughDisk,
    RateLimited,
    Unavailable,
)
from modelyard.core.line_log import LineLog
from modelyard.generations import records, service, storage
from modelyard.generations.service import GenerationLimits, Generations
from modelyard.generations.types import EventWriter, Generation, GenerationEvent, GenerationState, Make

ANN, BEN, ROOT = Owner("ann"), Owner("ben"), Owner("root", everything=True)
KIND = "test"


@asynccontextmanager
async def opened(home: Path, keep_seconds: float = 86400.0) -> AsyncIterator[Generations]:
    home.mkdir(exist_ok=True)
    generations = Generations(home, GenerationLimits(3, keep_seconds))
    await generations.open()
    try:
        yield generations
    finally:
        await generations.close()


def run(work: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await work()

    uvloop.run(main())


def counting(count: int, release: asyncio.Event | None = None, pause: int = 0) -> Make:
    """Emits numbers; after `pause` of them it waits until it is released."""

    async def make(writer: EventWriter) -> None:
        for number in range(count):
            if release is not None and number == pause:
                await release.wait()
            await writer.emit("number", {"value": number})

    return make


def decoded(events: list[GenerationEvent]) -> list[dict[str, Any]]:
    found = [json.loads(event.json) for event in events]
    assert [(each["number"], each["type"]) for each in found] == [(event.number, event.type) for event in events]
    return found


async def read(generations: Generations, id: str, after: int = 0, wait: bool = True) -> list[GenerationEvent]:
    return [each async for portion in generations.follow(ANN, id, after, wait=wait) for each in portion]


async def until(generations: Generations, id: str, number: int) -> None:
    """Wait for an event."""
    async for portion in generations.follow(ANN, id):
        if portion[-1].number >= number:
            return


async def ended(generations: Generations, id: str) -> Generation:
    """Wait for the end of a generation and of the taking over of its result."""
    await read(generations, id)
    while id in generations._tasks:
        await asyncio.wait([generations._tasks[id]])
    return generations.get(ROOT, id)


def test_readers_join_anywhere_and_get_each_event_once(home: Path) -> None:
    async def work() -> None:
        async with opened(home) as generations:
            release = asyncio.Event()
            begun = await generations.begin(ANN, KIND, counting(50, release, 20), {"model": "m"})
            assert (begun.state, begun.owner, begun.details) == (GenerationState.RUNNING, "ann", {"model": "m"})
            await until(generations, begun.id, 20)
            readers = [asyncio.create_task(read(generations, begun.id, after)) for after in (0, 7, 20)]
            assert [event.number for event in await read(generations, begun.id, wait=False)] == list(range(1, 21))
            release.set()
            whole, *parts = await asyncio.gather(*readers)
            found = decoded(whole)
            assert [each["number"] for each in found] == list(range(1, 52))
            assert [each["data"] for each in found[:-1]] == [{"value": number} for number in range(50)]
            assert (found[-1]["type"], found[-1]["data"]) == ("end", {"state": "completed", "error": None})
            assert parts == [whole[7:], whole[20:]]
            for after in range(52):
                assert await read(generations, begun.id, after) == whole[after:]
            with pytest.raises(InvalidParameter, match=r"newest event of .* is number 51"):
                generations.follow(ANN, begun.id, 52)
            assert (await ended(generations, begun.id)).events == 51

    run(work)


def test_events_that_memory_has_dropped_come_from_the_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "TAIL_BYTES", 300)
    monkeypatch.setattr(service, "PORTION", 200)

    async def work() -> None:
        async with opened(home) as generations:
            release = asyncio.Event()
            begun = await generations.begin(ANN, KIND, counting(40, release, 30))
            await until(generations, begun.id, 30)
            late = asyncio.create_task(read(generations, begun.id))
            middle = asyncio.create_task(read(generations, begun.id, 3))
            release.set()
            whole = await late
            assert [event.number for event in whole] == list(range(1, 42))
            assert await middle == whole[3:]
            assert len(decoded(whole)) == 41

    run(work)


def test_other_owners_see_nothing(home: Path) -> None:
    async def work() -> None:
        async with opened(home) as generations:
            begun = await generations.begin(ANN, KIND, counting(1))
            await ended(generations, begun.id)
            with pytest.raises(GenerationNotFound):
                generations.get(BEN, begun.id)
            with pytest.raises(GenerationNotFound):
                generations.follow(BEN, begun.id)
            for change in (generations.stop, generations.delete):
                with pytest.raises(GenerationNotFound):
                    await change(BEN, begun.id)
            assert generations.page(BEN) == []
            assert (
                [each.id for each in generations.page(ROOT)]
                == [begun.id]
                == [each.id for each in generations.page(ANN)]
            )
            assert generations.page(ANN, kind="other") == generations.page(ANN, state=GenerationState.FAILED) == []
            with pytest.raises(GenerationNotFound):
                generations.get(ROOT, "../modelyard.db")

    run(work)


def test_stop_cancels_the_work_and_keeps_its_events(home: Path) -> None:
    async def work() -> None:
        async with opened(home) as generations:
            left: list[str] = []

            async def make(writer: EventWriter) -> None:
                try:
                    await writer.emit("a", 1)
                    await asyncio.Event().wait()
                finally:
                    await writer.emit("cleanup", None)
                    left.append("closed")

            begun = await generations.begin(ANN, KIND, make)
            await until(generations, begun.id, 1)
            stopped = await generations.stop(ANN, begun.id)
            assert (stopped.state, stopped.events, left) == (GenerationState.STOPPED, 3, ["closed"])
            assert [event.type for event in await read(generations, begun.id)] == ["a", "cleanup", "end"]
            assert await generations.stop(ANN, begun.id) == stopped, "once more changes nothing"
            early = asyncio.create_task(generations.begin(ANN, KIND, make))
            await asyncio.sleep(0)
            (running,) = generations.page(ANN, state=GenerationState.RUNNING)
            assert (await generations.stop(ANN, running.id)).state == "stopped", "before its work has begun"
            await early

    run(work)


@pytest.mark.parametrize(("error", "code"), [(Unavailable("No."), "unavailable"), (KeyError("x"), "internal_error")])
def test_an_error_is_the_end(home: Path, error: Exception, code: str) -> None:
    async def work() -> None:
        async with opened(home) as generations:

            async def make(writer: EventWriter) -> None:
                await writer.emit("a", 1)
                raise error

            begun = await generations.begin(ANN, KIND, make)
            found = await ended(generations, begun.id)
            assert found.state == "failed" and found.error is not None and found.error.code == code
            last = decoded(await read(generations, begun.id))[-1]
            assert last["data"]["state"] == "failed" and last["data"]["error"]["code"] == code
        async with opened(home) as generations:
            assert generations.get(ANN, begun.id) == found, "also after a restart"

    run(work)


def test_too_many_and_too_much_is_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_BYTES", 2000)

    async def work() -> None:
        async with opened(home) as generations:
            waiting = [await generations.begin(ANN, KIND, counting(1, asyncio.Event())) for _ in range(3)]
            with pytest.raises(RateLimited, match="MODELYARD_MAX_GENERATIONS"):
                await generations.begin(ANN, KIND, counting(1))
            await generations.begin(BEN, KIND, counting(1))
            await generations.stop(ANN, waiting[0].id)
            long = await generations.begin(ANN, KIND, counting(100_000))
            found = await ended(generations, long.id)
            assert found.error is not None and (found.error.code, found.state) == ("generation_too_large", "failed")
            assert found.size < 2500

    run(work)


def test_a_slow_disk_slows_the_work_and_not_the_loop(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "MOST_UNWRITTEN", 1000)

    async def work() -> None:
        async with opened(home) as generations:
            gate = asyncio.Event()
            loop = asyncio.get_running_loop()
            append = LineLog.append

            def slow(log: LineLog, *lines: bytes) -> None:
                asyncio.run_coroutine_threadsafe(gate.wait(), loop).result()
                append(log, *lines)

            done: list[int] = []

            async def make(writer: EventWriter) -> None:
                monkeypatch.setattr(LineLog, "append", slow)
                for number in range(100):
                    await writer.emit("number", {"value": number, "more": "x" * 100})
                    done.append(number)

            begun = await generations.begin(ANN, KIND, make)
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(done) < 15 and generations.get(ANN, begun.id).events == 0, "nothing is sent before it is written"
            gate.set()
            assert (await ended(generations, begun.id)).events == 101

    run(work)


def test_results_are_taken_over_once_and_again_after_an_error(home: Path) -> None:
    async def work() -> None:
        taken: list[tuple[str, str, int]] = []
        failing = [True]

        async def settle(found: Generation) -> None:
            events = await read(generations, found.id)
            if failing[0]:
                raise Unavailable("The database rests.")
            taken.append((found.id, found.state, len(events)))

        async with opened(home) as generations:
            generations.settle_with(KIND, settle)
            begun = await generations.begin(ANN, KIND, counting(4))
            await ended(generations, begun.id)
            assert taken == []
        async with opened(home) as generations:
            generations.settle_with(KIND, settle)
            await generations.settle_all()
            assert taken == []
            failing[0] = False
            await generations.settle_all()
            await generations.settle_all()
            assert taken == [(begun.id, "completed", 5)]
        async with opened(home) as generations:
            generations.settle_with(KIND, settle)
            await generations.settle_all()
            assert len(taken) == 1
            assert generations.get(ANN, begun.id).events == 5 == len(await read(generations, begun.id))

    run(work)


def test_a_reader_of_the_end_finds_the_result(home: Path) -> None:
    async def work() -> None:
        stored: list[str] = []

        async def settle(found: Generation) -> None:
            assert (await read(generations, found.id, wait=False))[-1].type == "end", (
                "what settles does not wait for itself"
            )
            for _ in range(100):
                await asyncio.sleep(0)
            stored.append(found.id)

        async with opened(home) as generations:
            generations.settle_with(KIND, settle)
            found = await generations.begin(ANN, KIND, counting(5))
            seen = []
            async for portion in generations.follow(ANN, found.id):
                seen += [event.type for event in portion]
                assert "end" not in seen or stored == [found.id]
            assert seen == ["number"] * 5 + ["end"]

    run(work)


def test_what_a_kill_leaves_is_interrupted(home: Path) -> None:
    """The file as a kill leaves it at each of its bytes: all whole events are there, then the end."""

    async def work() -> None:
        async with opened(home) as generations:
            begun = await generations.begin(ANN, KIND, counting(3))
            await ended(generations, begun.id)
        path = storage.path_of(home / "generations", begun.id)
        data = path.read_bytes()
        lines = data.splitlines(keepends=True)
        assert lines[-1] == storage.SETTLED + b"\n"
        for cut in range(len(data) + 1):
            path.write_bytes(data[:cut])
            whole = data[:cut].count(b"\n") - 1
            async with opened(home) as generations:
                if whole < 0:
                    assert generations.page(ROOT) == [] and not path.exists()
                    continue
                found = generations.get(ANN, begun.id)
                events = await read(generations, begun.id)
                assert [event.number for event in events] == list(range(1, found.events + 1))
                assert b"".join(event.json + b"\n" for event in events[:whole]) == b"".join(
                    lines[1 : 1 + min(whole, 4)]
                )
                assert events[-1].type == "end"
                state = "interrupted" if whole < 4 else "completed"
                assert found.state == state == decoded(events)[-1]["data"]["state"]
                await generations.settle_all()
            async with opened(home) as generations:
                assert generations.get(ANN, begun.id) == found, "a second start changes nothing"

    run(work)


def test_a_stop_of_the_server_interrupts(home: Path) -> None:
    async def work() -> None:
        async with opened(home) as generations:
            begun = await generations.begin(ANN, KIND, counting(9, asyncio.Event(), 5))
            await until(generations, begun.id, 5)
            reader = asyncio.create_task(read(generations, begun.id))
        assert [event.type for event in await reader] == ["number"] * 5 + ["end"]
        async with opened(home) as generations:
            assert generations.get(ANN, begun.id).state == "interrupted"
            (home / "generations" / "broken.jsonl").write_bytes(b"not JSON\n")
        async with opened(home) as generations:
            assert len(generations.page(ANN)) == 1, "one that cannot be read hides no others"

    run(work)


def test_old_ones_and_too_many_are_deleted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_ENDED", 3)

    async def work() -> None:
        async with opened(home) as generations:
            made = []
            for owner in (ANN, ANN, ANN, ANN, BEN):
                made.append((await generations.begin(owner, KIND, counting(1))).id)
                await asyncio.wait([generations._tasks[made[-1]]])
            running = await generations.begin(ANN, KIND, counting(1, asyncio.Event()))
            await generations.sweep()
            assert {each.id for each in generations.page(ROOT)} == {*made[1:], running.id}
            await generations.delete(ANN, running.id)
            await generations.delete(ANN, made[1])
            assert len(os.listdir(home / "generations")) == 3
        async with opened(home, 0.0) as generations:
            await generations.sweep()
            assert os.listdir(home / "generations") == []

    run(work)


def test_a_full_disk_ends_the_work(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = LineLog.append
    full = [False]

    def limited(log: LineLog, *lines: bytes) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "no space")
        append(log, *lines)

    async def work() -> None:
        async with opened(home) as generations:
            release = asyncio.Event()
            begun = await generations.begin(ANN, KIND, counting(9, release, 5))
            await until(generations, begun.id, 5)
            monkeypatch.setattr(LineLog, "append", limited)
            full[0] = True
            with pytest.raises(NotEnoughDisk):
                await generations.begin(ANN, KIND, counting(1))
            assert len(generations.page(ANN)) == 1 and len(os.listdir(home / "generations")) == 1
            release.set()
            with pytest.raises(NotEnoughDisk):
                await read(generations, begun.id)
            found = generations.get(ANN, begun.id)
            assert found.error is not None and (found.error.code, found.events) == ("not_enough_disk", 5)
            await asyncio.wait([generations._tasks[begun.id]])
            full[0] = False
            await generations.settle_all()
            last = decoded(await read(generations, begun.id))[-1]
            assert last["number"] == 6 and last["data"]["error"]["code"] == "not_enough_disk"
        async with opened(home) as generations:
            assert generations.get(ANN, begun.id).state == "failed"

    run(work)


def test_json_of_engines_stays_one_line(home: Path) -> None:
    async def work() -> None:
        async with opened(home) as generations:

            async def make(writer: EventWriter) -> None:
                await writer.emit("raw", msgspec.Raw(b'{"text":"x","n":1.50}'))
                await writer.emit("raw", msgspec.Raw(b'{\n"text": "y\\n"\n}'))

            begun = await generations.begin(ANN, KIND, make)
            await ended(generations, begun.id)
            events = await read(generations, begun.id)
            assert events[0].json.endswith(b'"data":{"text":"x","n":1.50}}')
            assert decoded(events)[1]["data"] == {"text": "y\n"}

    run(work)
