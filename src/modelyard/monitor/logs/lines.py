"""Reads the time and the level of lines that engines print in many formats. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

LEVELS = ("debug", "info", "warning", "error", "critical")
LEVEL = re.compile(r"\b(?:(DEBUG|TRACE)|(INFO)|(WARN(?:ING)?)|(ERROR)|(CRITICAL|FATAL))\b")
BEGINNING = 100
"""Characters of a line in which its time and level are looked for."""
DATE = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:[.,](\d{1,6}))?(Z|[+-]\d\d:?\d\d)?")
DAY = re.compile(r"(?<![\d-])(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)\b")
"""As vLLM writes it."""
CLOCK = re.compile(r"^\W?(\d\d):(\d\d):(\d\d)\b")
TRACEBACK = "Traceback (most recent call last)"
SLACK = 60.0
"""Seconds that a line may seem younger than the last change of its file."""
DAY_SECONDS = 86_400.0


class ReadLine(NamedTuple):
    """A line with what it says of itself."""

    at: float | None
    """Unix time."""
    level: str | None
    text: str


@dataclass(slots=True)
class LineReader:
    """Reads the lines of one file in their order."""

    changed_at: float
    """Unix time of the last change of the file, which completes times without a date. Times without a zone are local."""
    _level: str | None = None
    """The level of the line before."""
    _in_traceback: bool = False

    def read(self, lines: Iterable[str]) -> Iterator[ReadLine]:
        """The lines with their times and levels."""
        for line in lines:
            beginning = line[:BEGINNING]
            yield ReadLine(self._time(beginning), self._level_of(beginning), line)

    def _level_of(self, line: str) -> str | None:
        """The level that a line names; a traceback is an error, and an indented line has the level of the one before."""
        if found := LEVEL.search(line):
            self._level, self._in_traceback = LEVELS[(found.lastindex or 1) - 1], TRACEBACK in line
        elif line.startswith(TRACEBACK):
            self._level, self._in_traceback = "error", True
        elif not line.startswith((" ", "\t")) and line:
            if not self._in_traceback:
                self._level = None
            self._in_traceback = False
            return self._level
        return self._level

    def _time(self, line: str) -> float | None:
        if found := DATE.search(line):
            return _of_text(found[0])
        newest = datetime.fromtimestamp(self.changed_at + SLACK)
        if found := DAY.search(line):
            at = _local(newest.year, *(int(part) for part in found.groups()))
            return _local(newest.year - 1, *map(int, found.groups())) if at and at > newest.timestamp() else at
        if found := CLOCK.search(line):
            at = _local(newest.year, newest.month, newest.day, *map(int, found.groups()))
            return at - DAY_SECONDS if at and at > newest.timestamp() else at
        return None


def _of_text(date: str) -> float | None:
    try:
        return datetime.fromisoformat(date.replace(",", ".")).timestamp()
    except (ValueError, OverflowError):
        return None


def _local(*parts: int) -> float | None:
    """Unix time of year, month, day, hour, minute and second in local time; None if there is no such time."""
    year, month, day, hour, minute, second = parts
    try:
        return datetime(year, month, day, hour, minute, second).timestamp()
    except (ValueError, OverflowError):
        return None
