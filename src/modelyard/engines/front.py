"""The front of an engine's own server: an ASGI application before it, inside the replica's process."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection

from modelyard.core.asgi import App, Receive, Scope, Send
from modelyard.core.fetching import hosts_of_replica
from modelyard.engines.bodies import respond, whole_body
from modelyard.engines.media import Media

ABSENT = b'{"error":{"message":"There is no such path here.","type":"invalid_request_error","param":null,"code":404}}'


class ReplicaFront(ABC):
    """Accepts only requests to `paths`, because engines' servers have more paths than the gateway forwards.

    A subclass handles each POST request, whose body has been read.
    """

    def __init__(self, app: App, paths: Collection[str]) -> None:
        self._app = app
        self._paths = paths
        self._media = Media(hosts_of_replica())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif scope["path"] not in self._paths:
            await respond(send, 404, ABSENT)
        elif scope["method"] != "POST":
            await self._app(scope, receive, send)
        elif (body := await whole_body(receive)) is not None:
            await self.post(body, scope, receive, send)

    @abstractmethod
    async def post(self, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a POST request to one of the paths."""
