"""Routes of models and adapters: who answers under a name, and what is said where nobody does."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from modelyard.control.adapter_sync import AdapterSync, Carrier
from modelyard.control.diff import Desired, Replica
from modelyard.control.placement import Placement
from modelyard.control.routing import adapter_view, routes
from modelyard.control.views import AdapterView, ModelView, RunningReplica
from modelyard.core.rules import NO_RULES, Refuse, Rules
from modelyard.core.types import (
    Adapter,
    Address,
    Endpoint,
    Footprint,
    Launch,
    Model,
    ReplicaState,
    RequestDefaults,
    Task,
)
from modelyard.engines.base import Command, Remote

READY, STARTING, FAILED, DRAINING = (
    ReplicaState.READY, ReplicaState.STARTING, ReplicaState.FAILED, ReplicaState.DRAINING,
)  # fmt: skip
RULES = Rules({Task.CHAT: {"n": Refuse("no")}})
TASKS = frozenset({Task.CHAT})
HEADERS = ((b"x-token", b"1"),)
NOTHING = Footprint(0, 0, 0)
ONE, TWO = Adapter("one", "/1"), Adapter("two", "/2")


def running(ordinal: int, state: ReplicaState = READY, tasks: frozenset[Task] = TASKS) -> RunningReplica:
    replica = Replica(f"m-rep{ordinal}", "m", ordinal, 1, state, 0.0)
    plan = Command(("x",), Address(port=ordinal), tasks, headers=HEADERS, rules=RULES, hot_adapters=True)
    return RunningReplica(replica, plan, Placement(("cpu",), 0), NOTHING, 0.0)


def view(uid: str = "m", *replicas: RunningReplica, terminating: bool = False, **more: Any) -> ModelView:
    launch = Launch(uid, Model(uid, thinking_key="enable_thinking"), "fake", request_limit=3)
    desired = Desired(uid, launch, (0,), 1, terminating, False, 0.0)
    fields: dict[str, Any] = {"state": READY if replicas else ReplicaState.PENDING, "reason": "so", **more}
    return ModelView(desired, replicas=replicas, slots={}, **fields)


def names(endpoints: Iterable[Endpoint]) -> list[str]:
    return [endpoint.replica for endpoint in endpoints]


def test_a_route_has_the_ready_replicas_of_its_model() -> None:
    plain = running(0, STARTING, frozenset())
    found = routes([view("m", plain, running(1), running(2), running(3, DRAINING)), view("empty")])
    assert list(found) == ["m", "empty"]
    route = found["m"]
    assert route.endpoints[0] == Endpoint("m-rep1", Address(port=1), HEADERS) and names(route.endpoints)[1:] == [
        "m-rep2"
    ]
    assert (route.tasks, route.rules) == (TASKS, RULES), "those of a replica that is ready"
    assert (route.state, route.reason, route.request_limit) == (READY, "so", 3)
    assert (route.upstream_name, route.thinking_key, route.uid) == (None, "enable_thinking", "m")
    empty = found["empty"]
    assert (empty.endpoints, empty.tasks, empty.rules) == ((), frozenset(), NO_RULES)


def test_a_model_that_is_not_ready_yet_says_what_it_will_answer() -> None:
    route = routes([view("m", running(0, STARTING), state=STARTING)])["m"]
    assert (route.endpoints, route.tasks, route.rules, route.state) == ((), TASKS, RULES, STARTING)


def test_a_server_elsewhere_has_its_own_name_for_the_model() -> None:
    replica = Replica("m-rep0", "m", 0, 1, READY, 0.0)
    plan = Remote(Address(host="x.test", port=443, tls=True), TASKS, upstream_name="gpt")
    there = RunningReplica(replica, plan, Placement((), 0), NOTHING, 0.0)
    route = routes([view("m", there)])["m"]
    assert route.upstream_name == "gpt" and route.endpoints[0].address.host == "x.test"


def test_an_adapter_is_a_route_to_the_replicas_that_have_it() -> None:
    two = (running(0), running(1))
    adapters = (AdapterView(ONE, READY, "", two[1:]), AdapterView(TWO, FAILED, "no room"))
    found = routes([view("m", *two, adapters=adapters)])
    assert list(found) == ["one", "two", "m"] and found["one"].uid == "m"
    assert names(found["one"].endpoints) == ["m-rep1"] and names(found["m"].endpoints) == ["m-rep0", "m-rep1"]
    assert (found["one"].tasks, found["one"].rules, found["one"].request_limit) == (TASKS, RULES, 3)
    assert (found["two"].state, found["two"].reason, found["two"].endpoints) == (FAILED, "no room", ())


def test_a_name_of_model_and_adapter_means_the_model_and_removed_models_have_no_routes() -> None:
    twin = (AdapterView(Adapter("n", "/n"), READY, "", (running(0),)),)
    found = routes([view("m", running(0), adapters=twin), view("n"), view("gone", running(2), terminating=True)])
    assert set(found) == {"m", "n"} and found["n"].uid == "n"


@pytest.mark.parametrize(
    ("planned", "trained", "context"), [(None, 0, None), (None, 512, 512), (256, 512, 256), (256, 0, 256)]
)
def test_the_context_is_that_of_the_launch_or_else_of_the_model(
    planned: int | None, trained: int, context: int | None
) -> None:
    there = running(0)
    assert isinstance(there.plan, Command)
    made = view("m", replace(there, plan=replace(there.plan, context_length=planned)))
    launch = replace(made.desired.launch, model=Model("m", context_length=trained))
    found = replace(made, desired=replace(made.desired, launch=launch))
    assert routes([found])["m"].context_length == context
    nowhere = replace(found, replicas=())
    assert routes([nowhere])["m"].context_length == (trained or None), "also before there is a replica"


def test_an_alias_is_a_route_of_its_model_and_defaults_are_the_models() -> None:
    defaults = RequestDefaults({"temperature": 0.5}, "Be brief.")
    made = view("m", running(0), adapters=(AdapterView(ONE, READY, "", ()),))
    launch = replace(made.desired.launch, aliases=("a", "n"), model=Model("m", defaults=defaults))
    found = routes([replace(made, desired=replace(made.desired, launch=launch)), view("n")])
    assert set(found) == {"a", "n", "one", "m"} and found["a"] is found["m"] and found["n"].uid == "n"
    assert found["m"].defaults == found["one"].defaults == defaults and found["n"].defaults is None


# The state of an adapter


def sync(loaded: dict[int, list[Adapter]], failed: dict[int, list[Adapter]] | None = None) -> AdapterSync:
    """What is known of each replica's adapters, by its ordinal."""
    made = AdapterSync(lambda: None, lambda uid, kind, what: None, 5)
    for ordinal in {*loaded, *(failed or {})}:
        made.started(f"m-rep{ordinal}", loaded.get(ordinal, ()), (failed or {}).get(ordinal, ()))
    return made


