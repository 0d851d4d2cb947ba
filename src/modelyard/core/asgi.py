"""For ASGI middleware that reads a request's body before the application does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives `body` once, and then what comes after it: that the client disconnects."""
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
