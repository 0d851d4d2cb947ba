"""The session of a request: which one it is, and the headers by which its browser keeps or deletes the token."""

from __future__ import annotations

import time
from collections.abc import MutableMapping
from typing import Any

from modelyard.control.sessions import IssuedToken
from modelyard.core.access import Access, Grant, credential
from modelyard.core.asgi import Headers, Scope, Send
from modelyard.core.cookies import cookie_name, cookie_names, set_cookie
from modelyard.core.errors import SessionEnded
from modelyard.core.sessions import SessionToken

SESSION_STATE = "session"
"""Key in `scope["state"]` of the id of the session whose cookie was sent."""
SET_COOKIE = b"set-cookie"


def session_of(access: Access, grant: Grant | None, scope: Scope) -> SessionToken | None:
    """The token of a session by which a request was admitted, or that it sends to a server that requires no key."""
    if (grant is not None and not grant.session) or credential(scope["headers"]):
        return None
    try:
        return access.sessions.find(scope["headers"], time.time())
    except SessionEnded:
        return None


def kept(scope: Scope, issued: IssuedToken) -> str:
    """The value of `Set-Cookie` by which a browser keeps a token."""
    host = next((value for name, value in scope["headers"] if name == b"host"), b"")
    name = cookie_name(host, scope.get("scheme") == "https")
    return set_cookie(name, issued.token, issued.expires_at - time.time())


def deleted(scope: Scope) -> list[str]:
    """The values of `Set-Cookie` by which a browser deletes the session cookies that it sent."""
    return [set_cookie(name, "", 0) for name in cookie_names(scope["headers"])]


def sending_cookie(send: Send, cookie: str) -> Send:
    """A `send` that adds a cookie to the answer, unless the answer sets one itself. No cache may store such an answer."""

    async def send_with_cookie(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers: Headers = message["headers"]
            names = {name for name, _ in headers}
            if SET_COOKIE not in names:
                uncached = [] if b"cache-control" in names else [(b"cache-control", b"no-store")]
                message["headers"] = [*headers, (SET_COOKIE, cookie.encode()), *uncached]
        await send(message)

    return send_with_cookie
