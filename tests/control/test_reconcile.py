"""The control loop with real processes of the fake engine, on both databases: launched, killed, scaled, restored, gone."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from pathlib import Path

import psutil
import pytest

from modelyard.control.views import ModelView
from modelyard.core.config import Settings
from modelyard.core.errors import LaunchCancelled, LaunchFailed, ModelExists, ModelNotFound, NotEnoughMemory
from modelyard.core.fetching import HOSTS_VARIABLE
from modelyard.core.types import ReplicaState
from tests.adapter_files import peft_adapter
from tests.control.plane import Plane, play, ready
from tests.processes import alive


def test_launched_listed_terminated(settings: Settings, database_url: str) -> None:
    async def scenario(made: Plane) -> None:
        view = await made.launch(replica=2, envs={"OMP_NUM_THREADS": "7", HOSTS_VARIABLE: "*"})
        assert view.state is ReplicaState.READY
        assert len(made.table.routes["m"].endpoints) == 2
        pids = [each.pid for each in view.replicas if each.pid]
        assert len(pids) == 2 and all(alive(pid) for pid in pids)
        given = psutil.Process(pids[0]).environ()
        assert given["OMP_NUM_THREADS"] == "7" and "CUDA_VISIBLE_DEVICES" not in given
        assert given[HOSTS_VARIABLE] == settings.fetch_hosts, "which hosts are read from is the server's to say"
        assert made.reconciler.claims().held == {"cpu": 2 * 2**20}
        await made.deployments.remove("m")
        assert made.reconciler.claims().held == {}
        assert not any(alive(pid) for pid in pids)
        assert "m" not in made.table.routes
        said = [re.sub(r"\d+\.\d s", "so long", event.content) for event in await made.deployments.events("m")]
        assert said[0] == "Launch model" and said[-1] == "Terminated"
        for ordinal in (0, 1):
            mine = [each.removeprefix(f"Replica {ordinal} ") for each in said if each.startswith(f"Replica {ordinal}")]
            assert mine == ["is starting on fake", "is ready after so long", "is stopping"]
        with pytest.raises(ModelNotFound):
            made.deployments.view("m")

    play(settings, database_url, scenario)


def test_every_model_is_back_after_a_restart(settings: Settings, database_url: str) -> None:
    async def before(made: Plane) -> None:
        await made.launch("一", replica=2, tokens=3)
        await made.launch("b")

    async def after(made: Plane) -> None:
        assert (await made.until(ready(2), "一")).desired.launch.options == {"tokens": 3}
        await made.until(ready(1), "b")

    play(settings, database_url, before, after)


def test_what_is_said_to_be_ready_is_routed_already(settings: Settings, sqlite_url: str, tmp_path: Path) -> None:
    for name in ("one", "two"):
        peft_adapter(tmp_path / name)

    async def scenario(made: Plane) -> None:
        async def watch() -> None:
            while True:
                view = made.reconciler.view("m")
                said = [("m", view.state), *((each.adapter.name, each.state) for each in view.adapters)] if view else []
                for name, state in said:
                    route = made.table.routes.get(name)
                    assert state is not ReplicaState.READY or (route and route.endpoints), f"{name} is not routed"
                await asyncio.sleep(0)

        watching = asyncio.create_task(watch())
        await made.launch(replica=2, lora_modules={name: str(tmp_path / name) for name in ("one", "two")})
        await made.until(lambda view: len(view.adapters) == 2 and all(each.settled for each in view.adapters))
        await made.deployments.remove("m")
        assert watching.cancel(), watching.exception()

    play(settings, sqlite_url, scenario)


def test_a_killed_replica_comes_back_by_itself(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        view = await made.launch(replica=2)
        victim = view.replicas[0]
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
        await made.until(ready(1))
        again = await made.until(ready(2))
        assert victim.replica.name not in [each.replica.name for each in again.replicas]
        assert again.slots[0].crashes == 1
        assert "killed by signal 9" in again.slots[0].error

    play(settings, sqlite_url, scenario)


def test_a_launch_that_dies_at_start_fails_with_the_real_reason_and_can_be_tried_again(
    settings: Settings, database_url: str
) -> None:
    async def scenario(made: Plane) -> None:
        with pytest.raises(LaunchFailed, match="error: the tensor is crooked"):
            await made.launch(crash_at_start="error: the tensor is crooked")
        assert made.deployments.view("m").state is ReplicaState.FAILED
        assert made.table.routes["m"].endpoints == ()
        assert "crooked" in made.table.routes["m"].reason
        assert any("crooked" in line for line in made.deployments.logs("m", None, 10)[1])
        assert (await made.launch()).state is ReplicaState.READY

    play(settings, database_url, scenario)


def test_a_crash_loop_ends_in_failed(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        await made.launch()
        killed: set[int] = set()

        def kill_what_is_ready(view: ModelView) -> bool:
            for each in view.replicas:
                if each.pid and each.replica.state is ReplicaState.READY and each.pid not in killed:
                    killed.add(each.pid)
                    os.kill(each.pid, signal.SIGKILL)
            return view.state is ReplicaState.FAILED

        view = await made.until(kill_what_is_ready)
        assert len(killed) == 3
        assert "killed by signal 9" in view.reason
        events = [event.content for event in await made.deployments.events("m")]
        assert any("it is given up" in content for content in events)

    play(settings.model_copy(update={"restart_limit": 2}), sqlite_url, scenario)


def test_scaled_up_and_down(settings: Settings, database_url: str) -> None:
    async def scenario(made: Plane) -> None:
        await made.launch()
        assert await made.deployments.scale_up("m", 2) == [1, 2]
        await made.until(ready(3))
        assert await made.deployments.remove_replica("m", 1) == 2
        view = await made.until(lambda view: len(view.replicas) == 2)
        assert [each.replica.ordinal for each in view.replicas] == [0, 2]
        assert await made.deployments.scale_up("m", 1) == [1]

    play(settings, database_url, scenario)


def test_answers_in_flight_may_end_before_a_replica_goes(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        view = await made.launch()
        (running,) = view.replicas
        made.traffic.begin(running.replica.name)
        removal = asyncio.create_task(made.deployments.remove("m"))
        draining = await made.until(lambda view: view.replicas[0].replica.state is ReplicaState.DRAINING)
        assert "m" not in made.table.routes
        assert not draining.replicas[0].replica.stopping
        assert running.pid and alive(running.pid)
        made.traffic.end(running.replica.name)
        async with asyncio.timeout(30):
            await removal
        assert not alive(running.pid)

    play(settings, sqlite_url, scenario)


def test_a_launch_is_cancelled(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        launch = asyncio.create_task(made.launch(load_seconds=1000))
        await made.until(lambda view: view.state is ReplicaState.STARTING)
        await made.deployments.cancel("m")
        with pytest.raises(LaunchCancelled):
            await launch
        assert made.reconciler.view("m") is None

    play(settings, sqlite_url, scenario)


def test_two_launches_of_one_uid_at_once(settings: Settings, database_url: str) -> None:
    async def scenario(made: Plane) -> None:
        outcomes = await asyncio.gather(made.launch(), made.launch(), return_exceptions=True)
        assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ModelExists", "ModelView"]
        with pytest.raises(ModelExists, match="ready"):
            await made.launch()

    play(settings, database_url, scenario)


def test_more_memory_than_there_is_starts_nothing(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        with pytest.raises(NotEnoughMemory, match=r"a replica needs 9765\.6 GiB"):
            await made.launch(memory_mb=10_000_000)
        total = made.host.hardware().cpu.memory_total // 1024**2
        with pytest.raises(NotEnoughMemory):
            await made.launch(memory_mb=total // 4, replica=5)
        assert made.deployments.views() == []

    play(settings, sqlite_url, scenario)


def test_while_the_database_is_broken_the_processes_are_watched_still(settings: Settings, sqlite_url: str) -> None:
    async def scenario(made: Plane) -> None:
        view = await made.launch()
        async with made.database.session() as session:
            await (await session.connection()).exec_driver_sql("ALTER TABLE deployments RENAME TO elsewhere")
        made.reconciler._reload_at = 0.0
        assert view.replicas[0].pid
        os.kill(view.replicas[0].pid, signal.SIGKILL)
        await made.until(lambda view: not view.replicas or view.slots != {})
        async with made.database.session() as session:
            await (await session.connection()).exec_driver_sql("ALTER TABLE elsewhere RENAME TO deployments")
        await made.until(ready(1))

    # without a pause, every step of the loop finds that the rows are due, and cannot read them
    play(settings.model_copy(update={"restart_backoff": 0.0}), sqlite_url, scenario)
