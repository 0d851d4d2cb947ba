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

    def __init__(self, stops: Sequence[str], shown: bool = False) -> None:
        """With `shown`, the stop string is the end of the text."""
        self._stops = stops
        self._shown = shown
        self._held = ""
        self.met = False

    def add(self, text: str) -> str:
        """The text that no stop can take back any more; after `met`, nothing more is to be added."""
        if not self._stops:
            return text
        self._held += text
        found = [(place, stop) for stop in self._stops if (place := self._held.find(stop)) >= 0]
        if found:
            self.met = True
            place, stop = min(found, key=lambda each: each[0])
            kept, self._held = self._held[: place + len(stop) * self._shown], ""
            return kept
        length = max(overlap(self._held, stop) for stop in self._stops)
        cut = len(self._held) - length
        kept, self._held = self._held[:cut], self._held[cut:]
        return kept

    def end(self) -> str:
        """What was held back and turned out to be no stop."""
        held, self._held = self._held, ""
        return held
