"""A pooled HTTP/1.1 client: sends a request, and passes on the bytes of its answer while they arrive.

It is independent of models and ASGI. A connection serves one exchange at a time; its read buffer is limited.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Generator
from typing import Any, cast

import httptools

from modelyard.core.asgi import Headers
from modelyard.core.types import Address
from modelyard.core.wording import reason

HIGH_WATER = 256 * 1024
"""Bytes that wait for a slow client before reading from the replica pauses."""
IDLE_LIMIT = 64
"""Maximum number of idle connections to one address."""
IDLE_SECONDS = 60.0


class UpstreamProblem(Exception):
    """An exchange with a replica failed; the text has the reason."""


class ConnectFailed(UpstreamProblem):
    """No connection could be made."""


class UpstreamLost(UpstreamProblem):
    """The connection ended before the answer was complete."""


class NotHttp(UpstreamProblem):
    """The replica answered something that is not HTTP."""


class Stalled(UpstreamProblem):
    """The replica sent nothing for too long."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"it sent nothing for {seconds:g} s")
        self.seconds = seconds


class Suspended:
    """The rest of an awaitable that was started outside of a task; await it to continue."""

    def __init__(self, waits_for: object, rest: Generator[Any, Any, None]) -> None:
        self._waits_for = waits_for
        self._rest = rest

    def __await__(self) -> Generator[Any, Any, None]:
        yield self._waits_for
        yield from self._rest


def begin(awaitable: Awaitable[None]) -> Suspended | None:
    """Run an awaitable at once, up to its first wait. Returns None if it finished, else the rest of it."""
    rest = awaitable.__await__()
    try:
        return Suspended(next(rest), rest)
    except StopIteration:
        return None


class Connection(asyncio.Protocol):
    """One connection: `send`, then `head`, then `pump`, then the next request. After a problem it is closed."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self.status = 0
        self.headers: Headers = []
        self.received = False
        """Whether any byte of the current answer has arrived."""
        self.complete = False
        self.keep_alive = False
        self.idle_since = 0.0
        self.on_lost: Callable[[Connection], None] | None = None
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpResponseParser(self)
        self._waiting = False
        self._has_head = False
        self._until_close = False
        self._parts: list[bytes] = []
        self._size = 0
        self._paused = False
        self._problem: UpstreamProblem | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._forward: Callable[[bytes], Awaitable[None]] | None = None
        """Set while `pump` waits for bytes and the client keeps up."""
        self._suspended: Suspended | None = None
        self._patience = 0.0
        self._last_received = 0.0
        self._timer: asyncio.TimerHandle | None = None

    # Methods for the relay.

    def send(self, head: bytes, body: bytes, timeout: float) -> None:
        """Send a request. Its answer must begin within `timeout` seconds."""
        self.received = self.complete = self.keep_alive = self._has_head = self._until_close = False
        self._waiting = True
        self._patience = timeout
        self._last_received = self._loop.time()
        self._timer = self._loop.call_later(timeout, self._check)
        self.transport.writelines([head, body])

    async def head(self, stall_timeout: float) -> None:
        """Wait for `status` and `headers`. Afterwards the replica may be silent for at most `stall_timeout` seconds."""
        while not self._has_head:
            await self._wait()
        self._patience = stall_timeout
        if self._timer:
            self._timer.cancel()
            self._timer = self._loop.call_later(stall_timeout, self._check)

    async def pump(self, forward: Callable[[bytes], Awaitable[None]]) -> bytes:
        """Forward the body while it arrives, except for its last bytes, which are returned and may be empty.

        While the client keeps up, `forward` is called directly in the callback that received the bytes, because waking this task
        for each chunk would double the cost. So it may run outside of any task.
        """
        while True:
            while not self._parts and not self.complete and self._suspended is None:
                self._forward = forward
                await self._wait()
                self._forward = None
            if self._suspended is not None:
                suspended, self._suspended = self._suspended, None
                await suspended
                continue
            data = self._take()
            if self.complete:
                return data
            await forward(data)

    def _take(self) -> bytes:
        """All bytes since the last call."""
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        self._parts = []
        self._size = 0
        if self._paused:
            self._paused = False
            self._last_received = self._loop.time()
            self.transport.resume_reading()
        return data

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent after this answer."""
        return self.complete and self.keep_alive and self._problem is None and not self.transport.is_closing()

    def abort(self, problem: UpstreamProblem) -> None:
        """Close at once and raise `problem` in the waiting task. An engine stops generating when its connection closes."""
        self._fail(problem)
        self.transport.abort()

    # Callbacks of the event loop.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are not subclasses
        sock = transport.get_extra_info("socket")
        if sock is not None and sock.family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.received = True
        self._last_received = self._loop.time()
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self.abort(NotHttp(f"it did not answer in HTTP ({error.__context__ or error})"))
            return
        if self._forward is not None and not self.complete:
            if not self._parts:
                return
            self._suspended = begin(self._forward(self._take()))
            if self._suspended is None:
                return
            self._forward = None
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._waiting and not self.complete:
            if self._until_close and exc is None:
                self._finish(keep_alive=False)
                self._wake()
            else:
                why = f" ({exc})" if exc else ""
                self._fail(UpstreamLost(f"it closed the connection before its answer was complete{why}"))
        if self.on_lost:
            self.on_lost(self)

    # Callbacks of the parser; an exception stops it. A 1xx answer causes these callbacks before the final one does.

    def on_message_begin(self) -> None:
        if not self._waiting or self.complete:
            raise NotHttp("it sent an answer without a request")
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        if self.status < 200:
            return
        if self.status > 599:
            raise NotHttp(f"it answered with status {self.status}")
        names = {name for name, _ in self.headers}
        framed = b"content-length" in names or b"transfer-encoding" in names or self.status in (204, 304)
        self._until_close = not framed
        self._has_head = True

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._size += len(body)
        if self._size > HIGH_WATER and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._has_head:
            self._finish(self._parser.should_keep_alive())

    # Private methods.

    def _finish(self, keep_alive: bool) -> None:
        self.complete = True
        self.keep_alive = keep_alive
        if self._timer:
            self._timer.cancel()
            self._timer = None

    def _fail(self, problem: UpstreamProblem) -> None:
        if self._problem is None:
            self._problem = problem
        if self._timer:
            self._timer.cancel()
            self._timer = None
        self._wake()

    async def _wait(self) -> None:
        if self._problem is not None:
            raise self._problem
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _check(self) -> None:
        """The timer. Silence counts only while a task waits for the replica, not while the client is slow."""
        idle = self._loop.time() - self._last_received if self._waiter is not None else 0.0
        if idle >= self._patience:
            self.abort(Stalled(self._patience))
        else:
            self._timer = self._loop.call_later(self._patience - idle, self._check)


