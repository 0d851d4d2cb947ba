"""The turns of a server's start, one priority after the other, with servers elsewhere in place of processes.

`test_autostart.py` has the same across real starts of a server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop
from sqlalchemy import select

from modelyard.control.autostart import DEFAULT_PRIORITY, AutostartProgress, AutostartRow, Autostarts
from modelyard.control.diff import Desired
from modelyard.control.places import packed
from modelyard.core.config import Settings
from modelyard.core.errors import NotFound
from modelyard.core.types import Download, Launch, Model, RemoteFile, ReplicaState
from modelyard.db.tables import Autostart, Deployment, Event
from tests.control.plane import ELSEWHERE, Plane, plane

HOME = Path("/home")
UNKNOWN = {"model_name": "x", "model_engine": "fake", "no_such_option": 1}
"""A launch that is refused whenever it is tried."""
ABSENT_KEY = {"api_key_env": "THEIR_KEY"}
"""Of a server elsewhere: it is refused until the environment has the key."""


def entry(
    uid: str, priority: int = DEFAULT_PRIORITY, *, launch: dict[str, Any] | None = None, **more: Any
) -> AutostartRow:
    fields = {"model_name": uid, **ELSEWHERE} if launch is None else launch
    return AutostartRow(uid=uid, launch=fields, priority=priority, **more)


def elsewhere(uid: str, **options: Any) -> Launch:
    return Launch(uid, Model(uid, format="remote"), "external", {"base_url": ELSEWHERE["base_url"], **options})


def row(launch: Launch, was_ready: bool = True) -> Deployment:
    """A model that was running when the server ended."""
    fields = {"launch": packed(launch, HOME), "request": {"model_name": launch.uid}, "created_at": time.time()}
    return Deployment(uid=launch.uid, ordinals=[0], generation=1, terminating=False, was_ready=was_ready, **fields)


def endless(uid: str) -> Launch:
    """A launch that waits for its weights for ever, because nothing fetches them here."""
    download = Download("huggingface", "a/b", "1", (RemoteFile("x.gguf", 10),), "/nowhere/x")
    return Launch(uid, Model(uid, path="/nowhere/x/x.gguf", format="ggufv2", download=download), "llama_cpp")


class Start:
    """A server that starts."""

    def __init__(self, made: Plane, autostarts: Autostarts) -> None:
        self.made = made
        self.autostarts = autostarts

    async def run(self) -> None:
        async with asyncio.timeout(30):
            await self.autostarts.run()

    async def until(self, uid: str, status: str) -> AutostartProgress:
        def settled() -> AutostartProgress | None:
            found = self.autostarts.progress(uid)
            return found if found.status == status else None

        async with asyncio.timeout(30):
            while (found := settled()) is None:  # noqa: ASYNC110 - progress tells nobody of its changes
                await asyncio.sleep(0)
        return found

    async def events(self, content: str) -> list[str]:
        """The models that have an event which begins like this, in its order."""
        await self.made.reconciler.look()
        async with self.made.database.session() as session:
            found = await session.scalars(select(Event).where(Event.content.startswith(content)).order_by(Event.id))
            return [event.uid for event in found]


@asynccontextmanager
async def started(settings: Settings, url: str, entries: list[AutostartRow], *rows: Deployment) -> AsyncIterator[Start]:
    """A server's start with these entries, and with these models of an earlier run."""
    made: list[Autostarts] = []

    async def prepare(control: Plane) -> None:
        made.append(Autostarts(control.database, control.deployments, control.reconciler))
        await made[0].put(entries)
        async with control.database.session() as session:
            session.add_all(rows)
        await made[0].prepare()

    async with plane(settings, url, prepare) as control:
        yield Start(control, made[0])


@pytest.fixture
def on(settings: Settings, sqlite_url: str) -> Callable[..., None]:
    def run(work: Callable[[Start], Awaitable[None]], entries: list[AutostartRow], *rows: Deployment) -> None:
        async def go() -> None:
            async with started(settings, sqlite_url, entries, *rows) as start:
                await work(start)

        uvloop.run(go())

    return run


