"""The types of ASGI, and a helper for applications that read a request's body before they call another application."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]


def replay(body: bytes, receive: Receive | None = None) -> Receive:
    """A `receive` that returns `body` once, and then the messages of the original one, such as a disconnect.

    Without the original one it then waits forever: for apps that are cancelled when their client disconnects.
    """
    complete = False

    async def again() -> Message:
        nonlocal complete
        if complete:
            return await (receive() if receive is not None else asyncio.get_running_loop().create_future())
        complete = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
