"""Requests in flight, per replica and per model: written by the gateway, read by the control loop. In memory only."""

from __future__ import annotations

import time
from collections import Counter


class Traffic:
    """Counters that one gateway process bumps around every request. Not thread-safe: everything runs on one event loop."""

    def __init__(self) -> None:
        self.in_flight: Counter[str] = Counter()
        """Replica → requests whose answer has not ended."""
        self.last_byte: dict[str, float] = {}
        """Replica → monotonic time at which it last sent a byte."""

    def begin(self, replica: str) -> None:
        """A request was handed to a replica."""
        self.in_flight[replica] += 1

    def end(self, replica: str) -> None:
        """Its answer ended, in whatever way."""
        self.in_flight[replica] -= 1
        if self.in_flight[replica] <= 0:
            del self.in_flight[replica]

    def touch(self, replica: str) -> None:
        """The replica sent bytes, so it lives."""
        self.last_byte[replica] = time.monotonic()

    def forget(self, replica: str) -> None:
        """The replica is gone."""
        self.last_byte.pop(replica, None)
