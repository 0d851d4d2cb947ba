"""Work for an answer: given up when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from modelyard.core.asgi import Receive
from modelyard.core.errors import ClientGone

T = TypeVar("T")


async def while_awaited(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """`unless_left` for a request whose body was read."""
    return await unless_left(request.receive, work)


async def unless_left(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What the work gives. It is cancelled, and with it every model it asks, when the client leaves.

    Nothing but that may be left to receive. Raises what the work raises, and `ClientGone`, which nobody hears.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_left(receive))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise ClientGone
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
