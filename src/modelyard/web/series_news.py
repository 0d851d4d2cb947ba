"""Follows figures over time for one caller, whose access is checked again all the time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from modelyard.core.access import Grant
from modelyard.core.event_ring import EventRing
from modelyard.monitor.reading import Grouping, Label
from modelyard.monitor.series import SeriesRecorder
from modelyard.protocol.metrics import FigureName, SeriesList, SeriesNews
from modelyard.web.sse import EventStream

PAUSE = 2.0
"""Least seconds between two events."""
SETTLED = 1.0
"""Seconds after the end of a step when all of it is recorded."""


@dataclass(frozen=True, slots=True)
class SeriesReader:
    """One follower of some figures."""

    recorder: SeriesRecorder
    ring: EventRing
    """Its end is that of the server."""
    names: Sequence[FigureName]
    by: Grouping
    access: Callable[[], Grant | None]
    """Returns the caller's grant; raises once its key is not valid any more."""
    sees: Callable[[Grant | None], Callable[[Label], bool]]

    def stream(self, since: float | None, step: float) -> EventStream:
        """The steps since a Unix time that are complete, and then further ones as they are completed."""
        return EventStream(self._news(since, step))

    async def _news(self, since: float | None, step: float) -> AsyncGenerator[bytes]:
        while not self.ring.closed:
            page = await self.recorder.read(self.names, self.by, since, step, self.sees(self.access()), SETTLED)
            since, step = page.since + page.steps * page.step, page.step
            if page.steps:
                yield _event(page, since)
            await self._wait(max(PAUSE, since + step + SETTLED - time.time()))

    async def _wait(self, seconds: float) -> None:
        """Wait at most so long: until the server ends. Raises once the caller's key is not valid any more."""
        until = time.monotonic() + seconds
        while not self.ring.closed and (left := until - time.monotonic()) > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.ring.end(), min(left, PAUSE))
            self.access()


def _event(page: SeriesList, end: float) -> bytes:
    news = SeriesNews(id=f"{end:.0f}", since=page.since, step=page.step, steps=page.steps, data=page.data)
    return f"id: {news.id}\nevent: series\ndata: ".encode() + msgspec.json.encode(news) + b"\n\n"
