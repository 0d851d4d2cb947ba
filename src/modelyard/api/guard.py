"""Checks the key or session of a management request before its body is read, against the snapshot of keys in memory."""

from __future__ import annotations

import time
from collections.abc import Callable

from modelyard.api.paths import match_of
from modelyard.control.keys import KeyStore
from modelyard.control.sessions import SessionStore
from modelyard.core.access import Grant
from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.errors import InvalidKey, ModelyardError
from modelyard.gateway.asgi import send_error
from modelyard.web.route_access import METRICS, check
from modelyard.web.router import ANYBODY
from modelyard.web.session_cookies import SESSION_STATE, kept, sending_cookie, session_of


class Guard:
    """Middleware that checks keys, and sets the grant of a request in `scope["state"]["grant"]`.

    It also gives browsers the next token of their session when that is due.
    """

    def __init__(self, app: App, keys: KeyStore, sessions: SessionStore, use: Callable[[Grant | None], None]) -> None:
        """`use` is called with the grant of each request that is admitted."""
        self._app = app
        self._keys = keys
        self._sessions = sessions
        self._use = use

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            grant = self._admit(scope)
        except ModelyardError as error:
            await send_error(send, error, [])
            return
        self._use(grant)
        state = scope.setdefault("state", {})
        state["grant"] = grant
        if (token := session_of(self._keys.access, grant, scope)) is not None:
            state[SESSION_STATE] = token.session.id
            if (issued := await self._sessions.renew(token)) is not None:
                send = sending_cookie(send, kept(scope, issued))
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


def _needed(scope: Scope) -> tuple[str, str | None, str | None]:
    """The scope that a request needs, and the model and the knowledge base that its path names."""
    match = match_of(scope)
    if match is None:  # documentation
        return ANYBODY, None, None
    return match.route.scope, match.params.get("uid"), match.params.get("base")
