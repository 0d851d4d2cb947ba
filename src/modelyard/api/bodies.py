"""Limits the size of request bodies, after the check of keys and before the framework, which would read any size."""

from __future__ import annotations

from modelyard.api.body_sizes import SMALL, Limit, limit_of
from modelyard.core.asgi import App, Headers, Message, Receive, Scope, Send
from modelyard.core.config import Settings
from modelyard.core.errors import BodyTooLarge, ModelyardError, TooManyValues
from modelyard.gateway.asgi import header, linger, send_error

CLOSE = [(b"connection", b"close")]


class BodyLimits:
    """Middleware that limits a body to the size that `body_sizes.py` computes for the route.

    A body with a too large `Content-Length` is answered 413 before a byte is read. A body without one, and one
    with a limit of JSON values, is counted while the app reads it.
    """

    def __init__(self, app: App, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers: Headers = scope["headers"]
        size = int(header(headers, b"content-length") or 0)
        chunked = header(headers, b"transfer-encoding") is not None
        if not chunked and size <= min(SMALL, self._settings.max_body_bytes):
            await self._app(scope, receive, send)
            return
        kind = (header(headers, b"content-type") or b"").lstrip().lower()
        limit = limit_of(scope, kind.startswith(b"multipart/form-data"), self._settings)
        if size > limit.size:
            await refuse(BodyTooLarge(limit.size, limit.setting), headers, receive, send)
            return
        counted = CountedBody(limit, receive, send)
        await self._app(scope, counted.receive, counted.send)
        if counted.error is not None and not counted.started:
            await refuse(counted.error, headers, receive, send)


class CountedBody:
    """`receive` and `send` of a request whose body is counted. At the limit the app receives a disconnect, and its answer is
    not sent."""

    def __init__(self, limit: Limit, receive: Receive, send: Send) -> None:
        self.error: ModelyardError | None = None
        self.started = False
        self._limit = limit
        self._left = limit.size
        self._values = ValueCounter()
        self._receive = receive
        self._send = send

    async def receive(self) -> Message:
        if self.error is not None:
            return {"type": "http.disconnect"}
        message = await self._receive()
        part = message.get("body", b"")
        self._left -= len(part)
        most = self._limit.most_values
        if self._left < 0:
            self.error = BodyTooLarge(self._limit.size, self._limit.setting)
        elif part and most is not None and self._values.add(part) > most:
            self.error = TooManyValues(most, self._limit.values_setting)
        return message if self.error is None else {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        if self.error is not None and not self.started:
            return
        self.started = True
        await self._send(message)


class ValueCounter:
    """Counts the values of a JSON text that arrives in parts without decoding it, by the commas and brackets outside of
    strings. For a text that is not JSON the number has no meaning."""

    def __init__(self) -> None:
        self._count = 0
        self._in_string = False
        self._escaped = False  # whether the previous part ended with an escaping backslash

    def add(self, part: bytes) -> int:
        """Count one more part; returns the number so far, which is never less than the number of values."""
        if self._escaped:
            part = part[1:]
        plain = part.replace(b"\\\\", b"")
        self._escaped = (self._in_string or b'"' in plain) and plain.endswith(b"\\")
        pieces = plain.replace(b'\\"', b"").split(b'"')
        outside = b"".join(pieces[1 if self._in_string else 0 :: 2])
        self._in_string ^= len(pieces) % 2 == 0
        self._count += outside.count(b",") + outside.count(b"[") + outside.count(b"{")
        return self._count


async def refuse(error: ModelyardError, headers: Headers, receive: Receive, send: Send) -> None:
    """Answer before the body has been read, and close the connection.

    A client that waits for `100 Continue` sends nothing more; of other clients the rest is read
    for a moment, so that they receive the answer.
    """
    waits = header(headers, b"expect") is not None
    await send_error(send, error, CLOSE, more=not waits)
    if not waits:
        await linger(receive, send)
