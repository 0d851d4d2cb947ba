"""Limits of each key: requests and tokens per minute, counted in memory by this gateway, for inference only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from modelyard.core.access import Grant, Window
from modelyard.core.errors import RateLimited


class Allowance(NamedTuple):
    """The remaining part of one limit of a key."""

    unit: str
    """`requests` or `tokens`."""
    limit: int
    """Maximum per minute."""
    remaining: int
    seconds: float
    """Seconds until the whole limit is available again."""


class Limits:
    """Counts a request when it begins, and its tokens when its answer has ended; answers in progress are not included."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: dict[str, Window] = {}
        self._tokens: dict[str, Window] = {}

    def begin(self, grant: Grant) -> bool:
        """Count a request of a key, and return whether the key has limits. Raises `RateLimited`, and then counts nothing."""
        now, limited = self._clock(), False
        counted: list[Window] = []
        for quota in grant.quotas:
            if (limit := quota.tokens_per_minute) is not None:
                limited = True
                if (window := self._tokens.get(quota.id)) is not None:
                    _check(window, limit, now, "tokens")
            if (limit := quota.requests_per_minute) is not None:
                window = self._requests.setdefault(quota.id, Window())
                _check(window, limit, now, "requests")
                counted.append(window)
        for window in counted:
            window.add(1, now)
        return limited or bool(counted)

    def end(self, grant: Grant, tokens: int) -> None:
        """Count the tokens of an answer that has ended, successfully or not."""
        for quota in grant.quotas if tokens else ():
            if quota.tokens_per_minute is not None:
                self._tokens.setdefault(quota.id, Window()).add(tokens, self._clock())

    def allowances(self, grant: Grant) -> Sequence[Allowance]:
        """The remaining limits of a key: for requests and for tokens, the limit of which least remains."""
        now = self._clock()
        tightest: dict[str, Allowance] = {}
        for quota in grant.quotas:
            limits = (
                ("requests", quota.requests_per_minute, self._requests),
                ("tokens", quota.tokens_per_minute, self._tokens),
            )
            for unit, limit, windows in limits:
                if limit is None:
                    continue
                window = windows.get(quota.id) or Window()
                left = Allowance(unit, limit, max(0, limit - window.used(now)), window.clear_after(now))
                tightest[unit] = min(left, tightest.get(unit, left), key=lambda each: each.remaining)
        return tuple(tightest.values())

    def keep(self, keys: Collection[str]) -> None:
        """Delete the counts of all other keys."""
        for windows in (self._requests, self._tokens):
            for old in windows.keys() - set(keys):
                del windows[old]


def _check(window: Window, limit: int, now: float, unit: str) -> None:
    if (wait := window.wait(limit, now)) > 0:
        seconds = math.ceil(wait)
        raise RateLimited(f"this key may use {limit} {unit} per minute; try again in {seconds} s.", seconds)
