"""The client of one request: whether it still waits for the answer, and the work to abort if it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from modelyard.core.asgi import Receive
from modelyard.core.errors import RequestAborted
from modelyard.gateway.asgi import ClientLeft
from modelyard.gateway.upstream import UpstreamLost, UpstreamProblem


class Work(Protocol):
    """Something that produces an answer: a connection to a replica, or an app of this process."""

    def abort(self, problem: UpstreamProblem) -> None: ...


class RequestClient:
    """Aborts its work when the client disconnects or its request is aborted."""

    def __init__(self) -> None:
        self.left = False
        self.aborted: RequestAborted | None = None
        """Set when the request was aborted by its id."""
        self.work: Work | None = None

    def leave(self) -> None:
        """Record that the client disconnected, and abort its work."""
        self.left = True
        if self.work:
            self.work.abort(UpstreamLost("the client left"))

    def abort(self, why: RequestAborted) -> None:
        """Abort the request by its id, while the client still waits."""
        self.aborted = why
        if self.work:
            self.work.abort(UpstreamLost("the request was aborted"))

    def hold(self, work: Work) -> None:
        """Abort this work if the client disconnects before `release`. Raises `ClientLeft` or `RequestAborted` if it has."""
        if self.gone is not None:
            work.abort(UpstreamLost("nobody waits for the answer"))
            raise self.gone
        self.work = work

    @property
    def gone(self) -> ClientLeft | RequestAborted | None:
        """Why no client waits for the answer any more; None while it waits."""
        return ClientLeft() if self.left else self.aborted

    def release(self) -> None:
        """Stop tracking the finished work; its connection may serve other requests."""
        self.work = None


@contextmanager
def watched(receive: Receive) -> Iterator[RequestClient]:
    """A client that is marked as disconnected when `receive` reports it. The body of its request must have been read."""
    client = RequestClient()
    watching = asyncio.create_task(_watch(client, receive))
    try:
        yield client
    finally:
        watching.cancel()


async def _watch(client: RequestClient, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.leave()