def test_an_adapter_is_ready_as_soon_as_one_replica_has_it() -> None:
    two = [running(0), running(1), running(2, STARTING)]
    some = adapter_view(ONE, READY, two, sync({1: [ONE], 2: [ONE]}))
    assert (some.state, some.reason, some.replicas, some.settled) == (READY, "", (two[1],), False)
    assert adapter_view(ONE, READY, two, sync({0: [ONE], 1: [ONE]})).settled
    mixed = adapter_view(ONE, READY, two, sync({0: [ONE]}, {1: [ONE]}))
    assert (mixed.state, mixed.settled, mixed.replicas) == (READY, True, (two[0],))


def test_an_adapter_has_failed_when_every_ready_replica_refused_it() -> None:
    two = [running(0), running(1)]
    one_left = adapter_view(ONE, READY, two, sync({}, {0: [ONE]}))
    assert (one_left.state, one_left.reason, one_left.settled) == (STARTING, "the adapter is being loaded", False)
    failed = adapter_view(ONE, READY, two, sync({}, {0: [ONE], 1: [ONE]}))
    assert (failed.state, failed.reason, failed.settled) == (FAILED, "there is nothing at /1 any more", True)
    assert failed.replicas == ()
    other = adapter_view(Adapter("one", "/other"), READY, two, sync({0: [ONE]}, {1: [ONE]}))
    assert (other.state, other.replicas, other.settled) == (STARTING, (), False), "another adapter of the name"


