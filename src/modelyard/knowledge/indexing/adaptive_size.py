"""Adapts the size of batches to their duration, so that a slow batch does not delay others for long."""

from __future__ import annotations

QUICK, SLOW = 0.1, 0.5
"""Seconds: after a batch faster than `QUICK` the next one has twice the size, after one slower than `SLOW` half the size."""


class AdaptiveSize:
    """The size of the next batch, by name of a job or a model."""

    def __init__(self, first: int, most: int) -> None:
        self._first = first
        self._most = most
        self._sizes: dict[str, int] = {}

    def size(self, name: str) -> int:
        """The size of the next batch, at least 1."""
        return self._sizes.get(name, self._first)

    def took(self, name: str, seconds: float) -> None:
        """Record the duration of a batch."""
        if seconds < QUICK:
            self._sizes[name] = min(self._most, 2 * self.size(name))
        elif seconds > SLOW:
            self._sizes[name] = max(1, self.size(name) // 2)

    def forget(self) -> None:
        """Start with the first size again."""
        self._sizes.clear()
