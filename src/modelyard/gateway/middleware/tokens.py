"""Counts the tokens of an answer from its first and last bytes, and times its events, without parsing all of it."""

from __future__ import annotations

import re
from bisect import bisect
from collections import deque
from dataclasses import dataclass

from modelyard.gateway.middleware.buckets import BOUNDS

HEAD, TAIL = 1024, 4096
"""Bytes of an answer that are kept. Engines write `usage` after the text, or first if vectors follow."""
LAST_CHUNKS = 8
"""Chunks at the end of an answer that are kept; a small chunk is an event, and `usage` stands in the last ones."""

USAGE = re.compile(rb'"usage"\s*:\s*\{')  # in the text of an answer, these quotes would be escaped
COUNT = re.compile(
    rb'"(total_tokens|input_tokens|prompt_tokens|output_tokens|completion_tokens|cached_tokens)"\s*:\s*(\d{1,12})'
)
TOKEN = re.compile(rb'"(?:content|reasoning_content|reasoning|text|arguments|name)"\s*:\s*"(?!")')
"""Text in an event of a stream: the first event that has it carries the first token."""
BYTES_PER_TOKEN = 4
TWO_EVENTS = 300
"""Bytes of a chunk that may hold more than one event."""
EVENTS_AROUND = 3
"""Events of a stream without a token: the role, the end of the text, and `[DONE]`."""


@dataclass(frozen=True, slots=True)
class TokenCounts:
    """The tokens of one request."""

    tokens_in: int = 0
    tokens_out: int = 0
    cached: int = 0
    """Tokens of the prompt that the engine had computed for an earlier request."""
    total: int = 0
    """The engine's own total, which limits count."""
    estimated: bool = False
    """Whether the engine reported no usage: then a token is an event of the answer, and four bytes of the request."""


NO_USAGE = TokenCounts()


class Tap:
    """Observes one answer."""

    __slots__ = (
        "_before",
        "_gaps",
        "_head",
        "_keep",
        "_last",
        "_request",
        "counted",
        "events",
        "first_token",
        "streams",
    )

    def __init__(self, request_bytes: int) -> None:
        self.streams = False
        """Whether the answer is a stream of events."""
        self.first_token = 0.0
        """Monotonic time of the first event with text; 0 before, and for other answers."""
        self.events = 0
        """The number of events until now."""
        self.counted = 0
        """Tokens of the answer that were counted while it was in progress."""
        self._gaps: list[int] = []
        self._before = 0.0
        self._request = request_bytes
        self._head = b""
        self._last: deque[bytes] = deque(maxlen=LAST_CHUNKS)
        self._keep = self._last.append

    def time(self, gaps: list[int]) -> None:
        """Count the times between the events of a stream in the first items of `gaps`."""
        self.streams, self._gaps = True, gaps

    def see(self, data: bytes, now: float = 0.0) -> None:
        """Process a chunk of the answer that arrived at a monotonic time. Runs once for each chunk, so it must stay cheap."""
        size = len(data)
        self._keep(data if size <= TAIL else data[-TAIL:])
        if before := self._before:
            self._gaps[bisect(BOUNDS, now - before)] += 1
            self._before = now
            self.events += 1 if size < TWO_EVENTS else data.count(b"data:")
        else:
            self._see_beginning(data, now)

    def _see_beginning(self, data: bytes, now: float) -> None:
        """Process a chunk before the first token, or of an answer that is not timed."""
        self.events += data.count(b"data:")
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        if self.streams and TOKEN.search(data):
            self.first_token = self._before = now

    def see_last(self, data: bytes, now: float = 0.0) -> None:
        """Process the end of the answer. Only a first token is timed there, because its last events carry none."""
        self.streams = self.streams and not self.first_token
        self._before = 0.0
        self.see(data, now)

    def tokens(self) -> int:
        """The engine's own count; without one, a token per event and per four bytes of the request."""
        return self.usage().total

    def usage(self) -> TokenCounts:
        """The tokens of the request and of the answer until now."""
        if not self._head:
            return NO_USAGE
        for part in (b"".join(self._last)[-TAIL:], self._head):
            if (counts := _usage(part)) is not None:
                tokens_in = counts.get(b"prompt_tokens", counts.get(b"input_tokens", 0))
                tokens_out = counts.get(b"completion_tokens", counts.get(b"output_tokens", 0))
                total = counts.get(b"total_tokens", tokens_in + tokens_out)
                return TokenCounts(tokens_in, tokens_out, counts.get(b"cached_tokens", 0), total)
        total = self._request // BYTES_PER_TOKEN + self.events
        if not self.events:
            return TokenCounts(total=total)
        tokens_out = max(0, self.events - EVENTS_AROUND)
        return TokenCounts(self._request // BYTES_PER_TOKEN, tokens_out, 0, total, estimated=True)


def _usage(part: bytes) -> dict[bytes, int] | None:
    """The counts of the last `usage` in these bytes; None if there is none."""
    begin = -1
    for found in USAGE.finditer(part):
        begin = found.end()
    if begin < 0:
        return None
    counts: dict[bytes, int] = {}
    for found in COUNT.finditer(part, begin):
        counts.setdefault(found[1], int(found[2]))
    return counts or None
