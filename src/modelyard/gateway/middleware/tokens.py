"""Counts the tokens of an answer from its first and last bytes: a tap beside the answer, which never parses all of it."""

from __future__ import annotations

import re

HEAD, TAIL = 1024, 4096
"""Bytes of an answer that are kept. Engines write `usage` behind the text, or before it where the rest is vectors."""

USAGE = re.compile(rb'"usage"\s*:\s*\{')  # the quotes of the same words inside a text would be escaped
COUNT = re.compile(rb'"(total_tokens|input_tokens|output_tokens)"\s*:\s*(\d{1,12})')
BYTES_PER_TOKEN = 4


class Tap:
    """One answer while it passes."""

    __slots__ = ("_events", "_head", "_request", "_tail")

    def __init__(self, request_bytes: int) -> None:
        self._request = request_bytes
        self._head = b""
        self._tail = b""
        self._events = 0

    def see(self, data: bytes) -> None:
        """A chunk passed."""
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        self._tail = data[-TAIL:] if len(data) >= TAIL else (self._tail + data)[-TAIL:]
        self._events += data.count(b"data:")

    def tokens(self) -> int:
        """What the engine says it used; without that, one token per event and one per four bytes of the request."""
        if not self._head:
            return 0
        for part in (self._tail, self._head):
            if (said := _said(part)) is not None:
                return said
        return self._request // BYTES_PER_TOKEN + self._events


def _said(part: bytes) -> int | None:
    """The sum that the last `usage` in these bytes gives."""
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
