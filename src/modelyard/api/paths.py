"""Finds the route of a request by its path and method, before keys and bodies are checked.

The order of refusals is the same on every path: 404 for an unknown path, 405 for an unsupported method, 401 and 403,
then errors of the body, and last objects in the path that do not exist. `HEAD` is supported wherever `GET` is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from starlette.routing import BaseRoute, NoMatchFound
from starlette.routing import Match as Fit

from modelyard.api.routes import ROUTES
from modelyard.core.asgi import App, Message, Receive, Scope, Send
from modelyard.core.errors import MethodNotAllowed, PathNotFound
from modelyard.gateway.asgi import send_error, send_options
from modelyard.gateway.mounts import UnknownPaths
from modelyard.gateway.paths import PATHS
from modelyard.web.router import ManagementRoute

DOCUMENTATION = ("/docs", "/redoc", "/openapi.json", "/static-offline-docs")
"""Path prefixes that everybody may read: they describe the routes and contain no data of this server."""

MATCH = "match"
"""Key in `scope["state"]` of the request's `Match`, which is None for documentation."""
REQUEST_ID = "request_id"
"""Key in `scope["state"]` of a management request's id."""
INTEGER = re.compile(r"[+-]?[0-9]+(\.0*)?")
SENDFILE = "http.response.pathsend"


@dataclass(frozen=True, slots=True)
class Match:
    """A route that matches the path of a request, and the values of the path's variables."""

    route: ManagementRoute
    params: Mapping[str, str]


class PathCheck:
    """Middleware that checks paths and methods, and sets the `Match` of a request for the layers after it."""

    def __init__(self, app: App, unknown: Callable[[str], UnknownPaths]) -> None:
        self._app = app
        self._unknown = unknown

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path, method = scope["path"], scope["method"]
        candidates = [] if is_documentation(path) else candidates_for(path)
        allowed = allowed_methods(path, candidates)
        if method == "OPTIONS" and allowed:
            await send_options(send, allowed, [])
        elif not allowed:
            await self._answer_unknown(scope, send)
        elif method not in allowed:
            supported = [each for each in allowed if each not in ("HEAD", "OPTIONS")]
            error = MethodNotAllowed(method, path, supported)
            await send_error(send, error, [(b"allow", ", ".join(allowed).encode())])
        else:
            as_method = "GET" if method == "HEAD" else method
            match = next((each for each in candidates if as_method == each.route.method), None)
            scope = {**scope, "method": as_method, "state": {**scope.get("state", {}), MATCH: match}}
            if method == "HEAD":
                scope["extensions"] = {**scope.get("extensions", {}), SENDFILE: {}}
                send = headless(send)
            await self._app(scope, receive, send)

    async def _answer_unknown(self, scope: Scope, send: Send) -> None:
        """Answer with the 404 of the interface that the path belongs to."""
        path, identity = scope["path"], scope["state"][REQUEST_ID]
        unknown = self._unknown(path)
        error = PathNotFound(scope["method"], path, meant(path), unknown.hint(path))
        head = unknown.style.head(identity, ())
        await send_error(send, error, head, form=unknown.style.errors, identity=identity.decode())


class MatchedRoute(BaseRoute):
    """The only route in the framework's table besides the documentation: it calls the route that `PathCheck` matched."""

    def matches(self, scope: Scope) -> tuple[Fit, Scope]:
        """A full match for every request that `PathCheck` matched."""
        match = match_of(scope)
        if match is None:
            return Fit.NONE, {}
        route = match.route
        return Fit.FULL, {"endpoint": route.endpoint, "path_params": dict(match.params), "route": route}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the route."""
        await scope["route"].handle(scope, receive, send)

    def url_path_for(self, name: str, /, **path_params: Any) -> Any:
        """Raises `NoMatchFound`: it has no path of its own."""
        raise NoMatchFound(name, path_params)


def is_documentation(path: str) -> bool:
    """Whether a path belongs to the documentation, which the framework serves."""
    return any(path == each or path.startswith(each + "/") for each in DOCUMENTATION)


def match_of(scope: Scope) -> Match | None:
    """The route of a request that `PathCheck` found; None for documentation."""
    found: Match | None = scope["state"][MATCH]
    return found


def candidates_for(path: str) -> list[Match]:
    """The routes of a path, for all methods, in the order in which they are tried.

    A literal part of a pattern takes precedence over a number: `/documents/delete` is not a document.
    """
    matching: list[Match] = []
    fitting: list[Match] = []
    for route in _routes_by_noun().get(_noun(path), ()):
        found = route.path_regex.match(path)
        if found is None or not all((params := found.groupdict()).values()):
            continue
        match = Match(route, params)
        matching.append(match)
        if all(INTEGER.fullmatch(params[name]) for name in route.integers):
            fitting.append(match)
    return fitting or matching


def allowed_methods(path: str, candidates: Sequence[Match]) -> list[str]:
    """Every method of a path, for the header `Allow`; empty for an unknown path. `candidates` are the routes of the path."""
    if path == "*":
        return ["OPTIONS"]
    if is_documentation(path):
        return ["GET", "HEAD", "OPTIONS"]
    found = {each.route.method for each in candidates}
    if not found:
        return []
    return sorted(found | ({"HEAD"} if "GET" in found else set()) | {"OPTIONS"})


def meant(path: str) -> str | None:
    """The path that the client probably meant: without duplicate slashes, and with a single `/v1`."""
    plain = "/" + "/".join(part for part in path.split("/") if part)
    for each in (plain, plain.replace("/v1/v1/", "/v1/", 1), f"/v1{plain}"):
        if each != path and (each in PATHS or candidates_for(each)):
            return each
    return None


def headless(send: Send) -> Send:
    """A `send` for `HEAD` that does not open the file of a file response. The server omits all other bodies."""

    async def without_files(message: Message) -> None:
        if message["type"] == SENDFILE:
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await send(message)

    return without_files


@cache
def _routes_by_noun() -> Mapping[str, Sequence[ManagementRoute]]:
    """First part of a path → its routes, in the order in which they are tried."""
    table: dict[str, list[ManagementRoute]] = {}
    for route in ROUTES:
        table.setdefault(_noun(route.path), []).append(route)
    return table


def _noun(path: str) -> str:
    """The first part of a path, or the second one after `v1`. No route has a variable there."""
    first, _, rest = path[1:].partition("/")
    return rest.partition("/")[0] if first == "v1" else first
