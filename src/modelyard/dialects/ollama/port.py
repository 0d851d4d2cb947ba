"""A further port of a server, for programs that expect Ollama: `GET /` says what Ollama's says, by which they find it."""

from __future__ import annotations

from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.gateway.headers import request_id

GREETING = b"Ollama is running"


class OllamaPort:
    """The server's ASGI app, which answers `GET /` at one of its ports."""

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._greets(scope):
            await self._app(scope, receive, send)
            return
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(GREETING)).encode()),
            (b"x-request-id", request_id(scope["headers"])),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": GREETING})

    def _greets(self, scope: Scope) -> bool:
        at_the_root = scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
        return at_the_root and scope["server"][1] == self._port
