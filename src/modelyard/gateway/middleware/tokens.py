"""Counts the tokens of an answer from its first and last bytes, and times its events, without parsing all of it."""

from __future__ import annotations

import re
from array import array
from bisect import bisect
from dataclasses import dataclass
from itertools import islice, repeat
from operator import sub

from modelyard.gateway.middleware.buckets import BOUNDS

HEAD, TAIL = 1024, 4096
"""Bytes of an answer that are kept. Engines write `usage` after the text, or first if vectors follow."""

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
    """Observes one answer. After the first token of a stream, a chunk's time is only recorded; the rest is done in batches."""

    __slots__ = (
        "_events",
        "_head",
        "_request",
        "_streams",
        "_tail",
        "_times",
        "counted",
        "first_token",
        "stamp",
        "waiting",
    )

    def __init__(self, request_bytes: int, streams: bool = False) -> None:
        """`streams` is whether the answer is a stream of events, whose times count."""
        self.waiting = True
        """Whether chunks go to `see_beginning`: until the first token of a stream, and always for other answers."""
        self.first_token = 0.0
        """Monotonic time of the first event with text; 0 before, and for other answers."""
        self.counted = 0
        """Tokens of the answer that were counted while it was in progress."""
        self._streams = streams
        self._request = request_bytes
        self._head = b""
        self._tail = b""
        self._events = 0
        self._times = array("d")
        """Monotonic times of the chunks since the first token, or since the last of them whose gap was counted."""
        self.stamp = self._times.append
        """Note that a chunk with one event arrived at a monotonic time."""

    def see_beginning(self, data: bytes, now: float) -> bool:
        """Process a chunk while `waiting` for the first token, and return whether it is still awaited."""
        self._events += data.count(b"data:")
        if len(self._head) < HEAD:
            self._head += data[: HEAD - len(self._head)]
        if self._streams and TOKEN.search(data):
            self.first_token, self.waiting = now, False
            self._times.append(now)
        return self.waiting

    def see_large(self, data: bytes) -> None:
        """Count the additional events of a chunk whose time was recorded."""
        self._events += max(0, data.count(b"data:") - 1)

    def see_end(self, data: bytes, now: float, before: bytes = b"") -> None:
        """Process the last chunk, in which only a first token is timed; `before` are the bytes before it."""
        if self.waiting:
            self.see_beginning(data, now)
        else:
            self._events += data.count(b"data:")
        self._tail = (before + data)[-TAIL:]

    @property
    def events(self) -> int:
        """The number of events until now."""
        return self._events + max(0, len(self._times) - 1)

    def take_gaps(self, counts: list[int]) -> None:
        """Count the times between chunks since the last call in the first items of `counts`."""
        times = self._times
        if (gaps := len(times) - 1) > 0:
            for bucket in map(bisect, repeat(BOUNDS), map(sub, islice(times, 1, None), times)):
                counts[bucket] += 1
            self._events += gaps
            del times[:-1]

    def tokens(self) -> int:
        """The engine's own count; without one, a token per event and per four bytes of the request."""
        return self.usage().total

    def usage(self) -> TokenCounts:
        """The tokens of the request and of the answer until now."""
        if not self._head:
            return NO_USAGE
        for part in (self._tail, self._head):
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
    for match in USAGE.finditer(part):
        begin = match.end()
    if begin < 0:
        return None
    counts: dict[bytes, int] = {}
    for match in COUNT.finditer(part, begin):
        counts.setdefault(match[1], int(match[2]))
    return counts or None
