"""How much is done at once: more where that is quick, less where it is slow, so that nobody else waits long."""

from __future__ import annotations

QUICK, SLOW = 0.1, 0.5
"""Seconds: a portion that takes less is followed by one of twice the size, one that takes more by one of half."""


class Portions:
    """The size of the next portion, of each of several things."""

    def __init__(self, first: int, most: int) -> None:
        self._first = first
        self._most = most
        self._sizes: dict[str, int] = {}

    def size(self, name: str) -> int:
        """How much to do next, at least 1."""
        return self._sizes.get(name, self._first)

    def took(self, name: str, seconds: float) -> None:
        """How long a portion took."""
        if seconds < QUICK:
            self._sizes[name] = min(self._most, 2 * self.size(name))
        elif seconds > SLOW:
            self._sizes[name] = max(1, self.size(name) // 2)

    def forget(self) -> None:
        """Begin with the first size again."""
        self._sizes.clear()
