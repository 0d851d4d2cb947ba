"""The recent changes of a server, numbered and kept in memory within bounds, for readers that follow them.

A reader keeps nothing but the number of the last change that it has read, so a slow reader costs no memory: once the ring has
dropped what comes next for it, `after` says so, and the reader begins anew with a snapshot.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

MOST_EVENTS = 4096
MOST_BYTES = 2 * 2**20
"""Bytes of all frames that the ring keeps; the newest event stays, however long it is."""
NUMBER_DIGITS = 15
"""An id of an event whose number has more digits is none of ours."""


@dataclass(frozen=True, slots=True)
class RingEvent:
    """One change as readers receive it."""

    number: int
    topic: str
    frame: bytes
    """The server-sent event, encoded once for all readers."""
    model: str | None = None
    """The model that it is about, which a reader's key must be allowed to see."""
    owner: str | None = None
    """The owner id of the private row that it is about."""


class EventRing:
    """Use it on one event loop. Numbers begin at 1; `epoch` differs in every run of the server."""

    def __init__(self, most_events: int = MOST_EVENTS, most_bytes: int = MOST_BYTES) -> None:
        self.epoch = secrets.token_hex(5)
        self.newest = 0
        """The number of the newest event; 0 before the first one."""
        self.closed = False
        self.readers = 0
        """The number of readers at present, which they count themselves."""
        self._most_events = most_events
        self._most_bytes = most_bytes
        self._events: deque[RingEvent] = deque()
        self._bytes = 0
        self._changed = asyncio.Event()
        self._ended = asyncio.Event()

    @property
    def size(self) -> int:
        """Bytes of the frames that are kept."""
        return self._bytes

    def publish(
        self, topic: str, type: str, data: bytes, *, model: str | None = None, owner: str | None = None
    ) -> RingEvent:
        """Add an event whose data is this JSON, and wake the readers."""
        self.newest += 1
        event = RingEvent(self.newest, topic, self.frame(self.newest, topic, type, data), model, owner)
        self._events.append(event)
        self._bytes += len(event.frame)
        while len(self._events) > self._most_events or (self._bytes > self._most_bytes and len(self._events) > 1):
            self._bytes -= len(self._events.popleft().frame)
        self._wake()
        return event

    def frame(self, number: int, topic: str, type: str, data: bytes) -> bytes:
        """Encode an event."""
        name = self.id_of(number)
        head = (
            f'id: {name}\nevent: {type}\ndata: {{"id":"{name}","topic":"{topic}","type":"{type}","at":{time.time():.3f}'
        )
        return b'%b,"data":%b}\n\n' % (head.encode(), data)

    def id_of(self, number: int) -> str:
        """The id of an event: `EPOCH-NUMBER`."""
        return f"{self.epoch}-{number}"

    def number_of(self, id: str) -> int | None:
        """The number in an id; None for an id of another run of the server, and for one that was never given."""
        epoch, _, digits = id.rpartition("-")
        if epoch != self.epoch or not digits.isascii() or not digits.isdecimal() or len(digits) > NUMBER_DIGITS:
            return None
        number = int(digits)
        return number if number <= self.newest else None

    def after(self, number: int) -> Sequence[RingEvent] | None:
        """The events with larger numbers; None if the ring has dropped some of them."""
        missing = self.newest - number
        if missing > len(self._events):
            return None
        return list(islice(self._events, len(self._events) - missing, None))

    async def wait(self, number: int) -> None:
        """Return when there is an event with a larger number, or when the ring is closed."""
        while self.newest <= number and not self.closed:
            await self._changed.wait()

    async def end(self) -> None:
        """Return when the ring is closed."""
        await self._ended.wait()

    def close(self) -> None:
        """Let every reader end: the server is shutting down."""
        self.closed = True
        self._ended.set()
        self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()
