"""What the host is given to start a replica: its variables and times, and which of several values wins."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from modelyard.control.diff import Desired
from modelyard.control.placement import Placement
from modelyard.control.processes import process_spec
from modelyard.core.config import Settings
from modelyard.core.fetching import HOSTS_VARIABLE
from modelyard.core.types import Address, Launch, Model, Task
from modelyard.engines.base import Command
from modelyard.runtime.base import ProcessSpec

ADDRESS = Address(port=4321)


def spec(
    devices: tuple[str, ...] = (),
    plan: Mapping[str, str] | None = None,
    launch: Mapping[str, str] | None = None,
    start_timeout: float | None = None,
) -> ProcessSpec:
    target = Desired("uid", Launch("uid", Model("m"), "fake", env=launch or {}), (0,), 1, False, False, 0.0)
    command = Command(
        ("run", "it"), ADDRESS, frozenset({Task.CHAT}), plan or {}, health_path="/up", start_timeout=start_timeout
    )
    settings = Settings(fetch_hosts="a.example", start_timeout=77)
    return process_spec(target, "uid-rep0-1", command, Placement(devices, 0), settings)


def test_a_process_has_what_its_engine_planned() -> None:
    made = spec()
    assert (made.replica, made.uid, made.argv) == ("uid-rep0-1", "uid", ("run", "it"))
    assert (made.address, made.health_path) == (ADDRESS, "/up")


@pytest.mark.parametrize(("planned", "seconds"), [(None, 77), (5.0, 5.0)])
def test_an_engine_may_need_another_time_to_start(planned: float | None, seconds: float) -> None:
    assert spec(start_timeout=planned).start_timeout == seconds


@pytest.mark.parametrize(
    ("devices", "visible"), [((), None), (("cpu",), None), (("cuda:1",), "1"), (("cuda:3", "cuda:0"), "3,0")]
)
def test_a_process_sees_only_the_gpus_of_its_placement(devices: tuple[str, ...], visible: str | None) -> None:
    assert spec(devices).env.get("CUDA_VISIBLE_DEVICES") == visible


def test_the_launch_overrides_the_engine_and_the_server_overrides_both() -> None:
    plan = {"ONLY_PLAN": "p", "BOTH": "p", "CUDA_VISIBLE_DEVICES": "p", HOSTS_VARIABLE: "p"}
    launch = {"ONLY_LAUNCH": "l", "BOTH": "l", "CUDA_VISIBLE_DEVICES": "l", HOSTS_VARIABLE: "l"}
    own = {"CUDA_VISIBLE_DEVICES": "2", HOSTS_VARIABLE: "a.example"}
    assert spec(("cuda:2",), plan, launch).env == {"ONLY_PLAN": "p", "ONLY_LAUNCH": "l", "BOTH": "l", **own}
    assert spec((), plan, launch).env["CUDA_VISIBLE_DEVICES"] == "l", "without a GPU the launch decides"
