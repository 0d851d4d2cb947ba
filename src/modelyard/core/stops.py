"""Finds stop strings in a text that arrives in pieces. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def overlap(text: str, mark: str) -> int:
    """The number of characters at the end of `text` that may be the beginning of `mark`."""
    for length in range(min(len(text), len(mark) - 1), 0, -1):
        if text.endswith(mark[:length]):
            return length
    return 0


class Stops:
    """Passes text on up to the first stop string; holds back text that may become one."""

    def __init__(self, stops: Sequence[str], include_stop: bool = False) -> None:
        """With `include_stop`, the returned text ends with the stop string."""
        self._stops = stops
        self._include_stop = include_stop
        self._pending = ""
        self.found: str | None = None
        """The stop string that ended the text."""

    @property
    def met(self) -> bool:
        """Whether a stop string has ended the text."""
        return self.found is not None

    def add(self, text: str) -> str:
        """Add text; return what cannot belong to a stop string. Do not call it after `met` is set."""
        if not self._stops:
            return text
        self._pending += text
        matches = [(place, stop) for stop in self._stops if (place := self._pending.find(stop)) >= 0]
        if matches:
            place, stop = min(matches, key=lambda each: each[0])
            self.found = stop
            certain, self._pending = self._pending[: place + len(stop) * self._include_stop], ""
            return certain
        length = max(overlap(self._pending, stop) for stop in self._stops)
        cut = len(self._pending) - length
        certain, self._pending = self._pending[:cut], self._pending[cut:]
        return certain

    def end(self) -> str:
        """The text that was held back and is not a stop string."""
        rest, self._pending = self._pending, ""
        return rest
