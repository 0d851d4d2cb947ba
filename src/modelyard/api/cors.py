"""CORS: which pages of other origins may read answers in a browser. None, unless the setting `cors_origins` names them."""

from __future__ import annotations

from collections.abc import Awaitable

from modelyard.core.asgi import App, Headers, Message, Receive, Scope, Send

MAX_AGE = b"600"
METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
LIMITS = [f"x-ratelimit-{name}-{unit}" for unit in ("requests", "tokens") for name in ("limit", "remaining", "reset")]
EXPOSED = ", ".join(["x-request-id", "retry-after", *LIMITS]).encode()


class Cors:
    """Middleware that adds CORS headers. Cookies are never allowed: keys are sent in headers."""

    def __init__(self, app: App, origins: str) -> None:
        """`origins` is `*`, or origins such as `https://a.example`, separated by commas."""
        self._app = app
        named = {origin.strip().rstrip("/").encode() for origin in origins.split(",") if origin.strip()}
        self._any = b"*" in named
        self._origins = named

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        origin = _header(scope, b"origin") if scope["type"] == "http" else None
        if origin is None or not (self._any or origin in self._origins):
            await self._app(scope, receive, send)
            return
        allowed: Headers = [(b"access-control-allow-origin", b"*" if self._any else origin)]
        if not self._any:
            allowed.append((b"vary", b"Origin"))
        if scope["method"] == "OPTIONS" and _header(scope, b"access-control-request-method") is not None:
            await _preflight(scope, send, allowed)
            return

        def send_allowed(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                others = [pair for pair in message["headers"] if not pair[0].startswith(b"access-control-")]
                message["headers"] = [*others, *allowed, (b"access-control-expose-headers", EXPOSED)]
            return send(message)

        await self._app(scope, receive, send_allowed)


async def _preflight(scope: Scope, send: Send, allowed: Headers) -> None:
    """Answer a preflight request, which has no key."""
    allowed_headers = _header(scope, b"access-control-request-headers") or b"authorization, content-type"
    headers = [
        *allowed,
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", allowed_headers),
        (b"access-control-max-age", MAX_AGE),
        (b"content-length", b"0"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _header(scope: Scope, name: bytes) -> bytes | None:
    for key, value in scope["headers"]:
        if key == name:
            found: bytes = value
            return found
    return None
