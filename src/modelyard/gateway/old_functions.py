"""Translates the answer to a chat request with `functions`, OpenAI's older name of `tools`, as it is sent."""

from __future__ import annotations

from modelyard.core.asgi import Headers, Message, Send
from modelyard.gateway.asgi import header
from modelyard.gateway.model_call import ModelCall
from modelyard.protocol.events import DONE, PREFIX, EventReader
from modelyard.protocol.inference import ChatRequest
from modelyard.protocol.old_functions import old_answer


def is_old(call: ModelCall) -> bool:
    """Whether the answer to a request must be translated."""
    return type(call.request) is ChatRequest and bool(call.request.functions)


class OldFunctions:
    """The `send` of one answer: translates a whole answer when it is complete, a stream event by event, and errors not at all."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._reader: EventReader | None = None
        self._tail = b""
        self._head: Message | None = None
        """The head of a whole answer, until it is sent."""
        self._body = bytearray()

    async def send(self, message: Message) -> None:
        """Receive an ASGI message of the answer, and send its translation."""
        if message["type"] == "http.response.start":
            kind = header(message["headers"], b"content-type") or b""
            if message["status"] < 400 and not kind.startswith(b"text/event-stream"):
                self._head = message
                return
            if message["status"] < 400:
                self._reader = EventReader()
                message = {**message, "headers": _without_length(message)}
            await self._send(message)
            return
        last = not message.get("more_body", False)
        if self._head is not None:
            self._body += message.get("body", b"")
            if last:
                await self._complete(self._head)
        elif self._reader is not None:
            await self._send({**message, "body": self._events(self._reader, message.get("body", b""), last)})
        else:
            await self._send(message)

    async def close(self) -> None:
        """After an answer that broke off: send the part that has arrived, so that no client takes the answer for complete."""
        if self._head is not None:
            head, self._head = self._head, None
            await self._send(head)
            await self._send({"type": "http.response.body", "body": bytes(self._body), "more_body": True})

    async def _complete(self, head: Message) -> None:
        self._head, body = None, old_answer(bytes(self._body))
        length = (b"content-length", str(len(body)).encode())
        await self._send({**head, "headers": [*_without_length(head), length]})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    def _events(self, reader: EventReader, portion: bytes, last: bool) -> bytes:
        events = [*reader.feed(portion), *(reader.finish() if last else ())]
        self._tail = (self._tail + portion)[-2 * len(DONE) :]
        if last and DONE in self._tail:
            events.append(DONE)
        return b"".join(PREFIX + (data if data == DONE else old_answer(data)) + b"\n\n" for data in events)


def _without_length(head: Message) -> Headers:
    """The headers without `content-length`, for an answer whose body changes."""
    return [pair for pair in head["headers"] if pair[0] != b"content-length"]
