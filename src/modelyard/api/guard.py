"""Checks the key of a management request before its body is read, against the snapshot of keys in memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from modelyard.api.paths import match_of
from modelyard.control.keys import REFRESH, KeyStore
from modelyard.core.access import KNOWLEDGE_READ, KNOWLEDGE_WRITE, READ, WRITE, Grant
from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.errors import InvalidKey, ModelyardError, PermissionDenied
from modelyard.gateway.asgi import send_error
from modelyard.web.router import ANY_KEY, ANYBODY

METRICS = "monitor:view"
"""A scope that is not required while the server listens on loopback only."""
LISTING = frozenset({"models:list", "models:read", "files:read", "files:write", ANY_KEY})
"""Scopes that a key restricted to some models may use on paths without a model; handlers show it only what is its own."""


KNOWLEDGE = {KNOWLEDGE_READ: READ, KNOWLEDGE_WRITE: WRITE}
"""Scope of a route about knowledge bases → the access level that the key needs for the base in the path."""


class Guard:
    """Middleware that checks keys, and sets the grant of a request in `scope["state"]["grant"]`."""

    def __init__(self, app: App, keys: KeyStore, use: Callable[[Grant | None], None]) -> None:
        """`use` is called with the grant of each request that is admitted."""
        self._app = app
        self._keys = keys
        self._use = use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            grant = self._admit(scope)
        except ModelyardError as error:
            await send_error(send, error, [])
            return
        self._use(grant)
        scope.setdefault("state", {})["grant"] = grant
        await self._app(scope, receive, send)

    def _admit(self, scope: Scope) -> Grant | None:
        """The grant of a request's key; None if no key is required. Raises `InvalidKey` or `PermissionDenied`."""
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
    """Raise `PermissionDenied` if a key may not use a route, or not for this model or knowledge base."""
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
    """Raise `PermissionDenied`. A key with access to the base in the path needs no scope. Handlers check bases in bodies."""
    if base is not None:
        grant.check_base(base, KNOWLEDGE[needed])
    elif grant.bases is None or needed == KNOWLEDGE_WRITE:
        grant.check(needed)


def _needed(scope: Scope) -> tuple[str, str | None, str | None]:
    """The scope that a request needs, and the model and the knowledge base that its path names."""
    match = match_of(scope)
    if match is None:  # documentation
        return ANYBODY, None, None
    return match.route.scope, match.params.get("uid"), match.params.get("base")
