"""Streams without an end, which are sent after the framework's work for their request is done.

A framework keeps its frames of a request until the response was sent, 13 KiB with every dependency and middleware. A stream that
thousands of clients leave open is handed to `api/app.py` instead, which sends it once the framework has returned.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.responses import Response, StreamingResponse

from modelyard.core.asgi import Receive, Scope, Send

DETACHED = "detached"
"""Key in `scope["state"]` of the list of responses to send afterwards."""


class DetachedStream(StreamingResponse):
    """Leaves its stream to the caller of the framework. A `HEAD` request gets the head alone."""

    def __init__(self, stream: StreamingResponse) -> None:
        super().__init__(stream.body_iterator, stream.status_code, stream.headers)
        self._stream = stream

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        waiting: list[Response] | None = scope["state"].get(DETACHED)
        if waiting is None:
            await Response(b"", self.status_code, self.headers)(scope, receive, send)
        else:
            waiting.append(self._stream)


def detaching(scope: Scope) -> list[Response]:
    """The list to which responses of this request are added; it stays empty for most routes, and for `HEAD`."""
    waiting: list[Response] = []
    if scope["method"] != "HEAD":
        state: MutableMapping[str, Any] = scope.setdefault("state", {})
        state[DETACHED] = waiting
    return waiting
