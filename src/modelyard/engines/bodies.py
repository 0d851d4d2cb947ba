"""Helpers for ASGI middleware: read a whole body, forward another one, answer, and fetch the files that a body names."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

from modelyard.core.asgi import App, Message, Receive, Scope, Send, replay
from modelyard.core.errors import InvalidParameter
from modelyard.engines.media import Media, MediaRefused, read


async def respond(send: Send, status: int, body: bytes) -> None:
    """Send a complete JSON answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def refuse(send: Send, param: str, problem: str) -> None:
    """Send a 400 in OpenAI's envelope, worded like the server's own errors."""
    message = InvalidParameter(param, problem).message
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": 400}
    await respond(send, 400, json.dumps({"error": error}).encode())


async def whole_body(receive: Receive) -> bytes | None:
    """Read the body of a request; None if the client disconnected."""
    parts = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def forward(app: App, body: bytes, scope: Scope, receive: Receive, send: Send) -> None:
    """Call the application with another body for the request."""
    length = (b"content-length", str(len(body)).encode())
    kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
    await app({**scope, "headers": [*kept, length]}, replay(body, receive), send)


async def with_data(media: Media, body: bytes, receive: Receive, send: Send) -> bytes | None:
    """Fetch the addresses in a body, and return the body with the data in their place; see `media.py`.

    None if the request was answered with a refusal, or if the client disconnected, which cancels the fetches.
    """
    try:
        request = read(body)
    except MediaRefused as error:
        await refuse(send, error.param, str(error))
        return None
    if request is None:
        return body
    fetching = asyncio.ensure_future(media.replaced(request))
    leaving = asyncio.ensure_future(receive())
    try:
        await asyncio.wait((fetching, leaving), return_when=asyncio.FIRST_COMPLETED)
        if leaving.done() and leaving.result()["type"] == "http.disconnect":
            return None
        return await fetching
    except MediaRefused as error:
        await refuse(send, error.param, str(error))
        return None
    finally:
        await _cancelled((fetching, leaving))


async def _cancelled(tasks: Sequence[asyncio.Future[bytes] | asyncio.Future[Message]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
