"""The newest inference requests: who asked which model, how it ended, and how long it took. No bodies, and in memory only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from modelyard.core.access import Grant, Owner
from modelyard.gateway.exchange import Exchange
from modelyard.protocol.metrics import RequestInfo, RequestList

MOST_REQUESTS = 2000
"""Requests that are kept."""


@dataclass(frozen=True, slots=True)
class RequestFilter:
    """Which requests a caller wants to see; None for all."""

    model: str | None = None
    key: str | None = None
    """Id or name of a key, or name of a user."""
    status: str | None = None
    """Such as `429`, or `4xx`."""
    before: int | None = None
    """Only requests with smaller numbers."""

    def accepts(self, each: RequestInfo) -> bool:
        """Whether a request is wanted."""
        return (
            (self.before is None or each.number < self.before)
            and (self.model is None or each.model == self.model)
            and (self.key is None or self.key in (each.key, each.key_name, each.user))
            and (self.status is None or self.status in (str(each.status), f"{each.status // 100}xx"))
        )


class RequestLog:
    """The newest requests of a server, the server's own background work left out."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._number = 0
        self._newest: deque[tuple[str, RequestInfo]] = deque(maxlen=MOST_REQUESTS)
        """Owner id and description of each request, oldest first."""

    def add(self, exchange: Exchange) -> None:
        """Add a request that has ended."""
        if exchange.background:
            return
        self._number += 1
        grant, ttft, seconds = exchange.grant, exchange.ttft, exchange.ended - exchange.began
        info = RequestInfo(
            number=self._number,
            id=exchange.request_id.decode(),
            at=self._clock() - seconds,
            path=exchange.path if exchange.known_path else "",
            model=exchange.model,
            replica=exchange.replica or None,
            key=grant.id if grant and not grant.user else None,
            key_name=grant.name if grant and not grant.user else None,
            user=grant.user if grant else None,
            inside=exchange.inside,
            status=exchange.status,
            outcome=exchange.outcome,
            ttft=None if ttft is None else round(ttft, 6),
            seconds=round(seconds, 6),
            tokens_in=exchange.usage.tokens_in,
            tokens_out=exchange.usage.tokens_out,
            tokens_cached=exchange.usage.cached,
            estimated=exchange.usage.estimated,
        )
        self._newest.append((Owner.of(grant).id, info))

    def page(self, grant: Grant | None, filters: RequestFilter, limit: int) -> RequestList:
        """The newest requests that a caller wants and may see: its own, or all without keys and for an administrator."""
        owner = Owner.of(grant)
        visible = (
            info
            for owner_id, info in reversed(self._newest)
            if (grant is None or owner.sees(owner_id)) and filters.accepts(info)
        )
        found = list(islice(visible, limit + 1))
        return RequestList(object="list", data=found[:limit], has_more=len(found) > limit)
