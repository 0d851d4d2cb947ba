"""Requests in flight, by replica and model: written by the gateway, read by the control loop. In memory only."""

from __future__ import annotations

import time
from collections import Counter


class Traffic:
    """Counters of one gateway process. Not thread-safe: use them on one event loop."""

    def __init__(self) -> None:
        self.in_flight: Counter[str] = Counter()
        """Replica → number of requests whose answer has not ended."""
        self.background: Counter[str] = Counter()
        """Replica → those of them that are background work, for which nobody waits."""
        self.last_byte: dict[str, float] = {}
        """Replica → monotonic time at which it last sent a byte."""

    def begin(self, replica: str, background: bool = False) -> None:
        """Count a request that is sent to a replica."""
        self.in_flight[replica] += 1
        if background:
            self.background[replica] += 1

    def end(self, replica: str, background: bool = False) -> None:
        """Count the end of an answer, successful or not."""
        for counter in (self.in_flight, self.background) if background else (self.in_flight,):
            counter[replica] -= 1
            if counter[replica] <= 0:
                del counter[replica]

    def waited_for(self, replica: str) -> int:
        """Requests in flight that are no background work."""
        return self.in_flight[replica] - self.background[replica]

    def touch(self, replica: str) -> None:
        """Record that the replica sent bytes."""
        self.last_byte[replica] = time.monotonic()

    def forget(self, replica: str) -> None:
        """Delete the counters of a replica that has ended."""
        self.last_byte.pop(replica, None)
