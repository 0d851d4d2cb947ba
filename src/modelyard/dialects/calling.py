"""Sends chat completions for a dialect, and their answers to its client: whole, or translated chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from modelyard.core.asgi import Headers, Send
from modelyard.core.errors import ModelyardError
from modelyard.gateway.asgi import ClientLeft
from modelyard.gateway.sender import Answer, Sender, Sink
from modelyard.protocol.chat_parts import ChatPart, chat_part
from modelyard.protocol.events import EventReader
from modelyard.web import sse

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
JSON_TYPE = (b"content-type", b"application/json")
EVENT_HEADERS: Headers = [
    (b"content-type", f"{sse.MEDIA_TYPE}; charset=utf-8".encode()),
    *((name.encode(), value.encode()) for name, value in sse.HEADERS.items()),
]


class StreamTranslator(Protocol):
    """Turns the chunks of one chat completion into the bytes of a stream of another system."""

    def begin(self) -> bytes:
        """What is sent before the first chunk."""

    def add(self, part: ChatPart) -> bytes:
        """What a chunk becomes."""

    def end(self) -> bytes:
        """What is sent after the last chunk."""


async def whole_chat(sender: Sender, body: Mapping[str, Any], path: str = CHAT) -> ChatPart:
    """The whole answer of a model. Raises the errors of the gateway and of the engine."""
    answer = await sender(path, msgspec.json.encode(body))
    try:
        return chat_part(str(body["model"]), await answer.body())
    finally:
        await answer.aclose()


async def send_stream(
    send: Send,
    sender: Sender,
    body: Mapping[str, Any],
    translator: StreamTranslator,
    headers: Headers,
    comment: Callable[[], bytes] | None,
    path: str = CHAT,
) -> None:
    """Send a streamed answer, with a comment in each long silence if there are comments. Raises the errors of the model.

    An error before the model's answer has begun is raised before anything was sent, unless the model is silent for so long
    that the client needs a sign of life.
    """
    opening = asyncio.ensure_future(sender(path, msgspec.json.encode(body)))
    try:
        await asyncio.wait([opening], timeout=None if comment is None else sse.PING_SECONDS)
        if opening.done():
            opening.result()
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        pings = sse.Pings(send, comment or bytes)
        try:
            await _translate(opening, str(body["model"]), translator, send, pings.beat)
        finally:
            pings.stop()
    finally:
        await close_answer(opening)


async def translated_chunks(
    opening: asyncio.Future[Answer], model: str, add: Callable[[ChatPart], bytes]
) -> AsyncGenerator[bytes]:
    """What the chunks of an answer become. A portion of the model's bytes becomes one portion here."""
    answer, reader = await opening, EventReader()
    while portion := await answer.read():
        if found := b"".join(add(chat_part(model, data)) for data in reader.feed(portion)):
            yield found
    if found := b"".join(add(chat_part(model, data)) for data in reader.finish()):
        yield found


async def relay_chunks(
    opening: asyncio.Future[Answer], model: str, add: Callable[[ChatPart], bytes], forward: Sink
) -> None:
    """Forward what the chunks of an answer become, as `translated_chunks` does, but without waking a task for each portion.

    `forward` may be called outside of any task, and with nothing.
    """
    reader = EventReader()

    def translated(chunks: Iterable[bytes]) -> bytes:
        return b"".join([add(chat_part(model, data)) for data in chunks])

    answer = await opening
    await answer.relay(lambda portion: forward(translated(reader.feed(portion))))
    await forward(translated(reader.finish()))


async def _translate(
    opening: asyncio.Future[Answer], model: str, translator: StreamTranslator, send: Send, beat: Callable[[], None]
) -> None:
    """Send the body of a stream. A portion of the model's bytes becomes one portion here. `beat` is called after each."""

    async def forward(data: bytes) -> None:
        if data:
            await send({"type": "http.response.body", "body": data, "more_body": True})
            beat()

    await forward(translator.begin())
    await relay_chunks(opening, model, translator.add, forward)
    await send({"type": "http.response.body", "body": translator.end(), "more_body": False})


async def close_answer(opening: asyncio.Future[Answer]) -> None:
    """Cancel a request that is open; closing an answer stops the model."""
    opening.cancel()
    with suppress(asyncio.CancelledError, ModelyardError, ClientLeft):
        await (await opening).aclose()


async def send_json(send: Send, value: Any) -> None:
    """Send a whole answer."""
    data = msgspec.json.encode(value)
    headers = [JSON_TYPE, (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": data})
