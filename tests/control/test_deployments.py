"""Names, replicas and events of models: launches of servers elsewhere, which are ready in milliseconds."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from modelyard.control import deployments as module
from modelyard.control.places import packed
from modelyard.core.config import Settings
from modelyard.core.errors import (
    BadRequest,
    LaunchCancelled,
    LaunchFailed,
    ModelExists,
    ModelNotFound,
    NotEnoughMemory,
    NotFound,
    PermissionDenied,
)
from modelyard.core.trust import OWNER
from modelyard.core.types import Launch, Model, ReplicaState
from modelyard.db.tables import Deployment, Event
from modelyard.protocol.models import LaunchRequest
from tests.control.plane import ELSEWHERE, Plane, play, ready


def request(name: str = "m", **more: Any) -> LaunchRequest:
    return LaunchRequest.model_validate({"model_name": name, **ELSEWHERE, **more})


def row(uid: str, launch: Launch, made: Plane, **more: Any) -> Deployment:
    """A row as another server with this database writes it."""
    fields: dict[str, Any] = {
        "request": {"model_name": uid},
        "ordinals": [0],
        "generation": 1,
        "created_at": time.time(),
        "terminating": False,
        "was_ready": False,
    }
    return Deployment(uid=uid, launch=packed(launch, Path("/home")), **(fields | more))


async def add(made: Plane, *rows: Deployment) -> None:
    async with made.database.session() as session:
        session.add_all(rows)


def broken(uid: str) -> Launch:
    """A launch whose files are gone: it fails when it is started."""
    return Launch(uid, Model(uid, path="/nowhere/x.gguf", format="ggufv2"), "llama_cpp")


async def contents(made: Plane, uid: str = "m") -> list[str]:
    return [event.content for event in await made.deployments.events(uid)]


def test_a_name_that_was_not_asked_for_gets_a_suffix_where_it_is_taken(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        create = made.deployments.create
        assert await made.deployments.default_uid(request(), OWNER) == "m"
        assert made.deployments.views() == [], "nothing was launched"
        assert await create(request(), OWNER) == "m"
        other = await create(request(), OWNER)
        assert other.startswith("m-") and len(other) == len("m-") + 8
        with pytest.raises(ModelExists, match="'m' is already here") as refused:
            await create(request(model_uid="m"), OWNER)
        assert refused.value.param == "model_uid"
        long = "x" * 100
        assert [len(await create(request(long), OWNER)) for _ in range(2)] == [100, 100]
        assert len(made.deployments.views()) == 4

    play(settings, sqlite_url, scenario)


def test_a_launch_is_kept_as_it_was_sent(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        uid = await made.deployments.create(request("m", replica=2, request_limits=5), OWNER)
        again = await made.deployments.request(uid)
        assert (again.model_name, again.model_uid, again.replica, again.request_limits) == ("m", "m", 2, 5)
        assert again.model_extra is not None and again.model_extra["base_url"] == ELSEWHERE["base_url"]
        view = made.deployments.view("m")
        assert (view.desired.ordinals, view.desired.generation) == ((0, 1), 1)
        assert abs(view.desired.created_at - time.time()) < 60
        assert made.table.routes["m"].request_limit == 5
        for missing in (
            made.deployments.request("mm"),
            made.deployments.remove("mm"),
            made.deployments.scale_up("x", 1),
        ):
            with pytest.raises(ModelNotFound, match="Running: m"):
                await missing

    play(settings, sqlite_url, scenario)


def test_a_launch_of_a_warning_has_it_among_its_events(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        await made.deployments.create(request(request_limits=0), OWNER)
        kinds = {event.content.split()[0]: event.kind for event in await made.deployments.events("m")}
        assert kinds["request_limits"] == "WARNING" and kinds["Launch"] == "INFO"
        assert abs((await made.deployments.events("m"))[0].at - time.time()) < 60

    play(settings, sqlite_url, scenario)


def test_a_failed_model_is_replaced_by_the_next_launch(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        await add(made, row("m", broken("m"), made, generation=4))
        await made.reconciler.look()
        await made.until(lambda view: view.state is ReplicaState.FAILED)
        with pytest.raises(LaunchFailed, match="are gone since it was launched"):
            await made.deployments.wait_ready("m")
        assert await made.deployments.create(request(), OWNER) == "m", "also under its derived name"
        await made.deployments.wait_ready("m")
        view = made.deployments.view("m")
        assert (view.state, view.desired.generation) == (ReplicaState.READY, 5)

    play(settings, sqlite_url, scenario)


def test_a_model_that_another_server_has_just_launched_is_not_replaced(settings: Settings, sqlite_url: str) -> None:
    """Rows are checked in the transaction, because the loop may not have seen them yet."""

    async def scenario(made: Plane) -> None:
        for generation, uid in enumerate(("new", "m"), 1):
            if uid == "m":
                await add(made, row("m", broken("m"), made))
                await made.reconciler.look()
                await made.until(lambda view: view.state is ReplicaState.FAILED)
                async with made.database.session() as session:
                    found = await session.get(Deployment, "m")
                    assert found is not None
                    found.generation = 2
            else:
                await add(made, row(uid, broken(uid), made, generation=generation))
            with pytest.raises(ModelExists, match="just launched"):
                await made.deployments.create(request(uid), OWNER)

    play(settings, sqlite_url, scenario)


def test_waiting_ends_when_the_launch_is_cancelled(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        with pytest.raises(LaunchCancelled):
            await made.deployments.wait_ready("never")
        await made.connect()
        with pytest.raises(BadRequest, match="'m' is ready; terminate it instead"):
            await made.deployments.cancel("m")
        assert made.deployments.view("m").state is ReplicaState.READY
        await add(made, row("n", broken("n"), made))
        await made.reconciler.look()
        await made.until(lambda view: view.state is ReplicaState.FAILED, "n")
        await made.deployments.cancel("n")
        assert [view.desired.uid for view in made.deployments.views()] == ["m"]

    play(settings, sqlite_url, scenario)


def test_a_model_is_ready_when_each_replica_is_settled_and_one_is_ready(settings: Settings, sqlite_url: str) -> None:
    """A replica that was given up does not keep its callers waiting."""

    async def scenario(made: Plane) -> None:
        await made.connect(replica=2)
        made.reconciler._running.popitem()
        made.reconciler._failed("m", 1, 1, "no")
        waiting = asyncio.create_task(made.deployments.wait_ready("m"))
        async with asyncio.timeout(30):
            await waiting

    play(settings, sqlite_url, scenario)


def test_replicas_get_the_lowest_free_numbers(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        scale, remove = made.deployments.scale_up, made.deployments.remove_replica
        await made.connect(replica=3)
        assert await remove("m", 1) == 2
        assert await scale("m", 1) == [1]
        assert await remove("m", 0) == 2
        assert await scale("m", 3) == [0, 3, 4]
        view = await made.until(ready(5))
        assert view.desired.ordinals == (0, 1, 2, 3, 4)
        with pytest.raises(NotFound, match="has no replica 7; it has 0, 1, 2, 3, 4"):
            await remove("m", 7)
        for ordinal in (4, 3, 2, 0):
            await remove("m", ordinal)
        with pytest.raises(BadRequest, match="Replica 1 is the last one of 'm'"):
            await remove("m", 1)
        assert (await made.until(ready(1))).desired.ordinals == (1,)

    play(settings, sqlite_url, scenario)


def test_more_replicas_than_there_is_memory_for_are_refused_together(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        machine = await made.deployments.machine()
        assert machine.headroom == 0.5 and machine.engines == settings.engines_folder
        free = min(machine.hardware.cpu.memory_total // 2, machine.hardware.cpu.memory_free) // 2**20
        made.reconciler.held = frozenset({"m"})  # so that no process is started
        body = {"model_name": "m", "model_engine": "fake", "memory_mb": int(free * 0.3)}
        assert await made.deployments.create(LaunchRequest.model_validate(body), OWNER) == "m"
        with pytest.raises(NotEnoughMemory):
            await made.deployments.scale_up("m", 4)
        assert await made.deployments.scale_up("m", 2) == [1, 2]
        await made.connect("elsewhere")
        assert await made.deployments.scale_up("elsewhere", 3) == [1, 2, 3], "a server elsewhere takes no memory"
        assert not made.deployments.view("m").replicas

    play(settings.model_copy(update={"memory_headroom": 0.5}), sqlite_url, scenario)


def test_a_model_that_is_being_removed_takes_no_replicas(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        view = await made.connect(replica=2)
        name = view.replicas[0].replica.name
        made.traffic.begin(name)
        removal = asyncio.create_task(made.deployments.remove("m"))
        await made.until(lambda view: view.desired.terminating)
        for refused in (made.deployments.scale_up("m", 1), made.deployments.remove_replica("m", 0)):
            with pytest.raises(ModelNotFound):
                await refused
        with pytest.raises(LaunchCancelled):
            await made.deployments.wait_ready("m")
        assert not removal.done(), "an answer is still in progress"
        made.traffic.end(name)
        async with asyncio.timeout(30):
            await removal
        assert made.deployments.views() == []

    play(settings, sqlite_url, scenario)


def test_the_last_events_of_a_model_stay_after_it(
    settings: Settings, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "EVENTS_SHOWN", 3)

    async def scenario(made: Plane) -> None:
        await made.connect()
        await made.connect("other")
        assert (await contents(made))[0] == "Launch model"
        await made.deployments.remove("m")
        await made.reconciler.look()
        assert (await contents(made))[-1] == "Terminated"
        async with made.database.session() as session:
            session.add_all([Event(uid="m", at=float(n), kind="INFO", content=str(n)) for n in range(5)])
        assert await contents(made) == ["2", "3", "4"]
        with pytest.raises(ModelNotFound, match="Running: other"):
            await made.deployments.events("nobody")
        async with made.database.session() as session:
            assert await session.scalar(select(Deployment.uid).where(Deployment.uid == "m")) is None

    play(settings, sqlite_url, scenario)


def test_logs_of_a_name_that_never_was_are_refused(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        with pytest.raises(ModelNotFound):
            made.deployments.logs("nobody", None, 10)
        await made.connect()
        assert made.deployments.logs("m", None, 10) == (None, [])

    play(settings, sqlite_url, scenario)


def test_a_key_of_the_server_goes_only_where_its_owner_bound_it(
    settings: Settings, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("THEIR_KEY", "sk-1")

    async def unbound(made: Plane) -> None:
        with pytest.raises(PermissionDenied, match="THEIR_KEY"):
            await made.deployments.plan(request(api_key_env="THEIR_KEY"), OWNER)

    async def bound(made: Plane) -> None:
        await made.connect(api_key_env="THEIR_KEY")
        [endpoint] = made.table.routes["m"].endpoints
        assert endpoint.headers == ((b"authorization", b"Bearer sk-1"),)

    play(settings, sqlite_url, unbound)
    play(Settings(home=settings.home, port=0, key_variables="THEIR_KEY=http://127.0.0.1:9"), sqlite_url, bound)
