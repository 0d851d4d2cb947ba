"""Routes of other systems whose answer never changes here, as data.

Clients of those systems request these paths, which have no function here: this server is one process without parts that can be
replaced one by one; it keeps no list of workers that could be outdated; and no engine makes pictures or videos step by step.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import NoneType
from typing import Any, Literal

from fastapi import Request

from modelyard.core.access import ADMIN
from modelyard.core.errors import BadRequest, Conflict, ModelyardError, NotFound
from modelyard.protocol.workers import Relaunch
from modelyard.web.router import ANYBODY, Router


@dataclass(frozen=True, slots=True)
class Constant:
    """An answer, and its type in Python's notation."""

    value: Any
    type: Any


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error that is returned as the answer. `{name}` in its message is replaced by that part of the path."""

    kind: type[ModelyardError]
    message: str


@dataclass(frozen=True, slots=True)
class ConstantRoute:
    """One route with a constant answer."""

    method: Literal["GET", "POST"]
    path: str
    scope: str
    tag: str
    answer: Constant | Refusal
    about: str
    """The purpose of the route, and why its answer is constant."""


ONE_PROCESS = Refusal(
    Conflict,
    "This server is one process and cannot replace a part of itself; restart it, and all models are started again.",
)
NO_RELAUNCH = Refusal(NotFound, "There was no relaunch '{operation}'.")
NO_PROGRESS = Refusal(BadRequest, "No request '{request_id}' reports its progress.")
NO_RELAUNCHES = Constant([], list[Relaunch])
NOTHING = Constant(None, NoneType)
SUCCESS = Constant("success", str)

RELAUNCH = "Replace a part of the server while the others keep running: it has no parts that can be replaced."
LIST = "The relaunches so far: there are none."
ONE = "One relaunch: there are none."
PROGRESS = "The progress of an image or video that is being made; nothing that runs here reports any."
CONNECTION = "Whether the controller is reachable."
REFRESH = "Search for workers again: has no effect, because answers about workers are always current."

CONSTANT_ROUTES = (
    ConstantRoute("POST", "/v1/workers/{worker}/relaunch", ADMIN, "cluster", ONE_PROCESS, RELAUNCH),
    ConstantRoute("POST", "/v1/supervisor/relaunch", ADMIN, "cluster", ONE_PROCESS, RELAUNCH),
    ConstantRoute("POST", "/v1/api/relaunch", ADMIN, "cluster", ONE_PROCESS, RELAUNCH),
    ConstantRoute("GET", "/v1/supervisor-relaunches", ADMIN, "cluster", NO_RELAUNCHES, LIST),
    ConstantRoute("GET", "/v1/api-relaunches", ADMIN, "cluster", NO_RELAUNCHES, LIST),
    ConstantRoute("GET", "/v1/worker-relaunches", ADMIN, "cluster", NO_RELAUNCHES, LIST),
    ConstantRoute("GET", "/v1/supervisor-relaunches/{operation}", ADMIN, "cluster", NO_RELAUNCH, ONE),
    ConstantRoute("GET", "/v1/api-relaunches/{operation}", ADMIN, "cluster", NO_RELAUNCH, ONE),
    ConstantRoute("GET", "/v1/worker-relaunches/{operation}", ADMIN, "cluster", NO_RELAUNCH, ONE),
    ConstantRoute("GET", "/v1/requests/{request_id}/progress", "models:read", "models", NO_PROGRESS, PROGRESS),
    ConstantRoute("GET", "/test_connection", ANYBODY, "fastchat", SUCCESS, CONNECTION),
    ConstantRoute("POST", "/refresh_all_workers", "models:list", "fastchat", NOTHING, REFRESH),
)

router = Router(tags=[])


def _declare(route: ConstantRoute) -> None:
    handler = _handler(route.answer)
    words = [part for part in route.path.split("/") if part and not part.startswith("{")]
    handler.__name__, handler.__doc__ = words[-1].replace("-", "_"), route.about
    declare = router.get if route.method == "GET" else router.post
    declare(
        route.path,
        scope=route.scope,
        tags=[route.tag],
        response_model=route.answer.type if isinstance(route.answer, Constant) else NoneType,
        refuses=isinstance(route.answer, Refusal),
        openapi_extra={"parameters": _parameters(route.path)},
    )(handler)


def _handler(answer: Constant | Refusal) -> Callable[[Request], Coroutine[Any, Any, Any]]:
    async def handle(request: Request) -> Any:
        if isinstance(answer, Refusal):
            raise answer.kind(answer.message.format(**request.path_params))
        return answer.value

    return handle


def _parameters(path: str) -> list[dict[str, Any]]:
    """Describe the variables in a path, which FastAPI would otherwise take from the handler's arguments."""
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string", "title": name.replace("_", " ").title()},
        }
        for name in re.findall(r"\{(\w+)\}", path)
    ]


for _route in CONSTANT_ROUTES:
    _declare(_route)
