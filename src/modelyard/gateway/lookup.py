"""Which route serves a model's name, and whether it can do what is asked. Pure; errors say what would work instead."""

from __future__ import annotations

from msgspec import UNSET

from modelyard.core.access import BASE, Grant
from modelyard.core.errors import ModelNotFound, ModelNotReady, UnsupportedParameter, UnsupportedTask, nearest
from modelyard.core.types import ReplicaState, Route, RouteTable, Task
from modelyard.gateway.model_call import Peeked
from modelyard.gateway.parameters import refusals
from modelyard.protocol.inference import Knowledge

LISTED = 20
"""Names that an error lists at most."""


def find(table: RouteTable, name: str, grant: Grant | None = None) -> Route:
    """The route of a public name. Raises `PermissionDenied`, or `ModelNotFound`, which names only what the key may see."""
    if grant is not None:
        grant.check_model(name)
    route = table.routes.get(name)
    if route is None:
        seen = [each for each in table.routes.values() if grant is None or grant.sees(each.name)]
        running = sorted(each.name for each in seen if each.state is ReplicaState.READY)
        raise ModelNotFound(name, running[:LISTED], nearest(name, [each.name for each in seen]))
    return route


def find_for(table: RouteTable, peeked: Peeked, grant: Grant | None) -> Route:
    """The route of a request: of its model, or of the knowledge bases that it is to be answered from. Raises as `find`."""
    knowledge = getattr(peeked.request, "knowledge", UNSET)
    if not isinstance(knowledge, Knowledge):
        return find(table, peeked.model, grant)
    routes = [find(table, BASE + base, grant) for base in knowledge.bases]
    find(table, peeked.model, grant)
    return routes[0]


def check(route: Route, task: Task, peeked: Peeked) -> None:
    """Raises `UnsupportedTask`, `UnsupportedParameter`, or `ModelNotReady` when no endpoint takes requests."""
    if task not in route.tasks and (route.tasks or route.endpoints):
        raise UnsupportedTask(route.name, task, sorted(route.tasks))
    for parameter, why in refusals(route, task, peeked):
        raise UnsupportedParameter(parameter, route.name, why)
    if not route.endpoints:
        raise ModelNotReady(route.name, route.state, route.reason)
