"""The answers of the gateway itself: errors, and `OPTIONS`. Answers of replicas do not pass through here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from modelyard.core.asgi import Headers, Receive, Send
from modelyard.core.errors import ModelyardError
from modelyard.protocol import errors

LINGER_SECONDS = 2.0
LINGER_BYTES = 64 * 1024 * 1024


class ClientLeft(Exception):
    """The client disconnected."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The value of a header, or None; names in ASGI are lower case."""
    for key, value in headers:
        if key == name:
            return value
    return None


async def send_error(send: Send, error: ModelyardError, headers: Headers, more: bool = False) -> int:
    """Answer with the error envelope; returns its length in bytes. With `more`, the answer stays open for `linger`."""
    body = errors.encode(error)
    own = [(name.encode(), value.encode()) for name, value in errors.headers(error).items()]
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": [*fixed, *own, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": more})
    return len(body)


async def end_stream(send: Send, headers: Headers, last: bytes, error: ModelyardError) -> None:
    """End an answer that has begun and cannot be completed: a stream gets the error as its last event.

    Any other answer is left incomplete. The server then closes the connection, so that no client takes it for complete.
    `last` is the data that was sent last.
    """
    kind = header(headers, b"content-type") or b""
    if not kind.startswith(b"text/event-stream") or header(headers, b"content-length") is not None:
        return
    gap = b"" if last.endswith(b"\n\n") or not last else b"\n\n"
    await send({"type": "http.response.body", "body": gap + errors.sse_event(error), "more_body": False})


async def send_options(send: Send, allowed: Sequence[str], headers: Headers) -> None:
    """Answer `OPTIONS` with the methods of a path."""
    fixed = [(b"allow", ", ".join(allowed).encode()), (b"content-length", b"0")]
    await send({"type": "http.response.start", "status": 200, "headers": [*fixed, *headers]})
    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def linger(receive: Receive, send: Send) -> None:
    """Read the rest of a request for a moment, then close the connection.

    If it were closed while the client still sends, it would be reset, and the client would lose the answer.
    """
    limit = LINGER_BYTES
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while limit > 0:
                message = await receive()
                limit -= len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body"):
                    break
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b"", "more_body": False})
