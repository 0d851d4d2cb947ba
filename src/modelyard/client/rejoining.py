"""Streams that outlive their connection: when it breaks, they are joined again where they were, without a gap or a repetition."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, Self, TypeVar

from modelyard.client.request import Request
from modelyard.client.stream import AsyncStream, Stream
from modelyard.client.target import ServerTarget
from modelyard.core.errors import ModelyardError, ServerUnreachable

if TYPE_CHECKING:
    import httpx

    from modelyard.client.connection import AsyncConnection, SyncConnection

T = TypeVar("T")

PAUSES = (0.1, 0.5, 1.0, 2.0)
"""Seconds before each attempt to join again; the last one is repeated."""
GIVE_UP_SECONDS = 60.0
"""Seconds without a connection after which the error is raised."""
AWAY = frozenset({502, 503, 504})
"""Statuses with which a proxy answers while the server restarts."""


class Place(Generic[T]):
    """Where a stream is, and how long it has had no connection."""

    def __init__(self, request: Request[T]) -> None:
        assert request.rejoin is not None
        self.request = request
        self.ended = False
        """Whether the last event came."""
        self._rejoin: Callable[[T], Mapping[str, str] | None] = request.rejoin
        self._lost_at: float | None = None
        self._attempts = 0

    def note(self, event: T) -> None:
        """Record an event: the stream continues after it."""
        self._lost_at, self._attempts = None, 0
        query = self._rejoin(event)
        if query is None:
            self.ended = True
        else:
            self.request = replace(self.request, query={**self.request.query, **query})

    def pause(self) -> float:
        """Seconds to wait before the next attempt."""
        self._lost_at = self._lost_at or time.monotonic()
        self._attempts += 1
        return PAUSES[min(self._attempts, len(PAUSES)) - 1]

    def check(self, error: ModelyardError) -> None:
        """Raise an error that another attempt would meet again, and any error after `GIVE_UP_SECONDS`."""
        away = isinstance(error, ServerUnreachable) or error.status in AWAY
        lost_at = time.monotonic() if self._lost_at is None else self._lost_at
        if not away or time.monotonic() - lost_at > GIVE_UP_SECONDS:
            raise error


class RejoinedStream(Stream[T]):
    """A `Stream` that is joined again when its connection breaks or the server ends it, as one that restarts does."""

    def __init__(self, connection: SyncConnection, request: Request[T]) -> None:
        self._connection = connection
        self._place = Place(request)
        super().__init__(connection.target, connection.opened(request))

    def _read(self, target: ServerTarget) -> Iterator[T]:
        while True:
            try:
                for event in super()._read(target):
                    self._place.note(event)
                    yield event
            except ServerUnreachable as error:
                if not self._closed:
                    self._place.check(error)
            if self._closed or self._place.ended:
                return
            self._join()

    def _join(self) -> None:
        while not self._closed:
            time.sleep(self._place.pause())
            try:
                self._response = self._connection.opened(self._place.request)
            except ModelyardError as error:
                self._place.check(error)
            else:
                if self._closed:
                    self._response.close()
                return


class AsyncRejoinedStream(AsyncStream[T]):
    """The `RejoinedStream` of the async client."""

    def __init__(self, connection: AsyncConnection, request: Request[T], response: httpx.Response) -> None:
        self._connection = connection
        self._place = Place(request)
        super().__init__(connection.target, response)

    @classmethod
    async def opened(cls, connection: AsyncConnection, request: Request[T]) -> Self:
        """Send the request, and return its stream."""
        return cls(connection, request, await connection.opened(request))

    async def _read(self, target: ServerTarget) -> AsyncGenerator[T]:
        while True:
            try:
                async for event in super()._read(target):
                    self._place.note(event)
                    yield event
            except ServerUnreachable as error:
                if not self._closed:
                    self._place.check(error)
            if self._closed or self._place.ended:
                return
            await self._join()

    async def _join(self) -> None:
        while not self._closed:
            await asyncio.sleep(self._place.pause())
            try:
                self._response = await self._connection.opened(self._place.request)
            except ModelyardError as error:
                self._place.check(error)
            else:
                if self._closed:
                    await self._response.aclose()
                return
