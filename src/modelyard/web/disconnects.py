"""Cancels the work for an answer when the client disconnects."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from modelyard.core.asgi import Receive
from modelyard.core.errors import ClientGone

T = TypeVar("T")


async def while_connected(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """`unless_disconnected` for a request whose body has been read."""
    return await unless_disconnected(request.receive, work)


async def unless_disconnected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """Return the result of the work; cancel it when the client disconnects, including its calls of models.

    The body of the request must have been received. Raises the errors of the work, and `ClientGone` after a disconnect.
    """
    task = asyncio.create_task(work)
    disconnect = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({task, disconnect}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise ClientGone
    finally:
        for each in (task, disconnect):
            each.cancel()
        await asyncio.gather(task, disconnect, return_exceptions=True)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
