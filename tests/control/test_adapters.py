"""Adapters of running models: which model one is for, what it replaces, and that a refusal leaves everything as it was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.control.adapters import Adapters
from modelyard.core.config import Settings
from modelyard.core.errors import (
    AdapterInvalid,
    AdapterNotFound,
    BadRequest,
    InvalidParameter,
    LaunchFailed,
    ModelExists,
    ModelNotFound,
    ModelNotReady,
)
from modelyard.core.trust import OWNER
from modelyard.core.types import ReplicaState
from modelyard.engines.base import Command
from modelyard.protocol.models import LaunchRequest
from tests.adapter_files import peft_adapter
from tests.control.plane import ELSEWHERE, Plane, play


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("adapters")
    for name in ("one", "two", "three"):
        peft_adapter(made / name)
    return made


class Loader:
    """Adapters of a control plane, by the names of their folders."""

    def __init__(self, made: Plane, settings: Settings, folder: Path) -> None:
        self.made = made
        self.folder = folder
        self.service = Adapters(made.database, made.deployments, made.reconciler, settings.folder)

    async def load(
        self, name: str, folder: str, model: str | None = None, scale: float = 1.0, replace_it: bool = False
    ) -> str:
        path = str(self.folder / folder)
        return await self.service.load(name, path, model=model, scale=scale, replace_it=replace_it)

    def loaded(self) -> list[tuple[str, str, str]]:
        """Model, name and folder of each adapter."""
        return [
            (view.desired.uid, each.adapter.name, Path(each.adapter.path).name) for view, each in self.service.all()
        ]

    async def loads(self) -> int:
        """How often a replica has loaded an adapter."""
        await self.made.reconciler.look()
        return sum("is loaded on" in event.content for event in await self.made.deployments.events("m"))


def test_an_adapter_is_loaded_on_each_replica_and_stays_after_a_restart(
    settings: Settings, sqlite_url: str, folder: Path
) -> None:
    async def before(made: Plane) -> None:
        at = Loader(made, settings, folder)
        await made.launch(replica=2)
        assert await at.load("a", "one", scale=0.5) == "m"
        assert await at.load("b", "two", "m") == "m"
        assert at.loaded() == [("m", "a", "one"), ("m", "b", "two")]
        found = at.service.find("a")
        assert found is not None and at.service.find("c") is None
        view, each = found
        assert (view.desired.uid, each.state, len(each.replicas), each.adapter.scale) == (
            "m",
            ReplicaState.READY,
            2,
            0.5,
        )
        assert len(made.table.routes["a"].endpoints) == 2 and await at.loads() == 4
        with pytest.raises(InvalidParameter, match="'a' is loaded already; load_inplace") as refused:
            await at.load("a", "three")
        assert refused.value.param == "lora_name"
        await at.load("a", "three", replace_it=True)
        assert at.loaded() == [("m", "a", "three"), ("m", "b", "two")], "in the place of the former"
        count = await at.loads()
        await at.load("a", "three", replace_it=True)
        assert await at.loads() == count + 2, "the same files are read anew, because they may have changed"
        assert at.loaded() == [("m", "b", "two"), ("m", "a", "three")]
        with pytest.raises(AdapterNotFound, match=r"b.*a"):
            await at.service.unload("c")
        await at.service.unload("b")
        assert at.loaded() == [("m", "a", "three")] and "b" not in made.table.routes

    async def after(made: Plane) -> None:
        assert Loader(made, settings, folder).loaded() == [("m", "a", "three")]
        await made.deployments.remove("m")

    play(settings, sqlite_url, before, after)


def test_an_adapter_is_for_the_one_model_that_it_suits(settings: Settings, sqlite_url: str, folder: Path) -> None:
    async def scenario(made: Plane) -> None:
        at = Loader(made, settings, folder)
        await made.launch("m")
        await made.connect("elsewhere")
        await made.launch("vectors", model_type="embedding")
        assert await at.load("a", "one") == "m", "no other can take one"
        await made.launch("n")
        with pytest.raises(InvalidParameter, match="'b' would suit m, n") as refused:
            await at.load("b", "two")
        assert refused.value.param == "model"
        assert await at.load("b", "two", "n") == "n"
        assert at.loaded() == [("m", "a", "one"), ("n", "b", "two")]
        for name, words in (("a", "an adapter of 'm'"), ("m", "ready"), ("elsewhere", "ready"), ("n", "ready")):
            with pytest.raises(ModelExists, match=words) as taken:
                await at.load(name, "three", "n")
            assert taken.value.param in ("lora_name", "lora_modules")
        with pytest.raises(ModelExists, match="an adapter of 'm'"):
            await made.launch("a")
        with pytest.raises(AdapterInvalid, match="adapters are for language models"):
            await at.load("c", "three", "vectors")
        with pytest.raises(ModelNotFound, match="Running: m, elsewhere, vectors, n"):
            await at.load("c", "three", "nobody")
        with pytest.raises(InvalidParameter):
            await at.load(" c", "three", "n")
        with pytest.raises(AdapterNotFound):
            await at.load("c", "nowhere", "n")
        await made.deployments.remove("n")
        assert at.loaded() == [("m", "a", "one")], "an adapter goes with its model"

    play(settings, sqlite_url, scenario)


def test_where_no_model_can_take_an_adapter_each_says_why(settings: Settings, sqlite_url: str, folder: Path) -> None:
    async def scenario(made: Plane) -> None:
        at = Loader(made, settings, folder)
        with pytest.raises(ModelNotFound, match="No language model is running"):
            await at.load("a", "one")
        await made.connect("m")
        with pytest.raises(InvalidParameter, match="external engine does not load adapters"):
            await at.load("a", "one")
        made.reconciler.held = frozenset({"later"})
        later = LaunchRequest.model_validate({"model_name": "later", **ELSEWHERE})
        await made.deployments.create(later, OWNER)
        with pytest.raises(BadRequest, match=r"can take adapter 'a': m: .*external engine.*; later: .*pending"):
            await at.load("a", "one")
        with pytest.raises(ModelNotReady, match="it is about to start"):
            await at.load("a", "one", "later")
        assert at.loaded() == []

    play(settings, sqlite_url, scenario)


def test_a_model_that_was_launched_with_its_adapters_takes_no_others(
    settings: Settings, sqlite_url: str, folder: Path
) -> None:
    async def scenario(made: Plane) -> None:
        at = Loader(made, settings, folder)
        await made.launch()
        [running] = made.reconciler._running.values()
        assert isinstance(running.plan, Command)
        cold = replace(running, plan=replace(running.plan, hot_adapters=False))  # as of llama.cpp
        made.reconciler._running[running.replica.name] = cold
        with pytest.raises(InvalidParameter, match="takes no adapters while it runs; terminate it and launch it again"):
            await at.load("a", "one")

    play(settings, sqlite_url, scenario)


def test_an_adapter_that_the_engine_refuses_leaves_the_launch_as_it_was(
    settings: Settings, sqlite_url: str, folder: Path
) -> None:
    async def scenario(made: Plane) -> None:
        at = Loader(made, settings, folder)
        with pytest.raises(LaunchFailed, match="the model runs without adapter 'a': no room"):
            await made.launch(adapter_error="no room", lora_modules=[f"a={folder / 'one'}"])
        assert made.deployments.view("m").state is ReplicaState.READY
        with pytest.raises(AdapterInvalid, match="no room"):
            await at.load("b", "two")
        assert at.loaded() == [("m", "a", "one")], "a new one is not kept"
        with pytest.raises(AdapterInvalid, match="no room"):
            await at.load("a", "two", replace_it=True)
        assert at.loaded() == [("m", "a", "one")], "the former stays"
        await made.until(lambda view: all(each.settled for each in view.adapters))
        assert made.table.routes["a"].state is ReplicaState.FAILED

    play(settings, sqlite_url, scenario)