def test_an_adapter_waits_for_its_model() -> None:
    loading = adapter_view(ONE, FAILED, [running(0, STARTING)], sync({0: [ONE]}))
    assert (loading.state, loading.reason, loading.settled) == (FAILED, "its base model is not ready", True)


def test_a_replica_that_is_forgotten_has_no_adapters() -> None:
    made = sync({0: [ONE]}, {1: [TWO]})
    assert made.has("m-rep0", ONE) and made.carries("m-rep0", ONE) and not made.carries("m-rep0", TWO)
    assert not made.has("m-rep1", TWO) and not made.carries("m-rep1", TWO) and not made.has("nobody", ONE)
    assert made.problem("m-rep1", TWO) and not made.problem("m-rep1", ONE) and not made.problem("nobody", ONE)
    assert not made.problem("m-rep1", Adapter("two", "/other"))
    made.forget("m-rep0")
    made.forget("m-rep0")
    assert not made.has("m-rep0", ONE)


def test_a_replica_changes_one_adapter_at_a_time_and_only_where_it_can() -> None:
    """Nobody listens at the address, so that each change ends with a problem, which is kept for this replica alone."""

    async def go() -> None:
        changed, told = asyncio.Event(), list[tuple[str, str, str]]()
        made = AdapterSync(changed.set, lambda uid, kind, what: told.append((uid, kind, what)), 5)
        cold = Carrier("cold", "m", Address(uds="/nowhere"), (), hot=False)
        hot = Carrier("hot", "m", Address(uds="/nowhere"), (), hot=True)
        for problems in (1, 2):
            made.step([cold, hot], {"m": [ONE, TWO]})
            made.step([cold, hot], {"m": [ONE, TWO]})
            assert made.carries("hot", ONE) and not made.carries("cold", ONE)
            await asyncio.wait_for(changed.wait(), 10)
            changed.clear()
            assert len(told) == problems
        made.step([cold, hot], {"m": [ONE, TWO]})
        assert not made.carries("hot", ONE), "what was refused is not tried again"
        assert [(uid, kind) for uid, kind, _ in told] == [("m", "ERROR")] * 2
        assert "Adapter 'one' could not be loaded: the replica did not answer" in told[0][2]
        assert made.problem("hot", ONE).startswith("the replica did not answer") and not made.problem("cold", ONE)
        made.started("hot", [ONE], ())
        made.step([hot], {})
        assert not made.has("hot", ONE), "the route goes before the adapter does"
        await asyncio.wait_for(changed.wait(), 10)
        assert len(told) == 2 and not made.carries("hot", ONE)

    asyncio.run(go())


@pytest.mark.parametrize("wanted", [[ONE], []])
def test_a_replica_that_ends_ends_its_changes(wanted: list[Adapter]) -> None:
    async def go() -> None:
        begun, over, closed = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read(1)
            begun.set()
            await over.wait()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()
            closed.set()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        made = AdapterSync(lambda: None, lambda uid, kind, what: None, 30)
        made.started("r", [] if wanted else [ONE], ())
        port = server.sockets[0].getsockname()[1]
        made.step([Carrier("r", "m", Address(port=port), (), hot=True)], {"m": wanted})
        await asyncio.wait_for(begun.wait(), 10)
        assert made.carries("r", ONE)
        tasks = [task for task in asyncio.all_tasks() if task.get_name() == "adapters r"]
        made.forget("r")
        await asyncio.wait(tasks, timeout=10)
        assert [task.cancelled() for task in tasks] == [True] and not made.carries("r", ONE)
        over.set()
        await asyncio.wait_for(closed.wait(), 10)
        server.close()
        await server.wait_closed()

    asyncio.run(go())
