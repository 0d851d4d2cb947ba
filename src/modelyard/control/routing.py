"""Builds the route table of gateways from the views of models: one route for each model and each adapter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from modelyard.control.adapter_sync import AdapterSync, Carrier
from modelyard.control.views import AdapterView, ModelView, RunningReplica
from modelyard.core.rules import NO_RULES
from modelyard.core.types import Adapter, Endpoint, ReplicaState, Route
from modelyard.engines.base import Command, Remote


def adapter_view(
    adapter: Adapter, state: ReplicaState, replicas: Iterable[RunningReplica], sync: AdapterSync
) -> AdapterView:
    """The view of an adapter, given the state of its model."""
    ready = [running for running in replicas if running.replica.state is ReplicaState.READY]
    having = tuple(running for running in ready if sync.has(running.replica.name, adapter))
    problems = [problem for running in ready if (problem := sync.problem(running.replica.name, adapter))]
    settled = len(having) + len(problems) == len(ready)
    if having:
        return AdapterView(adapter, ReplicaState.READY, "", having, settled)
    if ready and settled:
        return AdapterView(adapter, ReplicaState.FAILED, problems[0], (), settled)
    reason = "the adapter is being loaded" if ready else "its base model is not ready"
    return AdapterView(adapter, ReplicaState.STARTING if ready else state, reason, (), settled)


def carriers(replicas: Iterable[RunningReplica]) -> list[Carrier]:
    """The ready replicas that are processes of this server, in the form in which adapters are loaded onto them."""
    return [
        Carrier(each.replica.name, each.replica.uid, each.plan.address, each.plan.headers, each.plan.hot_adapters)
        for each in replicas
        if each.replica.state is ReplicaState.READY and isinstance(each.plan, Command)
    ]


def routes(views: Iterable[ModelView]) -> dict[str, Route]:
    """Routes of all public names; the route of an alias is its model's. A name that a model and an adapter share refers to
    the model."""
    alive = [view for view in views if not view.desired.terminating]
    own = {view.desired.uid: _of_model(view) for view in alive}
    by_alias = {alias: own[view.desired.uid] for view in alive for alias in view.desired.launch.aliases}
    return by_alias | {route.name: route for view in alive for route in _of_adapters(view)} | own


def _of_model(view: ModelView) -> Route:
    launch = view.desired.launch
    ready = [running for running in view.replicas if running.replica.state is ReplicaState.READY]
    plan = (ready or view.replicas)[0].plan if view.replicas else None
    return Route(
        name=launch.uid,
        uid=launch.uid,
        state=view.state,
        reason=view.reason,
        endpoints=_endpoints(ready),
        tasks=plan.tasks if plan else frozenset(),
        rules=plan.rules if plan else NO_RULES,
        upstream_name=plan.upstream_name if isinstance(plan, Remote) else None,
        thinking_key=launch.model.thinking_key,
        context_length=(plan.context_length if plan else None) or launch.model.context_length or None,
        request_limit=launch.request_limit,
        defaults=launch.model.defaults,
    )


def _of_adapters(view: ModelView) -> Iterator[Route]:
    base = _of_model(view)
    for each in view.adapters:
        yield replace(
            base,
            name=each.adapter.name,
            state=each.state,
            reason=each.reason,
            endpoints=_endpoints(each.replicas),
        )


def _endpoints(replicas: Sequence[RunningReplica]) -> tuple[Endpoint, ...]:
    return tuple(running.endpoint for running in replicas)