class Pool:
    """Connections by address; idle ones are kept for the next request."""

    def __init__(self, connect_timeout: float) -> None:
        self._connect_timeout = connect_timeout
        self._idle: dict[Address, list[Connection]] = {}
        self._tls: ssl.SSLContext | None = None

    def reuse(self, address: Address) -> Connection | None:
        """An idle connection, the most recently used one; the replica may have closed it."""
        idle = self._idle.get(address)
        while idle:
            connection = idle.pop()
            if asyncio.get_running_loop().time() - connection.idle_since > IDLE_SECONDS:
                connection.transport.close()
            elif not connection.transport.is_closing():
                return connection
        return None

    async def connect(self, address: Address) -> Connection:
        """Open a connection. Raises `ConnectFailed`."""
        loop = asyncio.get_running_loop()

        def make() -> Connection:
            return Connection(address)

        try:
            async with asyncio.timeout(self._connect_timeout):
                if address.uds:
                    _, connection = await loop.create_unix_connection(make, address.uds)
                else:
                    tls = self._context() if address.tls else None
                    _, connection = await loop.create_connection(make, address.host, address.port, ssl=tls)
        except TimeoutError:
            raise ConnectFailed(f"{address} did not accept a connection within {self._connect_timeout:g} s") from None
        except OSError as error:
            raise ConnectFailed(f"{address} cannot be reached ({reason(error)})") from None
        return connection

    def put_back(self, connection: Connection) -> None:
        """Keep a connection whose answer is complete, if it can be used again."""
        idle = self._idle.setdefault(connection.address, [])
        if not connection.reusable or len(idle) >= IDLE_LIMIT:
            connection.transport.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        connection.on_lost = self._forget
        idle.append(connection)

    def close(self) -> None:
        """Close the idle connections; those in use are closed with their requests."""
        for idle in list(self._idle.values()):
            for connection in list(idle):
                connection.transport.abort()
        self._idle.clear()

    def _forget(self, connection: Connection) -> None:
        idle = self._idle.get(connection.address, [])
        if connection in idle:
            idle.remove(connection)
        if not idle:
            self._idle.pop(connection.address, None)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls
