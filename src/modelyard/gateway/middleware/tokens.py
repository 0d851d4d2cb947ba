"""Counts the tokens of an answer from its first and last bytes, without parsing all of it."""

from __future__ import annotations

import re

HEAD, TAIL = 1024, 4096
"""Bytes of an answer that are kept. Engines write `usage` after the text, or first if vectors follow."""

USAGE = re.compile(rb'"usage"\s*:\s*\{')  # in the text of an answer, these quotes would be escaped
COUNT = re.compile(rb'"(total_tokens|input_tokens|output_tokens)"\s*:\s*(\d{1,12})')
BYTES_PER_TOKEN = 4


class Tap:
    """Observes one answer."""

    __slots__ = ("_events", "_head", "_request", "_tail")

    def __init__(self, request_bytes: int) -> None:
        self._request = request_bytes
        self._head = b""
        self._tail = b""
        self._events = 0

    def see(self, data: bytes) -> None:
        """Process a chunk of the answer."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._tail = data[-TAIL:] if len(data) >= TAIL else (self._tail + data)[-TAIL:]
        self._events += data.count(b"data:")

    def tokens(self) -> int:
        """The engine's own count; without one, a token per event and per four bytes of the request."""
        if not self._head:
            return 0
        for part in (self._tail, self._head):
            if (total := _usage_total(part)) is not None:
                return total
        return self._request // BYTES_PER_TOKEN + self._events


def _usage_total(part: bytes) -> int | None:
    """The total in the last `usage` of these bytes; None if there is none."""
    begin = -1
    for found in USAGE.finditer(part):
        begin = found.end()
    if begin < 0:
        return None
    counts: dict[bytes, int] = {}
    for found in COUNT.finditer(part, begin):
        counts.setdefault(found[1], int(found[2]))
    if b"total_tokens" in counts:
        return counts[b"total_tokens"]
    return sum(counts.values()) if counts else None
