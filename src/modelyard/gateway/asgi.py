"""The answers of the gateway itself: errors, and `OPTIONS`. Answers of replicas do not pass through here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from modelyard.core.asgi import Headers, Receive, Send
from modelyard.core.errors import ModelyardError
from modelyard.protocol import errors

LINGER_SECONDS = 2.0
LINGER_BYTES = 64 * 1024 * 1024


class ClientLeft(Exception):
    """The client disconnected."""


@dataclass(frozen=True, slots=True)
class ErrorForm:
    """The form of errors at a path. Interfaces of other systems have forms of their own."""

    body: Callable[[ModelyardError, str], bytes]
    """Encodes an error and the id of its request as the body of an answer."""
    event: Callable[[ModelyardError, str], bytes]
    """Encodes an error and the id of its request as the last event of a stream that has begun."""
    media_type: bytes = b"text/event-stream"
    """Content type of the streams that can end with an `event`."""
    end: bytes = b"\n\n"
    """The bytes that separate two events of such a stream."""


OWN_FORM = ErrorForm(lambda error, _: errors.encode(error), lambda error, _: errors.sse_event(error))
"""OpenAI's error, as `protocol/errors.py` builds it."""


def header(headers: Headers, name: bytes) -> bytes | None:
    """The value of a header, or None; names in ASGI are lower case."""
    for key, value in headers:
        if key == name:
            return value
    return None


async def send_error(
    send: Send,
    error: ModelyardError,
    headers: Headers,
    more: bool = False,
    form: ErrorForm = OWN_FORM,
    identity: str = "",
) -> int:
    """Answer with an error; returns the length of its body in bytes. With `more`, the answer stays open for `linger`.

    `identity` is the id of the request, which some forms contain.
    """
    body = form.body(error, identity)
    error_headers = [(name.encode(), value.encode()) for name, value in errors.headers(error).items()]
    fixed = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": error.status, "headers": [*fixed, *error_headers, *headers]})
    await send({"type": "http.response.body", "body": body, "more_body": more})
    return len(body)


async def end_stream(
    send: Send, headers: Headers, last: bytes, error: ModelyardError, form: ErrorForm = OWN_FORM, identity: str = ""
) -> None:
    """End an answer that has begun and cannot be completed: a stream gets the error as its last event.

    Any other answer is left incomplete. The server then closes the connection, so that no client takes it for complete.
    `last` is the data that was sent last.
    """
    kind = header(headers, b"content-type") or b""
    if not kind.startswith(form.media_type) or header(headers, b"content-length") is not None:
        return
    gap = b"" if last.endswith(form.end) or not last else form.end
    await send({"type": "http.response.body", "body": gap + form.event(error, identity), "more_body": False})


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
