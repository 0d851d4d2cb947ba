"""Makes responses in the background, as generations that go on without their client."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

from modelyard.core.access import Owner
from modelyard.core.asgi import Send
from modelyard.core.errors import ModelyardError
from modelyard.dialects.calling import EVENT_HEADERS, send_json
from modelyard.dialects.responses.run import ResponseRun
from modelyard.gateway.sender import Caller
from modelyard.generations.types import EventWriter
from modelyard.responses.background import KIND, events_in
from modelyard.responses.service import Responses
from modelyard.responses.types import Json
from modelyard.web import sse


class BackgroundRuns:
    """Begins responses, and answers the requests that began them."""

    def __init__(self, responses: Responses) -> None:
        self._responses = responses

    async def serve(self, run: ResponseRun, caller: Caller, send: Send, *, stream: bool) -> None:
        """Store a response as `queued`, begin it, and send it as it is then, or as a stream that may be left.

        A client that disconnects meanwhile stops neither. Raises `RateLimited` or `NotEnoughDisk`, and then nothing is stored.
        """
        owner, name = Owner.of(caller.grant), run.setting.answer.id
        store, background = self._responses.store, self._responses.background

        async def make(writer: EventWriter) -> None:
            await store.begun(name)
            try:
                async with aclosing(run.events()) as portions:
                    async for portion in portions:
                        for kind, data in events_in(portion):
                            await writer.emit(kind, data)
            except ModelyardError as error:
                for kind, data in events_in(run.failure(error)):
                    await writer.emit(kind, data)
                raise

        async def begin() -> Json:
            await run.queue()
            body, begun = await store.get(owner, name), False
            try:
                await background.generations.begin(owner, KIND, make, {"model": run.setting.answer.model}, name=name)
                begun = True
            finally:
                if not begun:
                    await background.delete(owner, name)
            return body

        body = await asyncio.shield(begin())
        if not stream:
            await send_json(send, body)
            return
        events = await background.follow(owner, name, -1)
        await send({"type": "http.response.start", "status": 200, "headers": EVENT_HEADERS})
        await sse.send_events(events, send)
