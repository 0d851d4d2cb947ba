"""Streamed answers, which callers iterate and close."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

import httpx
import msgspec

from modelyard.core.errors import ConnectionLost
from modelyard.protocol import errors
from modelyard.protocol.events import EventReader

if TYPE_CHECKING:
    from modelyard.client.target import ServerTarget

T = TypeVar("T")
"""One event of a stream: a JSON object."""


def read_chunk(target: ServerTarget, data: bytes) -> Any:
    """Decode the chunk of an event. Raises the error that an event reports."""
    try:
        chunk = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConnectionLost(target.url, f"an event of the stream is not a JSON object: {data[:100]!r}") from error
    problem = chunk.get("error")
    if problem and "state" not in chunk:  # in a job's view, `error` is the job's and not that of the stream
        raise errors.read(502, chunk if isinstance(problem, dict) else {"detail": str(problem)})
    return chunk


class Stream(Generic[T]):
    """An answer in chunks. Leaving a `for` loop over it, `close()`, or the end of its `with` block stops the generation."""

    def __init__(self, target: ServerTarget, response: httpx.Response) -> None:
        self._response = response
        self._chunks = self._read(target)
        self._closed = False

    def _read(self, target: ServerTarget) -> Iterator[T]:
        reader = EventReader()
        try:
            for portion in self._response.iter_bytes():
                for data in reader.feed(portion):
                    yield read_chunk(target, data)
            for data in reader.finish():
                yield read_chunk(target, data)
        except httpx.RequestError as error:
            raise target.failure(error) from None
        finally:
            self._response.close()

    def __next__(self) -> T:
        if self._closed:
            raise StopIteration
        return next(self._chunks)

    def __iter__(self) -> Iterator[T]:
        # A separate generator, so that leaving the loop closes the connection even if the caller keeps the stream.
        try:
            while not self._closed and (chunk := next(self._chunks, None)) is not None:
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; the server stops generating, and unread data is lost."""
        self._closed = True
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream(Generic[T]):
    """An answer in chunks. `aclose()` or the end of its `async with` block stops the generation; so does leaving the loop,
    as soon as the event loop runs again.
    """

    def __init__(self, target: ServerTarget, response: httpx.Response) -> None:
        self._response = response
        self._chunks = self._read(target)
        self._closed = False

    async def _read(self, target: ServerTarget) -> AsyncGenerator[T]:
        reader = EventReader()
        try:
            async for portion in self._response.aiter_bytes():
                for data in reader.feed(portion):
                    yield read_chunk(target, data)
            for data in reader.finish():
                yield read_chunk(target, data)
        except httpx.RequestError as error:
            raise target.failure(error) from None
        finally:
            await self._response.aclose()

    async def __anext__(self) -> T:
        if self._closed:
            raise StopAsyncIteration
        return await anext(self._chunks)

    async def __aiter__(self) -> AsyncIterator[T]:
        try:
            while not self._closed and (chunk := await anext(self._chunks, None)) is not None:
                yield chunk
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; the server stops generating, and unread data is lost."""
        self._closed = True
        await self._response.aclose()
        with suppress(RuntimeError):  # another task is waiting for a chunk; it finds the connection closed
            await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def portions(target: ServerTarget, response: httpx.Response) -> Iterator[bytes]:
    """The bytes of an answer while they arrive."""
    try:
        yield from response.iter_bytes()
    except httpx.RequestError as error:
        raise target.failure(error) from None
    finally:
        response.close()


async def async_portions(target: ServerTarget, response: httpx.Response) -> AsyncGenerator[bytes]:
    """The asynchronous version of `portions`."""
    try:
        async for portion in response.aiter_bytes():
            yield portion
    except httpx.RequestError as error:
        raise target.failure(error) from None
    finally:
        await response.aclose()
