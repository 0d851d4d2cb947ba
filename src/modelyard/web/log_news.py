"""Follows the logs of many models, jobs and the server for one caller, whose access is checked again all the time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence

import msgspec

from modelyard.core.access import Grant
from modelyard.monitor.logs.service import LogFollowing
from modelyard.protocol.logs import LogEntry, LogNews
from modelyard.web.deps import Parts
from modelyard.web.sse import EventStream

PAUSE = 0.25
"""Seconds between two looks at logs that have nothing new."""


class LogNewsReader:
    """One follower."""

    def __init__(self, parts: Parts, following: LogFollowing, access: Callable[[], Grant | None]) -> None:
        """`access` returns the caller's grant; it raises once its key is not valid any more."""
        self._parts = parts
        self._following = following
        self._access = access
        self._id = following.reading.place.text()

    def stream(self, entries: Sequence[LogEntry]) -> EventStream:
        """These entries, and then new ones until the client disconnects or the server ends."""
        return EventStream(self._news(entries), comment=self._comment)

    def _comment(self) -> bytes:
        """A sign of life, with the present place: what was read since the last event did not match."""
        return f": ping\nid: {self._id}\n\n".encode()

    async def _news(self, entries: Sequence[LogEntry]) -> AsyncGenerator[bytes]:
        yield self._event(entries)
        while not self._parts.events.ring.closed:
            found = await self._parts.monitor.logs.read_on(self._access(), self._following)
            self._id = self._following.reading.place.text()
            if found:
                yield self._event(found)
            else:
                await asyncio.sleep(PAUSE)

    def _event(self, entries: Sequence[LogEntry]) -> bytes:
        news = msgspec.json.encode(LogNews(id=self._id, data=list(entries)))
        return f"id: {self._id}\nevent: logs\ndata: ".encode() + news + b"\n\n"
