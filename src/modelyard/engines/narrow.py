"""An ASGI application of which only some paths exist: what stands before servers that have more of them than we forward."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ABSENT = b'{"error":{"message":"There is no such path here.","type":"invalid_request_error","param":null,"code":404}}'


class Narrow:
    """The application behind it, of which only `paths` can be reached."""

    def __init__(self, app: App, paths: Collection[str]) -> None:
        self._app = app
        self._paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] not in self._paths:
            headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ABSENT)).encode())]
            await send({"type": "http.response.start", "status": 404, "headers": headers})
            await send({"type": "http.response.body", "body": ABSENT})
        else:
            await self.pass_on(scope, receive, send)

    async def pass_on(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request for one of the paths."""
        await self._app(scope, receive, send)
