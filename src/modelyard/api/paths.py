"""What a request's path and method mean, decided ahead of keys and bodies.

The order of refusals is the same on every path: 404 for a path that is none, 405 for a method that it does not have, 401 and 403,
then what is wrong with the body, and last what the path names and does not exist. `HEAD` is answered wherever `GET` is.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from functools import cache
from typing import Any

from fastapi.routing import APIRoute
from starlette.routing import Route

from modelyard.api.routes import ROUTERS
from modelyard.core.errors import MethodNotAllowed, ModelyardError, PathNotFound
from modelyard.gateway.asgi import send_error, send_options
from modelyard.gateway.paths import PATHS

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DOCUMENTATION = ("/docs", "/redoc", "/openapi.json", "/static-offline-docs")
"""Paths, and what is below them, that everybody may read: they tell what the routes are, and nothing of this server."""

ROUTE = "route"
"""Key in `scope["state"]`: the route of a request."""
INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")
SENDFILE = "http.response.pathsend"


class Paths:
    """The management app behind a check of paths and methods. It notes the route of a request for those behind it."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        candidates = [] if is_documentation(path) else candidates_for(path)
        allowed = allowed_methods(path, candidates)
        if method == "OPTIONS" and allowed:
            await send_options(send, allowed, [])
        elif error := refusal(method, path, allowed):
            await send_error(send, error, [(b"allow", ", ".join(allowed).encode())] if allowed else [])
        else:
            as_method = "GET" if method == "HEAD" else method
            route = next((each for each in candidates if as_method in (each.methods or ())), None)
            scope = {**scope, "method": as_method, "state": {**scope.get("state", {}), ROUTE: route}}
            if method == "HEAD":
                scope["extensions"] = {**scope.get("extensions", {}), SENDFILE: {}}
                send = headless(send)
            await self._app(scope, receive, send)


def refusal(method: str, path: str, allowed: Sequence[str]) -> ModelyardError | None:
    """Why a request has no route, by the methods that its path has; None for one that has a route."""
    if not allowed:
        return PathNotFound(method, path, meant(path))
    if method in allowed:
        return None
    return MethodNotAllowed(method, path, [each for each in allowed if each not in ("HEAD", "OPTIONS")])


def is_documentation(path: str) -> bool:
    """Whether a path is one of the documentation, which the framework serves by itself."""
    return any(path == each or path.startswith(each + "/") for each in DOCUMENTATION)


def route_of(scope: Scope) -> Route | None:
    """The management route of a request; None if there is none, or not with this method."""
    state = scope.get("state", {})
    if ROUTE in state:
        found: Route | None = state[ROUTE]
        return found
    candidates = candidates_for(scope["path"])
    return next((each for each in candidates if scope["method"] in (each.methods or ())), None)


def candidates_for(path: str) -> list[Route]:
    """The routes of a path, whatever their methods, in the order in which they are tried.

    `/documents/delete` is no document: where a number stands in one route's pattern and a word in another's, the word decides.
    """
    matching: list[Route] = []
    fitting: list[Route] = []
    for prefix, route, numbers in _routes():
        if not path.startswith(prefix) or (found := route.path_regex.match(path)) is None:
            continue
        given = found.groupdict()
        if not all(given.values()):
            continue
        matching.append(route)
        if all(INTEGER.fullmatch(given[name]) for name in numbers):
            fitting.append(route)
    return fitting or matching


def allowed_methods(path: str, routes: Sequence[Route]) -> list[str]:
    """Every method that a path has, for `Allow`; none where it is no path. `routes` are those of the path."""
    if path == "*":
        return ["OPTIONS"]
    if is_documentation(path):
        return ["GET", "HEAD", "OPTIONS"]
    found = {method for route in routes for method in route.methods or ()}
    if not found:
        return []
    return sorted(found | ({"HEAD"} if "GET" in found else set()) | {"OPTIONS"})


def meant(path: str) -> str | None:
    """The path that was probably meant by one that is none: without a slash too many, with `/v1` once."""
    plain = "/" + "/".join(part for part in path.split("/") if part)
    for each in (plain, plain.replace("/v1/v1/", "/v1/", 1), f"/v1{plain}"):
        if each != path and (each in PATHS or candidates_for(each)):
            return each
    return None


def headless(send: Send) -> Send:
    """`send` for `HEAD`: a file that would be sent is not even opened. The server leaves out all other bodies."""

    async def without_files(message: Message) -> None:
        if message["type"] == SENDFILE:
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return without_files


@cache
def _routes() -> tuple[tuple[str, Route, frozenset[str]], ...]:
    """Every management route, in the order in which they are tried: what its paths begin with, and which of their parts are
    integers."""
    found = [route for router in ROUTERS for route in router.routes if isinstance(route, Route)]
    return tuple((route.path.partition("{")[0], route, _numbers(route)) for route in found)


def _numbers(route: Route) -> frozenset[str]:
    fields = route.dependant.path_params if isinstance(route, APIRoute) else ()
    return frozenset(field.alias for field in fields if field.field_info.annotation is int)
