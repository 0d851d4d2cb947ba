"""Replacing a model where there is no memory for two: in which order models stop and start, and what is left after a failure.

A GPU is needed to see most of it for real, so the deployments are a list in memory here. `test_chatchat_models.py` has what
a machine without one can show.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from modelyard.compat.chatchat.model_change import proposal_of, release, uid_of
from modelyard.core.errors import BadRequest, Conflict, ModelNotFound, ModelyardError, NotEnoughMemory, NotFound
from modelyard.core.trust import OWNER, Trust
from modelyard.core.types import Launch, Model, ModelType, ReplicaState
from modelyard.protocol.models import LaunchRequest

CALLER = Trust(False, "The key 'app'")
READY, FAILED = ReplicaState.READY, ReplicaState.FAILED


def view(uid: str, state: ReplicaState = READY, gpus: tuple[int, ...] = (), trusted: bool = True) -> Any:
    launch = Launch(uid, Model(uid, type=ModelType.LLM), "fake", trusted=trusted)
    replicas = [SimpleNamespace(placement=SimpleNamespace(gpu_indexes=gpus))]
    return SimpleNamespace(desired=SimpleNamespace(uid=uid, launch=launch), state=state, replicas=replicas)


class Deployments:
    """Deployments of a machine with room for `room` models. `log` has what was done, `-` for a stop and `+` for a start."""

    def __init__(
        self, *views: Any, room: int = 9, failing: tuple[str, ...] = (), plans: dict[str, Any] | None = None
    ) -> None:
        self._views = {each.desired.uid: each for each in views}
        self._room, self._failing, self._plans = room, failing, plans or {}
        self.log: list[str] = []
        self.trusts: list[Trust] = []

    def views(self) -> list[Any]:
        return list(self._views.values())

    async def remove(self, uid: str) -> None:
        if uid not in self._views:
            raise ModelNotFound(uid)
        self.log.append(f"-{uid}")
        del self._views[uid]

    async def plan(self, request: LaunchRequest, trust: Trust) -> Launch:
        if len(self._views) >= self._room:
            raise NotEnoughMemory("no room", "launch a smaller model.")
        planned: Launch = self._plans.get(str(request.model_name)) or Launch("x", Model("x"), "fake")
        return planned

    async def create(self, request: LaunchRequest, trust: Trust) -> None:
        uid = str(request.model_uid or request.model_name)
        if len(self._views) >= self._room:
            raise NotEnoughMemory("no room", "launch a smaller model.")
        self.log.append(f"+{uid}")
        self.trusts.append(trust)
        self._views[uid] = view(uid)

    async def wait_ready(self, uid: str) -> None:
        if uid in self._failing:
            raise BadRequest(f"{uid} has bad weights.")

    async def request(self, uid: str) -> LaunchRequest:
        return LaunchRequest.model_validate({"model_name": uid, "model_uid": uid})


class Autostarts:
    def __init__(self, *entries: Any) -> None:
        self._entries = {each.uid: each for each in entries}

    async def get(self, uid: str) -> Any:
        if uid not in self._entries:
            raise NotFound(f"no entry {uid}")
        return self._entries[uid]


def change(deployments: Deployments, new: str, keep: bool = False, old: str = "old") -> dict[str, Any]:
    parts: Any = SimpleNamespace(deployments=deployments, autostarts=Autostarts())
    return asyncio.run(release(parts, None, CALLER, old, new, keep))


def test_a_model_on_a_gpu_is_stopped_before_the_new_one_starts() -> None:
    deployments = Deployments(view("old", gpus=(0,)))
    assert change(deployments, "new") == {"code": 200, "msg": "sucess change model from old to new"}
    assert deployments.log == ["-old", "+new"]


def test_a_model_on_the_cpu_runs_until_the_new_one_is_ready() -> None:
    deployments = Deployments(view("old"))
    assert change(deployments, "new")["code"] == 200
    assert deployments.log == ["+new", "-old"]


def test_a_model_on_the_cpu_makes_room_where_there_is_none_for_both() -> None:
    deployments = Deployments(view("old"), room=1)
    assert change(deployments, "new")["code"] == 200
    assert deployments.log == ["-old", "+new"]


def test_a_model_of_another_server_starts_beside_one_on_a_gpu() -> None:
    deployments = Deployments(view("old", gpus=(0,)), plans={"new": Launch("new", Model("new"), "external")})
    assert change(deployments, "new")["code"] == 200
    assert deployments.log == ["+new", "-old"]


@pytest.mark.parametrize("gpus", [(), (0,)])
def test_keeping_the_first_never_stops_it(gpus: tuple[int, ...]) -> None:
    deployments = Deployments(view("old", gpus=gpus))
    assert change(deployments, "new", keep=True)["code"] == 200
    assert deployments.log == ["+new"]
    full = Deployments(view("old", gpus=gpus), room=1)
    assert change(full, "new", keep=True)["code"] == 500
    assert full.log == []


def test_a_model_that_must_be_downloaded_first_stops_nothing(tmp_path: Path) -> None:
    model = Model("new", path=str(tmp_path / "missing"), download=object())  # type: ignore[arg-type]
    deployments = Deployments(view("old", gpus=(0,)), plans={"new": Launch("new", model, "fake")})
    outcome = change(deployments, "new")
    assert outcome["code"] == 500 and "download them first" in outcome["msg"] and deployments.log == []
    (tmp_path / "missing").touch()
    assert change(deployments, "new")["code"] == 200 and deployments.log == ["-old", "+new"]


def test_a_failed_change_starts_the_old_model_again_with_its_own_trust() -> None:
    deployments = Deployments(view("old", gpus=(0,)), failing=("new",))
    outcome = change(deployments, "new")
    assert outcome["code"] == 500 and "new has bad weights." in outcome["msg"]
    assert deployments.log == ["-old", "+new", "-new", "+old"]
    assert deployments.trusts == [CALLER, OWNER]


def test_a_failed_change_says_so_where_the_old_model_does_not_come_back() -> None:
    deployments = Deployments(view("old", gpus=(0,)), failing=("new", "old"))
    message = change(deployments, "new")["msg"]
    assert "new has bad weights. And 'old' did not start again: old has bad weights." in message
    assert deployments.views() == []


def test_a_model_that_failed_before_is_launched_as_it_was() -> None:
    deployments = Deployments(view("old"), view("new", FAILED, trusted=False))
    assert change(deployments, "new")["code"] == 200
    assert deployments.log == ["+new", "-old"]
    assert [(each.full, each.caller) for each in deployments.trusts] == [(False, "Who launched 'new'")]


def test_a_model_that_is_starting_is_waited_for_and_not_launched_again() -> None:
    deployments = Deployments(view("old"), view("new", ReplicaState.STARTING))
    assert change(deployments, "new")["code"] == 200
    assert deployments.log == ["-old"]


def test_a_model_cannot_be_stopped_twice_at_once() -> None:
    class Busy(Deployments):
        async def remove(self, uid: str) -> None:
            raise Conflict(f"'{uid}' is stopping.")

    parts: Any = SimpleNamespace(deployments=Busy(view("old")), autostarts=Autostarts())
    outcome = asyncio.run(release(parts, None, CALLER, "old"))
    assert outcome == {"code": 500, "msg": "failed to release model: old。错误信息是： 'old' is stopping."}


def entry(uid: str, broken: bool = False) -> Any:
    def request() -> LaunchRequest:
        if broken:
            raise ValueError("no field 'x'")
        return LaunchRequest.model_validate({"model_name": "from-entry"})

    return SimpleNamespace(uid=uid, request=request, trust=OWNER)


def test_an_autostart_entry_says_how_a_model_is_launched() -> None:
    parts: Any = SimpleNamespace(deployments=Deployments(), autostarts=Autostarts(entry("a"), entry("b", broken=True)))
    stored = asyncio.run(proposal_of(parts, "a", CALLER))
    assert (stored.request.model_name, stored.trust) == ("from-entry", OWNER)
    by_name = asyncio.run(proposal_of(parts, "qwen", CALLER))
    assert (by_name.request.model_uid, by_name.trust) == ("qwen", CALLER)
    with pytest.raises(ModelyardError, match=r"The autostart entry of 'b' cannot be read: no field 'x'"):
        asyncio.run(proposal_of(parts, "b", CALLER))


@pytest.mark.parametrize(
    ("name", "uid"),
    [("qwen", "qwen"), ("/models/Yi-34B", "Yi-34B"), ("/m/通义.Q4.gguf", "通义.Q4"), ("./a.gguf", "a"), ("/", "/")],
)
def test_a_model_is_called_by_the_last_part_of_its_path(name: str, uid: str) -> None:
    assert uid_of(name) == uid


def test_a_model_that_is_not_there_is_named() -> None:
    missing = {"code": 500, "msg": "the model old is not available"}
    assert change(Deployments(), "new") == missing
    starting = Deployments(view("old", ReplicaState.STARTING))
    assert change(starting, "new") == missing and starting.log == [], "only a model that is ready can be replaced"


def test_a_model_in_any_state_can_be_stopped_but_not_kept() -> None:
    def stop(deployments: Deployments, keep: bool) -> dict[str, Any]:
        parts: Any = SimpleNamespace(deployments=deployments, autostarts=Autostarts())
        return asyncio.run(release(parts, None, CALLER, "old", None, keep))

    starting = Deployments(view("old", ReplicaState.STARTING))
    kept = stop(starting, True)
    assert kept["code"] == 500 and "keep_origin 需要 new_model_name" in kept["msg"] and starting.log == []
    assert stop(starting, False) == {"code": 200, "msg": "sucess to release model: old"} and starting.log == ["-old"]


def test_a_model_that_is_ready_already_is_not_started_again() -> None:
    deployments = Deployments(view("old"), view("new"))
    assert change(deployments, "/models/new") == {"code": 500, "msg": "要切换的LLM模型 /models/new 已经存在"}
    assert deployments.log == []
