"""Stop strings: where a text that comes in pieces ends. Pure."""

from __future__ import annotations

from collections.abc import Sequence


def overlap(text: str, mark: str) -> int:
    """How many characters at the end of `text` may be the beginning of `mark`."""
    for length in range(min(len(text), len(mark) - 1), 0, -1):
        if text.endswith(mark[:length]):
            return length
    return 0


class Stops:
    """Text in, text out up to the first stop string: what may yet become one is held back."""

    def __init__(self, stops: Sequence[str], include_stop: bool = False) -> None:
        """With `include_stop`, the stop string is the end of the text."""
        self._stops = stops
        self._include_stop = include_stop
        self._pending = ""
        self.met = False

    def add(self, text: str) -> str:
        """The text that no stop can take back any more; after `met`, nothing more is to be added."""
        if not self._stops:
            return text
        self._pending += text
        found = [(place, stop) for stop in self._stops if (place := self._pending.find(stop)) >= 0]
        if found:
            self.met = True
            place, stop = min(found, key=lambda each: each[0])
            certain, self._pending = self._pending[: place + len(stop) * self._include_stop], ""
            return certain
        length = max(overlap(self._pending, stop) for stop in self._stops)
        cut = len(self._pending) - length
        certain, self._pending = self._pending[:cut], self._pending[cut:]
        return certain

    def end(self) -> str:
        """The text that was held back and is no stop after all."""
        rest, self._pending = self._pending, ""
        return rest
