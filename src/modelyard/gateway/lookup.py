"""Finds the route of a model's name, and checks that it can serve a request. Pure; errors suggest alternatives."""

from __future__ import annotations

from msgspec import UNSET

from modelyard.core.access import BASE, Grant
from modelyard.core.errors import ModelNotFound, ModelNotReady, UnsupportedParameter, UnsupportedTask, nearest
from modelyard.core.types import ReplicaState, Route, RouteTable, Task
from modelyard.gateway.model_call import ModelCall
from modelyard.gateway.parameters import refusals
from modelyard.protocol.inference import Knowledge

LISTED = 20
"""Maximum number of names that an error lists."""


def find(table: RouteTable, name: str, grant: Grant | None = None) -> Route:
    """The route of a public name. Raises `PermissionDenied`, or `ModelNotFound`, which names only models that the key may see."""
    if grant is not None:
        grant.check_model(name)
    route = table.routes.get(name)
    if route is None:
        seen = [each for each in table.routes.values() if grant is None or grant.sees(each.name)]
        running = sorted(each.name for each in seen if each.state is ReplicaState.READY)
        raise ModelNotFound(name, running[:LISTED], nearest(name, [each.name for each in seen]))
    return route


def find_for(table: RouteTable, call: ModelCall, grant: Grant | None) -> Route:
    """The route of a request: that of its model, or of the first base in its field `knowledge`. Raises the errors of `find`."""
    knowledge = getattr(call.request, "knowledge", UNSET)
    if not isinstance(knowledge, Knowledge):
        return find(table, call.model, grant)
    routes = [find(table, BASE + base, grant) for base in knowledge.bases]
    find(table, call.model, grant)
    return routes[0]


def check(route: Route, task: Task, call: ModelCall) -> None:
    """Raise `UnsupportedTask`, `UnsupportedParameter`, or `ModelNotReady` if no endpoint accepts requests."""
    answers = bool(route.endpoints) or route.app is not None
    if task not in route.tasks and (route.tasks or answers):
        raise UnsupportedTask(route.name, task, sorted(route.tasks))
    for parameter, why in refusals(route, task, call):
        raise UnsupportedParameter(parameter, route.name, why)
    if not answers:
        raise ModelNotReady(route.name, route.state, route.reason)
