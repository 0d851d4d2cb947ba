"""Who may use the management routes: decided before a body is read or a handler runs, from the snapshot of keys in memory."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cache
from typing import Any

from starlette.routing import BaseRoute, Match, Route

from modelyard.api.permissions import ANY_KEY, ANYBODY, METRICS, scope_of
from modelyard.api.routes import ROUTERS
from modelyard.control.keys import REFRESH, Keys
from modelyard.core.access import ADMIN, KNOWLEDGE_READ, KNOWLEDGE_WRITE, READ, WRITE, Grant
from modelyard.core.errors import InvalidKey, ModelyardError, PermissionDenied
from modelyard.gateway.asgi import send_error

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

DOCUMENTATION = ("/docs", "/redoc", "/openapi.json", "/static-offline-docs")
"""Paths, and what is below them, that everybody may read: they tell what the routes are, and nothing of this server."""

LISTING = frozenset({"models:list", "models:read", ANY_KEY})
"""What a key that is limited to some models may do where a path names none; handlers show it only its own."""


KNOWLEDGE = {KNOWLEDGE_READ: READ, KNOWLEDGE_WRITE: WRITE}
"""Scopes of routes about knowledge bases → what they take of the base they name."""


class Guard:
    """The management app behind a check of keys. The grant of a request is then in `scope["state"]["grant"]`."""

    def __init__(self, app: App, keys: Keys) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            grant = self._admit(scope)
        except ModelyardError as error:
            await send_error(send, error, [])
            return
        scope.setdefault("state", {})["grant"] = grant
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> Grant | None:
        """What the key of a request allows; None where none is asked for. Raises `InvalidKey` or `PermissionDenied`."""
        access = self._keys.access
        if not access.required:
            return None
        needed, uid, base = _needed(scope)
        if needed == METRICS and not self._keys.exposed:
            needed = ANYBODY
        if needed == ANYBODY:
            try:
                return access.admit(scope["headers"], time.time())
            except InvalidKey:
                return None
        grant = access.admit(scope["headers"], time.time())
        if grant is not None:
            check(grant, needed, uid, base)
        return grant


def check(grant: Grant, needed: str, uid: str | None, base: str | None = None) -> None:
    """Raises `PermissionDenied` if a key may not use a route, or not for this model or knowledge base."""
    if needed in KNOWLEDGE:
        check_knowledge(grant, needed, base)
        return
    if needed != ANY_KEY:
        grant.check(needed)
    elif REFRESH in grant.scopes:
        raise PermissionDenied("A refresh token only gets new tokens.")
    if uid is not None:
        grant.check_model(uid)
    elif grant.models is not None and needed not in LISTING:
        raise PermissionDenied(f"The key '{grant.name}' is for {', '.join(sorted(grant.models))} only.")


def check_knowledge(grant: Grant, needed: str, base: str | None) -> None:
    """Raises `PermissionDenied`. Being let to a base is enough for its routes; handlers check bases that bodies name."""
    if base is not None:
        grant.check_base(base, KNOWLEDGE[needed])
    elif grant.bases is None or needed == KNOWLEDGE_WRITE:
        grant.check(needed)


def _needed(scope: Scope) -> tuple[str, str | None, str | None]:
    """The scope that a request takes, and the model and the knowledge base that its path names.

    A path that is no route at all takes any key.
    """
    path = scope["path"]
    if any(path == each or path.startswith(each + "/") for each in DOCUMENTATION):
        return ANYBODY, None, None
    as_route = scope if scope["method"] != "HEAD" else {**scope, "method": "GET"}
    route = route_of(as_route)
    if route is None:
        return ANY_KEY, None, None
    named = route.matches(as_route)[1].get("path_params", {})
    scope_needed = scope_of(as_route["method"], route.path)
    return ADMIN if scope_needed is None else scope_needed, named.get("uid"), named.get("base")


def route_of(scope: Scope) -> Route | None:
    """The management route of a request; None if there is none, or not with this method."""
    for route in _routes():
        if isinstance(route, Route) and route.matches(scope)[0] is Match.FULL:
            return route
    return None


@cache
def _routes() -> tuple[BaseRoute, ...]:
    """Every management route, in the order in which they are tried."""
    return tuple(route for router in ROUTERS for route in router.routes)