def test_priorities_start_one_after_the_other_and_models_without_an_entry_in_between(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        assert start.made.reconciler.held == {"plain", "kept"}
        assert start.made.table.routes["kept"].endpoints == (), "it waits for its turn"
        assert start.autostarts.progress("c").status == "waiting"
        await start.run()
        assert await start.events("Replica 0 is the server") == ["a", "b", "kept", "plain", "c"]
        assert await start.events("Launch model") == ["a", "b", "c"], "others were launched long ago"
        assert start.made.reconciler.held == frozenset()
        for uid in ("a", "b", "c", "kept"):
            found = start.autostarts.progress(uid)
            assert (found.status, found.attempts, found.error) == ("ready", 1, None)
            assert abs(found.updated_at - time.time()) < 60
        assert start.autostarts.progress("plain") == AutostartProgress()

    entries = [entry("c", DEFAULT_PRIORITY + 1), entry("b", 2), entry("kept", 3), entry("a", 1)]
    on(work, entries, row(elsewhere("plain")), row(elsewhere("kept")))


def test_without_entries_nothing_waits(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        assert start.made.table.routes["plain"].endpoints
        assert start.made.reconciler.held == frozenset()
        await start.run()

    on(work, [], row(elsewhere("plain")))


def test_a_model_whose_entry_is_disabled_is_not_restored(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        await start.run()
        assert start.made.deployments.views() == [], "nor is one that did not run"
        assert await start.events("Not restored: its autostart entry is disabled") == ["off"]
        for uid in ("off", "away"):
            assert start.autostarts.progress(uid).status == "disabled"

    on(work, [entry("off", enabled=False), entry("away", enabled=False)], row(elsewhere("off")))


def test_retries_go_on_while_others_start_until_they_are_used_up(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        running = asyncio.create_task(start.autostarts.run())
        assert (await start.until("second", "ready")).attempts == 1
        found = await start.until("first", "retrying")
        assert found.error is not None and "no_such_option" in found.error, "the error stays while it waits"
        assert start.autostarts.progress("once").status == "failed"
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("autostart")]

    on(
        work,
        [
            entry("first", 1, launch=UNKNOWN, max_retries=2, retry_interval_seconds=1000),
            entry("once", 1, launch=UNKNOWN, max_retries=0),
            entry("second", 2),
        ],
    )


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_an_entry_is_tried_once_and_as_often_again_as_it_says(on: Callable[..., None], retries: int) -> None:
    async def work(start: Start) -> None:
        await start.run()
        found = start.autostarts.progress("never")
        assert (found.status, found.attempts) == ("failed", 1 + retries)
        assert found.error is not None and "no_such_option" in found.error

    on(work, [entry("never", launch=UNKNOWN, max_retries=retries, retry_interval_seconds=0)])


def test_a_retry_that_works_is_the_last(settings: Settings, sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def go() -> None:
        bound = Settings(home=settings.home, port=0, key_variables="THEIR_KEY=http://127.0.0.1:9")
        launch = {"model_name": "late", **ELSEWHERE, **ABSENT_KEY}
        entries = [entry("late", launch=launch, max_retries=10_000, retry_interval_seconds=0)]
        async with started(bound, sqlite_url, entries) as start:
            running = asyncio.create_task(start.run())
            await start.until("late", "retrying")
            assert "THEIR_KEY" in (start.autostarts.progress("late").error or "")
            monkeypatch.setenv("THEIR_KEY", "sk-1")
            await running
            found = start.autostarts.progress("late")
            assert found.status == "ready" and found.error is None and found.attempts > 1
            assert start.made.deployments.view("late").state is ReplicaState.READY

    uvloop.run(go())


def test_a_restored_model_that_fails_is_launched_anew_as_its_entry_says(on: Callable[..., None]) -> None:
    gone = Launch("m", Model("m", path="/nowhere/x.gguf", format="ggufv2"), "llama_cpp")

    async def work(start: Start) -> None:
        await start.run()
        found = start.autostarts.progress("m")
        assert (found.status, found.attempts) == ("ready", 1)
        view = start.made.deployments.view("m")
        assert (view.state, view.desired.launch.engine) == (ReplicaState.READY, "external")

    on(work, [entry("m")], row(gone, was_ready=False))


def test_a_launch_that_is_cancelled_is_not_tried_again(on: Callable[..., None]) -> None:
    """Nor is a model that is terminated while it waits for its turn."""

    async def work(start: Start) -> None:
        running = asyncio.create_task(start.run())
        await start.until("first", "starting")
        assert start.autostarts.progress("later").status == "waiting"
        await start.made.deployments.remove("later")
        await start.made.deployments.cancel("first")
        await running
        first, later = (start.autostarts.progress(uid) for uid in ("first", "later"))
        assert (first.status, first.attempts) == ("cancelled", 1) and "was cancelled" in (first.error or "")
        assert (later.status, later.attempts) == ("cancelled", 0) and "terminated while it waited" in (
            later.error or ""
        )
        assert start.made.deployments.views() == []

    on(work, [entry("first", 1), entry("later", 2)], row(endless("first")), row(elsewhere("later")))


def test_an_entry_of_who_is_not_trusted_is_launched_as_by_them(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        await start.run()
        assert start.autostarts.progress("owners").status == "ready"
        refused = start.autostarts.progress("theirs")
        assert refused.status == "failed"
        assert "Who wrote the autostart entry of 'theirs'" in (refused.error or "")

    fake = {"model_name": "x", "model_engine": "fake", "envs": {"BROWSER": "x"}}
    on(work, [entry("owners"), entry("theirs", launch=fake, trusted=False, max_retries=0)])


def test_an_entry_of_another_version_keeps_no_server_from_starting(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        autostarts = start.autostarts
        async with start.made.database.session() as session:
            session.add(Autostart(uid="unreadable", entry={"launch": {}, "priority": "high"}))
        assert [each.uid for each in await autostarts.entries()] == ["odd"]
        await start.run()
        found = autostarts.progress("odd")
        assert found.status == "failed" and "Its launch cannot be read" in (found.error or "")

    on(work, [entry("odd", launch={"model_name": 3, "replica": "many"}, max_retries=0)])


def test_an_entry_is_enabled_and_tried_four_times_in_two_minutes_unless_it_says_otherwise() -> None:
    found = AutostartRow(uid="m", launch={})
    assert (found.enabled, found.priority, found.max_retries, found.retry_interval_seconds) == (True, 100, 3, 30.0)
    assert found.trusted, "as those of versions without the field"


def test_entries_are_put_together_and_removed_one_by_one(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        autostarts = start.autostarts
        await start.run()
        await autostarts.put([entry("b", 1), entry("a", 1), entry("c", 0, max_retries=7, trusted=False)])
        assert [each.uid for each in await autostarts.entries()] == ["c", "a", "b"]
        found = await autostarts.get("c")
        assert found == entry("c", 0, max_retries=7, trusted=False)
        assert found.request().model_uid == "c" and found.trust.full is False
        assert entry("a").trust.full and entry("a").enabled
        await autostarts.remove("b")
        assert start.autostarts.progress("b").status == "idle", "what became of it goes with it"
        assert start.made.deployments.view("b").state is ReplicaState.READY
        for missing in (autostarts.get("b"), autostarts.remove("b")):
            with pytest.raises(NotFound, match="no autostart entry for 'b'"):
                await missing

    on(work, [entry("b", 2)])


def test_a_model_of_a_later_priority_is_held_though_it_changes(on: Callable[..., None]) -> None:
    async def work(start: Start) -> None:
        held = start.made.reconciler.view("later")
        assert held is not None and isinstance(held.desired, Desired)
        assert (held.state, held.reason) == (ReplicaState.PENDING, "it is about to start")
        await start.made.deployments.scale_up("later", 1)
        assert start.made.table.routes["later"].endpoints == ()
        await start.run()
        assert len(start.made.table.routes["later"].endpoints) == 2

    on(work, [entry("first", 1), entry("later", 2)], row(elsewhere("later")))
