"""Responses that the server makes in the background: each is a generation of the same id, whose events are those of its stream.

What is stored of a response agrees with its generation after a kill of the server as after a normal end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass

import msgspec

from modelyard.core.access import Owner
from modelyard.core.errors import GenerationNotFound, InvalidParameter
from modelyard.generations.service import Generations
from modelyard.generations.storage import EventLine
from modelyard.generations.types import END, Generation, GenerationEvent, GenerationState
from modelyard.responses.store import ResponseStore
from modelyard.responses.types import CANCELLED, FAILED, Json

KIND = "response"
ALL = Owner("", everything=True)
ENDS = frozenset({"response.completed", "response.incomplete", "response.failed"})
ITEM_DONE = "response.output_item.done"
STOPPED = "The server was stopped before the response was complete. Send the request again."


class ResponseEventData(msgspec.Struct):
    """What is read of an event of a stream."""

    type: str
    response: msgspec.Raw = msgspec.Raw(b"null")
    item: msgspec.Raw = msgspec.Raw(b"null")


@dataclass(slots=True)
class ResponseFold:
    """What the events of a response make of it."""

    ended: msgspec.Raw | None = None
    """The response of the last event, if it has come."""
    items: list[msgspec.Raw] | None = None
    """The items of output that are complete."""

    def add(self, type: str, data: msgspec.Raw) -> None:
        """Add an event."""
        if type in ENDS:
            self.ended = msgspec.json.decode(data, type=ResponseEventData).response
        elif type == ITEM_DONE:
            self.items = [*(self.items or ()), msgspec.json.decode(data, type=ResponseEventData).item]

    def body(self, base: Json, ended: Generation) -> Json:
        """The response as it has ended; `base` is what was stored when it began."""
        if self.ended is not None:
            found: Json = msgspec.json.decode(self.ended)
            return found
        output = [msgspec.json.decode(item) for item in self.items or ()]
        if ended.state is GenerationState.STOPPED:
            return {**base, "status": CANCELLED, "output": output}
        message = STOPPED if ended.error is None else ended.error.message
        return {**base, "status": FAILED, "output": output, "error": {"code": "server_error", "message": message}}


class BackgroundResponses:
    """Stores the ends of responses of the background, and lets readers follow their events."""

    def __init__(self, generations: Generations, store: ResponseStore) -> None:
        self.generations = generations
        self._store = store

    def register(self) -> None:
        """Take over the results of generations. Call this before `Generations.settle_all`."""
        self.generations.settle_with(KIND, self.settle)

    async def settle(self, ended: Generation) -> None:
        """Store the end of a response, from its events, unless that has happened."""
        base = await self._store.unended_body(ended.id)
        if base is None:
            return
        fold = ResponseFold()
        async with aclosing(self.generations.follow(ALL, ended.id, wait=False)) as portions:
            async for portion in portions:
                for event in portion:
                    if event.type in ENDS or event.type == ITEM_DONE:
                        fold.add(event.type, msgspec.json.decode(event.json, type=EventLine).data)
        await self._store.end(ended.id, fold.body(base, ended))

    async def end_lost(self, age: float = 0.0) -> None:
        """End the responses, at least `age` seconds old, whose generation is not there."""
        for name in await self._store.unended(age):
            try:
                self.generations.get(ALL, name)
            except GenerationNotFound:
                if (base := await self._store.unended_body(name)) is not None:
                    await self._store.end(name, ResponseFold().body(base, Generation(name, "", KIND, {}, 0.0)))

    async def cancel(self, owner: Owner, name: str) -> Json:
        """Stop a response, and return it. One that has ended stays as it is. Raises `ResponseNotFound` or `InvalidParameter`."""
        if not await self._store.background(owner, name):
            raise InvalidParameter(
                "response_id", "only a response that was created with 'background' can be cancelled."
            )
        with suppress(GenerationNotFound):  # its events are over, so it has ended
            await self.generations.stop(owner, name)
        return await self._store.get(owner, name)

    async def delete(self, owner: Owner, name: str) -> None:
        """Stop and delete a response with its events. Raises `ResponseNotFound`."""
        if await self._store.background(owner, name):
            with suppress(GenerationNotFound):  # its events are over
                await self.generations.delete(owner, name)
        await self._store.delete(owner, name)

    async def follow(self, owner: Owner, name: str, after: int) -> AsyncGenerator[bytes]:
        """The events with sequence numbers larger than `after`, in portions of server-sent events, until the last one.

        Raises `ResponseNotFound` and `InvalidParameter` at once.
        """
        status = (await self._store.get(owner, name))["status"]
        try:
            portions = self.generations.follow(owner, name, after + 1)
        except GenerationNotFound:
            reason = (
                "only responses that were created with 'background' can be streamed again, while their events are kept"
            )
            raise InvalidParameter("stream", f"{reason}; this one is {status}, so leave 'stream' out.") from None
        except InvalidParameter:
            raise InvalidParameter("starting_after", "the response has no event of that number yet.") from None
        return self._frames(owner, name, portions)

    async def _frames(
        self, owner: Owner, name: str, portions: AsyncGenerator[Sequence[GenerationEvent]]
    ) -> AsyncGenerator[bytes]:
        ended = False
        async with aclosing(portions):
            async for events in portions:
                sent = [event for event in events if event.type != END]
                if sent:
                    ended = sent[-1].type in ENDS
                    yield b"".join(map(frame, sent))
                if len(sent) < len(events) and not ended:
                    yield await self._last(owner, name, events[-1].number)

    async def _last(self, owner: Owner, name: str, number: int) -> bytes:
        """The last event of a stream that was stopped before it was written; nothing for a cancelled response."""
        body = await self._store.get(owner, name)
        kind = f"response.{body['status']}"
        if kind not in ENDS or await self._type_of(owner, name, number - 1) in ENDS:
            return b""
        data = {"type": kind, "sequence_number": number - 1, "response": body}
        return _event(kind, msgspec.json.encode(data))

    async def _type_of(self, owner: Owner, name: str, number: int) -> str:
        """The type of an event by its number from 1; empty if there is none."""
        async with aclosing(self.generations.follow(owner, name, max(number - 1, 0), wait=False)) as portions:
            async for events in portions:
                return events[0].type
        return ""


def frame(event: GenerationEvent) -> bytes:
    """An event of a generation as the server-sent event that it was."""
    return _event(event.type, bytes(msgspec.json.decode(event.json, type=EventLine).data))


def _event(name: str, data: bytes) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), data)


def events_in(portion: bytes) -> Iterator[tuple[str, msgspec.Raw]]:
    """The events in a portion of a stream: types, and data as JSON. A portion has whole events."""
    for block in portion.split(b"\n\n"):
        head, _, data = block.partition(b"\ndata: ")
        if data:
            yield head.removeprefix(b"event: ").decode(), msgspec.Raw(data)
