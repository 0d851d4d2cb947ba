"""How many requests of batches a model gets at a time: as many as help, and fewer while somebody waits for its answers.

The number is found by trying: it is doubled while the model answers more in the same time, and halved while it answers no less.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from modelyard.batches.types import Capacity

FIRST, MOST = 8, 256
"""Requests at a time for each replica: at the beginning, and at most."""
BETTER, WORSE = 1.1, 0.9
"""A larger number stays if the model does so much more with it, a smaller one if it does no less than this share."""
WINDOW_SECONDS = 1.0
ROUNDS, FEWEST = 3, 12
"""A measurement takes at least `WINDOW_SECONDS`, so many times the number of requests at a time, and so many answers."""
SETTLED_SECONDS = 60.0
"""Seconds after which another number is tried again."""
YIELD_SECONDS = 2.0
"""How long batches hold back after somebody has waited for an answer of the model."""
YIELD_SHARE = 4
"""While they hold back, they use this part of what they would use."""
KNOWN = 100
"""Models above which those that are idle are forgotten: lines may name anything."""
SPARE_SHARE = 8
"""So much more than the number that was found, so that a place that becomes free is taken at once."""
LOOK_SECONDS = 0.1
"""Seconds between looks at whether somebody still waits."""


class Climb:
    """Finds the number of requests at a time that is enough to keep a model busy. Pure: time is an argument."""

    def __init__(self, first: int) -> None:
        self.limit = first
        self._best = first
        self._rate = 0.0
        """Work per second with `_best`."""
        self._direction = 1
        """1: larger numbers are tried; -1: smaller ones; 0: neither, until `_until`."""
        self._until = 0.0
        self._work = 0.0
        self._answers = 0
        self._began: float | None = None

    def restart(self) -> None:
        """Discard the present measurement, during which something else used the model, or there was too little to do."""
        self._began = None

    def answered(self, work: float, now: float, most: int) -> None:
        """Count an answer while `limit` requests were in flight. `most` is the largest number that may be tried."""
        if self._direction == 0:
            if now < self._until:
                return
            self._direction = 1
            self.restart()
        if self._began is None:
            self._began, self._work, self._answers = now, 0.0, 0
            return
        self._work += work
        self._answers += 1
        seconds = now - self._began
        if seconds >= WINDOW_SECONDS and self._answers >= max(FEWEST, ROUNDS * self.limit):
            self._measured(self._work / seconds, now, most)
            self.restart()

    def refused(self, now: float) -> None:
        """The model has refused a request because it has too many."""
        self._best = self.limit = max(1, self.limit // 2)
        self._settle(now)

    def _measured(self, rate: float, now: float, most: int) -> None:
        if self.limit == self._best:
            self._rate = rate
        elif rate >= self._rate * (BETTER if self._direction > 0 else WORSE):
            self._best, self._rate = self.limit, max(rate, self._rate if self._direction < 0 else 0.0)
        elif self._direction > 0:
            self._direction, self.limit = -1, self._best
        else:
            self._settle(now)
            return
        self._next(now, most)

    def _next(self, now: float, most: int) -> None:
        """Try the next number in the present direction."""
        if self._direction > 0 and self._best * 2 > most:
            self._direction = -1
        following = self._best * 2 if self._direction > 0 else self._best // 2
        if following < 1:
            self._settle(now)
        else:
            self.limit = following

    def _settle(self, now: float) -> None:
        self.limit, self._direction, self._until = self._best, 0, now + SETTLED_SECONDS
        self.restart()


class ModelPace:
    """The requests of batches to one model."""

    def __init__(self, replicas: int) -> None:
        self.climb = Climb(FIRST * replicas)
        self.in_flight = 0
        self.waiting = 0
        """Requests that wait for their turn."""
        self.left = asyncio.Event()
        """Set when one of them has ended."""
        self.waited_for_at = float("-inf")
        """When somebody waited for the model last."""


class Pace:
    """The requests of all batches. Use it on one event loop."""

    def __init__(self, capacity: Callable[[str], Capacity], clock: Callable[[], float] = time.monotonic) -> None:
        self._capacity = capacity
        self._clock = clock
        self._models: dict[str, ModelPace] = {}

    def in_flight(self, model: str) -> int:
        """Requests of batches that a model is answering."""
        return self._models[model].in_flight if model in self._models else 0

    def allowed(self, model: str) -> int:
        """How many requests a model may get at a time now."""
        capacity, now = self._capacity(model), self._clock()
        pace = self._models.get(model) or self._models.setdefault(model, ModelPace(capacity.replicas))
        most = largest(capacity)
        if capacity.waited_for:
            pace.waited_for_at = now
        limit = min(pace.climb.limit, most)
        if now - pace.waited_for_at < YIELD_SECONDS:
            pace.climb.restart()
            return max(1, limit // YIELD_SHARE)
        return limit + min(limit // SPARE_SHARE, most - limit)

    async def enter(self, model: str) -> None:
        """Wait until a model may get one request more, and count it. `leave` must follow."""
        while self.in_flight(model) >= self.allowed(model):
            pace = self._models[model]
            pace.left.clear()
            pace.waiting += 1
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await pace.left.wait()
            except TimeoutError:
                continue
            finally:
                pace.waiting -= 1
        self._models[model].in_flight += 1

    def leave(self, model: str, work: float | None) -> None:
        """A request has ended, with so much work; None for one that says nothing about the model's speed."""
        pace, limit = self._models[model], self.allowed(model)
        full = pace.waiting > 0 or 2 * pace.in_flight >= limit
        pace.in_flight -= 1
        pace.left.set()
        if work is None or not full:
            pace.climb.restart()
        else:
            pace.climb.answered(work, self._clock(), largest(self._capacity(model)))
        if len(self._models) > KNOWN:
            self._forget_idle()

    def _forget_idle(self) -> None:
        idle = [name for name, pace in self._models.items() if not pace.in_flight and not pace.waiting]
        for name in idle:
            del self._models[name]

    def refused(self, model: str) -> None:
        """A model has refused a request because it has too many."""
        self._models[model].climb.refused(self._clock())


class RequestSlot:
    """The place of one request among those of its model, which it gives back while it waits for something else."""

    def __init__(self, pace: Pace, model: str) -> None:
        self._pace = pace
        self._model = model
        self._taken = False

    async def take(self) -> None:
        """Wait for a place."""
        await self._pace.enter(self._model)
        self._taken = True

    def give_back(self, work: float | None) -> None:
        """Give the place back if it is taken; `work` is that of `Pace.leave`."""
        if self._taken:
            self._taken = False
            self._pace.leave(self._model, work)


def largest(capacity: Capacity) -> int:
    """The largest number of requests at a time. Where replicas have a limit, a quarter of it is left to others."""
    per_replica = MOST if capacity.most is None else min(MOST, max(1, capacity.most * 3 // 4))
    return per_replica * capacity.replicas
