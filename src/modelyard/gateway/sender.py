"""Requests to models from inside this process, which pass through the gateway without a socket.

An app behind the gateway sends with its caller's grant and request id, so that limits, counts and aborting apply to that
caller. The server's own background work sends with a grant of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from modelyard.core.access import Grant
from modelyard.core.asgi import Headers, Message, Send
from modelyard.core.errors import InternalError
from modelyard.gateway.asgi import header
from modelyard.gateway.client import RequestClient
from modelyard.gateway.tracing import Span
from modelyard.gateway.upstream import HIGH_WATER
from modelyard.protocol import errors


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller on whose behalf a model is used."""

    grant: Grant | None = None
    """The grant of the caller's key; None if no key is required."""
    request_id: bytes = b""
    """The id of the caller's request; if empty, each request to a model gets its own id."""
    admitted: bool = True
    """Whether the caller's request was checked and counted already. If not, each request to a model is checked
    for the scope of inference and the right to use the model, and counted."""
    own_models: bool = False
    """Whether the caller itself names the models; then only those of its grant may be used."""
    background: bool = False
    """Whether the server sends for its own purposes; such requests are not listed."""
    span: Span | None = None
    """The span of the caller's request."""


Serve = Callable[[Caller, str, bytes, RequestClient, Send], Coroutine[Any, Any, None]]
"""The type of `Gateway.serve_inside`."""


Sink = Callable[[bytes], Awaitable[None]]
"""Receives a portion of an answer's body. It may be called outside of any task."""


class Sender:
    """Sends requests of one caller."""

    def __init__(self, serve: Serve, caller: Caller) -> None:
        self._serve = serve
        self._caller = caller

    async def __call__(self, path: str, body: bytes) -> Answer:
        """POST a JSON body; returns when the head of the answer has arrived.

        Raises a `ModelyardError` for a refusal of the gateway, and for an answer of the replica with status 400 or more.
        """
        answer = Answer()
        answer.begin(self._serve(self._caller, path, body, answer.client, answer.send))
        try:
            await answer.head()
            if answer.status >= 400:
                raise _error(answer.status, answer.headers, await answer.body())
        except BaseException:
            await answer.aclose()
            raise
        return answer


class Answer:
    """An answer that is still being produced. The reader must close it, which cancels the producer.

    The gateway writes with `send`, which waits while more than `HIGH_WATER` bytes are unread.
    """

    def __init__(self) -> None:
        self.status = 0
        self.headers: Headers = []
        self.client = RequestClient()
        self._parts: list[bytes] = []
        self._size = 0
        self._complete = False
        self._sink: Sink | None = None
        """Set while `relay` waits for bytes."""
        self._problem: Exception | None = None
        """What the sink has raised."""
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Start the coroutine that produces the answer."""
        self._work = asyncio.create_task(work)
        self._work.add_done_callback(lambda _: _wake(self._reader))

    async def send(self, message: Message) -> None:
        """Receive an ASGI message of the answer."""
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], message["headers"]
            _wake(self._reader)
            return
        part, complete = message.get("body", b""), not message.get("more_body", False)
        if part and self._sink is not None:
            await self._pass(self._sink, part)
        elif part:
            self._parts.append(part)
            self._size += len(part)
        self._complete = complete
        if complete or self._sink is None:
            _wake(self._reader)
        if self._size > HIGH_WATER:
            self._writer = asyncio.get_running_loop().create_future()
            await self._writer

    async def head(self) -> None:
        """Wait for the status and the headers. Raises the error if there is no answer."""
        while not self.status and not self._work.done():
            await self._wait()
        if not self.status:
            self._work.result()
            raise InternalError("There was no answer.")

    async def read(self) -> bytes:
        """The bytes since the last call, empty at the end. Raises a `ModelyardError` for an interrupted answer."""
        while not self._parts and not self._complete and not self._work.done():
            await self._wait()
        if not self._parts and not self._complete:
            self._work.result()
            raise InternalError("The answer was interrupted.")
        return self._take()

    async def relay(self, sink: Sink) -> None:
        """Pass the bytes to `sink` as they arrive, until the end. Raises what `read` raises, and what the sink raises.

        The producer calls the sink, and waits for it, because waking the reader for each portion would double the cost.
        """
        while self._parts or not self._complete:
            if self._parts:
                await sink(self._take())
                continue
            self._sink = sink
            try:
                if not self._work.done():
                    await self._wait()
            finally:
                self._sink = None
            if self._problem is not None:
                raise self._problem
            if self._work.done() and not self._complete:
                self._work.result()
                raise InternalError("The answer was interrupted.")

    async def _pass(self, sink: Sink, part: bytes) -> None:
        try:
            await sink(part)
        except Exception as problem:  # noqa: BLE001 - `relay` raises it again, and its caller cancels the producer
            self._problem = problem
            _wake(self._reader)
            await asyncio.get_running_loop().create_future()

    def _take(self) -> bytes:
        """All bytes that have arrived."""
        data = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self._parts, self._size = [], 0
        _wake(self._writer)
        return data

    async def body(self) -> bytes:
        """The whole body."""
        parts = []
        while part := await self.read():
            parts.append(part)
        return b"".join(parts)

    async def aclose(self) -> None:
        """Cancel the producer of the answer, and wait for its end."""
        if not self._work.done():
            if not self._complete:
                self.client.leave()
                self._work.cancel()
            await asyncio.wait([self._work])
        if not self._work.cancelled():
            self._work.exception()  # retrieved, so that asyncio does not log it: the reader received it, or closed the answer

    async def _wait(self) -> None:
        self._reader = asyncio.get_running_loop().create_future()
        await self._reader


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)


def _error(status: int, headers: Headers, body: bytes) -> Exception:
    """The error in an answer with status 400 or more."""
    try:
        value: object = msgspec.json.decode(body)
    except msgspec.MsgspecError:
        value = body.decode("utf-8", "replace")
    seconds = header(headers, b"retry-after")
    return errors.read(status, value, seconds.decode("latin-1") if seconds else None)
