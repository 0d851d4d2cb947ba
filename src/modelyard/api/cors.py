"""Which pages of other origins a browser lets read our answers: none, unless the setting `cors_origins` names them."""

from __future__ import annotations

from collections.abc import Awaitable

from modelyard.core.asgi import App, Message, Receive, Scope, Send

Headers = list[tuple[bytes, bytes]]

MAX_AGE = b"600"
METHODS = b"GET, POST, PUT, PATCH, DELETE, OPTIONS"
EXPOSED = b"x-request-id, retry-after"


class Cors:
    """An app that also speaks to browsers on pages of other origins. Cookies are never part of it: keys stand in headers."""

    def __init__(self, app: App, origins: str) -> None:
        """`origins` is `*`, or origins such as `https://a.example` with commas between."""
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
                kept = [pair for pair in message["headers"] if not pair[0].startswith(b"access-control-")]
                message["headers"] = [*kept, *allowed, (b"access-control-expose-headers", EXPOSED)]
            return send(message)

        await self._app(scope, receive, send_allowed)


async def _preflight(scope: Scope, send: Send, allowed: Headers) -> None:
    """Answer a browser that asks what it may send; it sends no key with that."""
    wanted = _header(scope, b"access-control-request-headers") or b"authorization, content-type"
    headers = [
        *allowed,
        (b"access-control-allow-methods", METHODS),
        (b"access-control-allow-headers", wanted),
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
