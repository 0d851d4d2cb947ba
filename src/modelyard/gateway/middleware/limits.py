"""Limits of each key: requests and tokens per minute, counted in memory by this gateway, for inference only."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection

from modelyard.core.access import Grant, Window
from modelyard.core.errors import RateLimited


class Limits:
    """Counts requests when they begin, and tokens when their answer has ended: answers in progress are not included."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._requests: dict[str, Window] = {}
        self._tokens: dict[str, Window] = {}

    def begin(self, grant: Grant) -> None:
        """Count a request of a key. Raises `RateLimited`, and then counts nothing."""
        now = self._clock()
        counted: list[Window] = []
        for quota in grant.quotas:
            if (limit := quota.tokens_per_minute) is not None and (window := self._tokens.get(quota.id)) is not None:
                _check(window, limit, now, "tokens")
            if (limit := quota.requests_per_minute) is not None:
                window = self._requests.setdefault(quota.id, Window())
                _check(window, limit, now, "requests")
                counted.append(window)
        for window in counted:
            window.add(1, now)

    def end(self, grant: Grant, tokens: int) -> None:
        """Count the tokens of an answer that has ended, successfully or not."""
        for quota in grant.quotas if tokens else ():
            if quota.tokens_per_minute is not None:
                self._tokens.setdefault(quota.id, Window()).add(tokens, self._clock())

    def keep(self, keys: Collection[str]) -> None:
        """Delete the counts of all other keys."""
        for windows in (self._requests, self._tokens):
            for gone in windows.keys() - set(keys):
                del windows[gone]


def _check(window: Window, limit: int, now: float, unit: str) -> None:
    if (wait := window.wait(limit, now)) > 0:
        seconds = math.ceil(wait)
        raise RateLimited(f"this key may use {limit} {unit} per minute; try again in {seconds} s.", seconds)
