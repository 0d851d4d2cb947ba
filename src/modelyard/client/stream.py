"""Answers that arrive in chunks: the reader of server-sent events, and the streams that callers iterate and close."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import httpx
import msgspec

from modelyard.core.errors import ConnectionLost
from modelyard.protocol import errors

if TYPE_CHECKING:
    from modelyard.client.target import Target

Chunk = dict[str, Any]
DONE = b"[DONE]"


class EventReader:
    """Bytes in any portions to the `data` of each event. Takes `\\n`, `\\r\\n` and `\\r`, comments, and events of many lines.

    Lines are cut before they are decoded, so a character split over two portions arrives whole. `[DONE]` is left out.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[bytes] = []

    def feed(self, portion: bytes) -> Iterator[bytes]:
        """The events that this portion completes."""
        text = self._rest + portion
        # A portion may end between \r and \n; the \r waits for what follows.
        held = b"\r" if text.endswith(b"\r") else b""
        lines = text.removesuffix(held).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._rest = lines.pop() + held
        for line in lines:
            if line:
                self._line(line)
            elif self._data:
                data = b"\n".join(self._data)
                self._data.clear()
                if data.strip() != DONE:
                    yield data

    def finish(self) -> Iterator[bytes]:
        """The last event, of a server that closed without the empty line."""
        yield from self.feed(b"\n\n")

    def _line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"error":  # llama.cpp's server reports a broken stream in a field of that name
            self._data.append(b'{"error":' + value + b"}")


def read_chunk(target: Target, data: bytes) -> Chunk:
    """The chunk in an event; an event that reports an error raises it."""
    try:
        chunk = msgspec.json.decode(data, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ConnectionLost(target.url, f"an event of the stream is not a JSON object: {data[:100]!r}") from error
    problem = chunk.get("error")
    if problem and "problems" not in chunk:  # a knowledge job's view says why the job failed, and is no failed stream
        raise errors.read(502, chunk if isinstance(problem, dict) else {"detail": str(problem)})
    return chunk


class Stream:
    """An answer in chunks. Leaving a `for` loop over it, `close()`, or the end of its `with` block stops the generation."""

    def __init__(self, target: Target, response: httpx.Response) -> None:
        self._response = response
        self._chunks = self._read(target)
        self._closed = False

    def _read(self, target: Target) -> Iterator[Chunk]:
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

    def __next__(self) -> Chunk:
        if self._closed:
            raise StopIteration
        return next(self._chunks)

    def __iter__(self) -> Iterator[Chunk]:
        # A generator of its own, so that leaving the loop closes the connection even while somebody holds the stream.
        try:
            while not self._closed and (chunk := next(self._chunks, None)) is not None:
                yield chunk
        finally:
            self.close()

    def close(self) -> None:
        """Close the connection; the server stops generating. What was not read is lost."""
        self._closed = True
        self._response.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class AsyncStream:
    """An answer in chunks. `aclose()` or the end of its `async with` block stops the generation; so does leaving the loop,
    as soon as the event loop gets to it.
    """

    def __init__(self, target: Target, response: httpx.Response) -> None:
        self._response = response
        self._chunks = self._read(target)
        self._closed = False

    async def _read(self, target: Target) -> AsyncGenerator[Chunk]:
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

    async def __anext__(self) -> Chunk:
        if self._closed:
            raise StopAsyncIteration
        return await anext(self._chunks)

    async def __aiter__(self) -> AsyncIterator[Chunk]:
        try:
            while not self._closed and (chunk := await anext(self._chunks, None)) is not None:
                yield chunk
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; the server stops generating. What was not read is lost."""
        self._closed = True
        await self._response.aclose()
        with suppress(RuntimeError):  # another task waits for a chunk just now; it finds the connection closed
            await self._chunks.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def portions(target: Target, response: httpx.Response) -> Iterator[bytes]:
    """The bytes of an answer as they come."""
    try:
        yield from response.iter_bytes()
    except httpx.RequestError as error:
        raise target.failure(error) from None
    finally:
        response.close()


async def async_portions(target: Target, response: httpx.Response) -> AsyncGenerator[bytes]:
    """The async twin of `portions`."""
    try:
        async for portion in response.aiter_bytes():
            yield portion
    except httpx.RequestError as error:
        raise target.failure(error) from None
    finally:
        await response.aclose()
