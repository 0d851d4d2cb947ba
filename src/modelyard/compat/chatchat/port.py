"""The second port of a server, for programs that expect Langchain-Chatchat's: `GET /` redirects to `/docs` there."""

from __future__ import annotations

from starlette.responses import RedirectResponse

from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.gateway.headers import request_id


class ChatchatPort:
    """The server's ASGI app, which redirects `GET /` at one of its ports."""

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and self._leads_on(scope):
            identity = request_id(scope["headers"]).decode("latin-1")
            await RedirectResponse("/docs", headers={"x-request-id": identity})(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _leads_on(self, scope: Scope) -> bool:
        at_the_root = scope["path"] == "/" and scope["method"] in ("GET", "HEAD")
        return at_the_root and scope["server"][1] == self._port
