"""Finds the route of a model's name, and checks that it can serve a request. Pure; errors suggest alternatives."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from modelyard.core.access import BASE, Grant
from modelyard.core.aliases import Aliases
from modelyard.core.errors import ModelNotFound, ModelNotReady, UnsupportedParameter, UnsupportedTask
from modelyard.core.types import ReplicaState, Route, RouteTable, Task
from modelyard.gateway.model_call import ModelCall
from modelyard.gateway.old_functions import is_old
from modelyard.gateway.parameters import refusals
from modelyard.protocol.inference import Knowledge

LaunchCommand = Callable[[str], str | None]
"""Returns the command that launches a model which is known by its name; None for other names."""


def no_command(name: str) -> str | None:
    """A `LaunchCommand` that knows no model."""
    return None


def find(
    table: RouteTable,
    aliases: Aliases,
    name: str,
    grant: Grant | None = None,
    launch_command: LaunchCommand = no_command,
) -> Route:
    """The route of a public name or an alias. Raises `PermissionDenied`, or `ModelNotFound`, which names only models that
    the key may see, or the command that launches the model."""
    if grant is not None:
        grant.check_model(name)
    route = table.routes.get(name) or table.routes.get(model := aliases.model_of(name))
    if route is not None:
        return route
    if (command := launch_command(model)) is not None:
        raise ModelNotFound.launchable(name, command)
    visible = [
        other for other, each in table.routes.items() if grant is None or grant.sees(other) or grant.sees(each.name)
    ]
    running = sorted(other for other in visible if table.routes[other].state is ReplicaState.READY)
    if model != name:
        raise ModelNotFound.behind(name, model, running)
    raise ModelNotFound(name, running, visible)


def find_for(
    table: RouteTable,
    aliases: Aliases,
    call: ModelCall,
    grant: Grant | None,
    launch_command: LaunchCommand = no_command,
) -> Route:
    """The route of a request: that of its model, or of the first base in its field `knowledge`. Raises the errors of `find`."""
    knowledge = getattr(call.request, "knowledge", UNSET)
    if not isinstance(knowledge, Knowledge):
        return find(table, aliases, call.model, grant, launch_command)
    routes = [find(table, aliases, BASE + base, grant) for base in knowledge.bases]
    find(table, aliases, call.model, grant, launch_command)
    return routes[0]


def under_own_name(route: Route, aliases: Aliases, call: ModelCall) -> ModelCall:
    """The request with the model's own name in place of an alias, because the replica does not know the alias."""
    if route.name == call.model or route.name != aliases.model_of(call.model):
        return call
    return call.renamed(route.name)


def check(route: Route, task: Task, call: ModelCall) -> None:
    """Raise `UnsupportedTask`, `UnsupportedParameter`, or `ModelNotReady` if no endpoint accepts requests."""
    answers = bool(route.endpoints) or route.app is not None
    if task not in route.tasks and (route.tasks or answers):
        raise UnsupportedTask(route.name, task, sorted(route.tasks))
    for parameter, why in refusals(route, task, call):
        raise UnsupportedParameter("functions" if is_old(call) and parameter == "tools" else parameter, route.name, why)
    if not answers:
        raise ModelNotReady(route.name, route.state, route.reason)
