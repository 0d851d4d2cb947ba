"""Counters of requests, tokens and times for each model and replica, which a reader takes. They do not grow with traffic."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Iterator

from modelyard.gateway.exchange import LEFT, Exchange
from modelyard.gateway.middleware.buckets import BOUNDS, BUCKETS
from modelyard.gateway.middleware.tokens import EVENTS_AROUND

INTER_TOKEN, TTFT, DURATION = 0, BUCKETS, 2 * BUCKETS
"""First bucket of the times between events of a stream, to the first token of a stream, and of whole requests."""
REQUESTS, ERRORS, TOKENS_IN, TOKENS_OUT, TOKENS_CACHED = range(3 * BUCKETS, 3 * BUCKETS + 5)
SIZE = TOKENS_CACHED + 1
"""Number of counts of a tally."""


class Tally:
    """Counts of one model on one replica since they were last taken."""

    __slots__ = ("counts", "excess", "live")

    def __init__(self) -> None:
        self.counts = [0] * SIZE
        self.excess = 0
        """Tokens that were counted in advance while an answer streamed, and that its usage did not confirm."""
        self.live: set[Exchange] = set()
        """Requests in progress."""

    def add_tokens_out(self, tokens: int) -> None:
        """Count tokens of answers; a negative number takes back what was counted too much."""
        tokens -= self.excess
        self.excess = max(0, -tokens)
        self.counts[TOKENS_OUT] += max(0, tokens)

    def take(self) -> Iterator[tuple[int, int]]:
        """The counts that are not zero, each with its index; they are zero afterwards."""
        for exchange in self.live:
            self._count_events(exchange)
        counts = self.counts
        for index, count in enumerate(counts):
            if count:
                counts[index] = 0
                yield index, count

    def end(self, exchange: Exchange) -> None:
        """Count a request that has ended."""
        counts = self.counts
        counts[REQUESTS] += 1
        if exchange.failed:
            counts[ERRORS] += 1
        elif exchange.status != LEFT:
            counts[DURATION + bisect(BOUNDS, exchange.ended - exchange.began)] += 1
        if (tap := exchange.tap) is None:
            return
        tap.take_gaps(counts)
        if tap.first_token:
            counts[TTFT + bisect(BOUNDS, tap.first_token - exchange.began)] += 1
        counts[TOKENS_IN] += exchange.usage.tokens_in
        counts[TOKENS_CACHED] += exchange.usage.cached
        self.add_tokens_out(exchange.usage.tokens_out - tap.counted)

    def _count_events(self, exchange: Exchange) -> None:
        """Count an answer's new events as tokens, so that long answers do not appear as one peak at their end."""
        tap = exchange.tap
        if tap is None:
            return
        tap.take_gaps(self.counts)
        if (tokens := tap.events - EVENTS_AROUND) > tap.counted:
            self.add_tokens_out(tokens - tap.counted)
            tap.counted = tokens


class Tallies:
    """The tallies of one gateway. Not thread-safe: use them on one event loop."""

    def __init__(self) -> None:
        self.by_replica: dict[tuple[str, str], Tally] = {}
        """Model and replica → tally. The replica is empty for requests that reached none, such as those to apps."""

    def begin(self, exchange: Exchange) -> None:
        """Count a request as being answered by its present replica, and no longer by an earlier one."""
        if exchange.tally is not None:
            exchange.tally.live.discard(exchange)
        key = (exchange.model, exchange.replica)
        exchange.tally = tally = self.by_replica.get(key) or self.by_replica.setdefault(key, Tally())
        tally.live.add(exchange)

    def end(self, exchange: Exchange) -> None:
        """Count a request that has ended, successfully or not."""
        if exchange.tally is None:
            self.begin(exchange)
        if (tally := exchange.tally) is not None:
            tally.live.discard(exchange)
            tally.end(exchange)

    def take(self) -> Iterator[tuple[tuple[str, str], int, Iterator[tuple[int, int]]]]:
        """For each tally: its model and replica, the requests in progress, and the counts since the last call.

        A tally without requests in progress and without counts is forgotten at the next call.
        """
        for key, tally in list(self.by_replica.items()):
            counts = list(tally.take())
            if not counts and not tally.live and not tally.excess:
                del self.by_replica[key]
            yield key, len(tally.live), iter(counts)
