"""The client of one request: whether it still waits for its answer, and the work that ends when it does not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from modelyard.core.asgi import Receive
from modelyard.core.errors import RequestAborted
from modelyard.gateway.asgi import ClientLeft
from modelyard.gateway.upstream import Lost, UpstreamProblem


class Work(Protocol):
    """What makes an answer: a connection to a replica, or an app of this process."""

    def abort(self, problem: UpstreamProblem) -> None: ...


class Client:
    """When the client leaves, or its request is aborted, the work that it holds ends at that moment."""

    def __init__(self) -> None:
        self.left = False
        self.aborted: RequestAborted | None = None
        """Set when somebody else ended the request."""
        self.work: Work | None = None

    def leave(self) -> None:
        """The client waits no longer."""
        self.left = True
        if self.work:
            self.work.abort(Lost("the client left"))

    def cut(self, why: RequestAborted) -> None:
        """End the answer, though the client is there."""
        self.aborted = why
        if self.work:
            self.work.abort(Lost("the request was aborted"))

    def hold(self, work: Work) -> None:
        """From now until `release`, this work dies with the client. Raises `ClientLeft` or `RequestAborted`."""
        if self.gone is not None:
            work.abort(Lost("nobody waits for the answer"))
            raise self.gone
        self.work = work

    @property
    def gone(self) -> ClientLeft | RequestAborted | None:
        """Why nobody waits for an answer any more."""
        return ClientLeft() if self.left else self.aborted

    def release(self) -> None:
        """The work is done; a connection may serve others."""
        self.work = None


@contextmanager
def watched(receive: Receive) -> Iterator[Client]:
    """The client at the other end of `receive`, whose body was read; it leaves when `receive` says so."""
    client = Client()
    watching = asyncio.create_task(_watch(client, receive))
    try:
        yield client
    finally:
        watching.cancel()


async def _watch(client: Client, receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    client.leave()
