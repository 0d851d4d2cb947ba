"""How much is done at once: more while that is quick, less while it is slow, so that nobody else waits long."""

from __future__ import annotations

QUICK, SLOW = 0.1, 0.5
"""Seconds: a batch that takes less than `QUICK` is followed by one of twice the size, more than `SLOW` by one of half."""


class AdaptiveSize:
    """The size of the next batch, for each of several names: jobs, or models."""

    def __init__(self, first: int, most: int) -> None:
        self._first = first
        self._most = most
        self._sizes: dict[str, int] = {}

    def size(self, name: str) -> int:
        """The size of the next batch, at least 1."""
        return self._sizes.get(name, self._first)

    def took(self, name: str, seconds: float) -> None:
        """Note how long a batch took."""
        if seconds < QUICK:
            self._sizes[name] = min(self._most, 2 * self.size(name))
        elif seconds > SLOW:
            self._sizes[name] = max(1, self.size(name) // 2)

    def forget(self) -> None:
        """Start with the first size again."""
        self._sizes.clear()
