"""Requests in flight, by replica and model: written by the gateway, read by the control loop. In memory only."""

from __future__ import annotations

import time
from collections import Counter


class Traffic:
    """Counters of one gateway process. Not thread-safe: use them on one event loop."""

    def __init__(self) -> None:
        self.in_flight: Counter[str] = Counter()
        """Replica → number of requests whose answer has not ended."""
        self.last_byte: dict[str, float] = {}
        """Replica → monotonic time at which it last sent a byte."""

    def begin(self, replica: str) -> None:
        """Count a request that is sent to a replica."""
        self.in_flight[replica] += 1

    def end(self, replica: str) -> None:
        """Count the end of an answer, successful or not."""
        self.in_flight[replica] -= 1
        if self.in_flight[replica] <= 0:
            del self.in_flight[replica]

    def touch(self, replica: str) -> None:
        """Record that the replica sent bytes."""
        self.last_byte[replica] = time.monotonic()

    def forget(self, replica: str) -> None:
        """Delete the counters of a replica that has ended."""
        self.last_byte.pop(replica, None)
