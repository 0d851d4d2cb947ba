"""Makes entries of lines, and finds the newest ones that match in many files. Blocks; call it in a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, cast

import msgspec

from modelyard.jobs.output import reported
from modelyard.monitor.logs.lines import LEVELS, LineReader, ReadLine
from modelyard.monitor.logs.server_log import ServerRecord
from modelyard.monitor.logs.sources import LogQuery, LogSource
from modelyard.protocol.logs import LogEntry, LogLevel

LONGEST = 8000
"""Characters of a line."""
OVERHANG = 1000
"""Characters behind these in which secrets are looked for, so that none is cut in two."""
LARGEST_ANSWER = 4 << 20
"""Characters of all lines of an answer."""
DEEPEST = 16 << 20
"""Bytes of a file that are looked through for lines that match."""
MOST_READ = 64 << 20
"""Bytes of all files that are looked through."""


class TimedEntry(NamedTuple):
    """An entry, and the time by which it is sorted among those of other files."""

    order: float
    entry: LogEntry


class EntryMaker:
    """Makes entries of the lines of one file in their order, and keeps those that match a query."""

    def __init__(
        self, source: LogSource, query: LogQuery, mask: Callable[[str], str], latest: float | None = None
    ) -> None:
        """`latest` is the Unix time at which the lines that follow were printed, where it is known."""
        self._source = source
        self._query = query
        self._mask = mask
        self._text = query.text.casefold()
        self._least = LEVELS.index(query.level) if query.level else -1
        self._reader = LineReader(source.file.changed_at)
        self._latest = latest
        self._order = 0.0

    def entries(self, lines: Sequence[str]) -> Iterator[TimedEntry]:
        """The entries of lines that match. A line without a time has that of the line before, or the first one that follows."""
        read = list(self._read(lines))
        latest = self._source.file.changed_at if self._latest is None else self._latest
        self._order = self._order or next((line.at for line in read if line.at is not None), latest)
        for line in read:
            self._order = max(self._order, line.at or 0.0)
            order = self._order if self._latest is None else min(self._order, self._latest)
            if self._matches(line, order):
                yield TimedEntry(order, self._entry(line))

    def _read(self, lines: Iterable[str]) -> Iterator[ReadLine]:
        if self._source.kind == "server":
            return (record for line in lines if (record := _record(line)) is not None)
        if self._source.kind == "job":
            lines = [line for line in lines if reported(line) is None]
        return self._reader.read(lines)

    def _matches(self, line: ReadLine, order: float) -> bool:
        query = self._query
        return (
            (query.since is None or order >= query.since)
            and (self._least < 0 or (line.level is not None and LEVELS.index(line.level) >= self._least))
            and (not self._text or self._text in line.text.casefold())
        )

    def _entry(self, line: ReadLine) -> LogEntry:
        source = self._source
        text = self._mask(line.text[: LONGEST + OVERHANG])
        if len(line.text) > LONGEST:
            text = f"{text[:LONGEST]}… ({len(line.text)} characters)"
        return LogEntry(
            source=source.kind,
            model=source.owner if source.kind == "model" else None,
            replica=source.file.name if source.kind == "model" else None,
            job=source.owner if source.kind == "job" else None,
            at=line.at,
            level=cast("LogLevel | None", line.level),
            text=text,
        )


def _record(line: str) -> ReadLine | None:
    try:
        record = msgspec.json.decode(line, type=ServerRecord)
    except msgspec.DecodeError:
        return None
    return ReadLine(record.at, record.level if record.level in LEVELS else None, record.text)


class NewestLines(NamedTuple):
    """The newest lines of many files."""

    entries: list[LogEntry]
    """Oldest first."""
    has_more: bool
    offsets: dict[bytes, int]
    """Key of each file → the offset after its last whole line."""


def newest(sources: Sequence[LogSource], query: LogQuery, mask: Callable[[str], str], limit: int) -> NewestLines:
    """The newest entries that match, `limit` at most."""
    found: list[TimedEntry] = []
    offsets: dict[bytes, int] = {}
    left = MOST_READ
    has_more = False
    for source in reversed(sources):
        depth = min(DEEPEST, left)
        lines = _newest_of(source, query, mask, limit, depth)
        before = len(found) + len(lines.entries)
        found = _trimmed(sorted([*lines.entries, *found], key=lambda each: each.order), limit)
        has_more |= lines.has_more or len(found) < before
        offsets[source.key] = lines.end
        left -= lines.read
    return NewestLines([each.entry for each in found], has_more, offsets)


def _trimmed(entries: list[TimedEntry], limit: int) -> list[TimedEntry]:
    """The last entries, as many as an answer may have."""
    kept = entries[-limit:]
    size = 0
    for number, each in enumerate(reversed(kept)):
        size += len(each.entry.text)
        if size > LARGEST_ANSWER:
            return kept[len(kept) - number :]
    return kept


class _FileLines(NamedTuple):
    entries: list[TimedEntry]
    has_more: bool
    end: int
    read: int


def _newest_of(source: LogSource, query: LogQuery, mask: Callable[[str], str], limit: int, depth: int) -> _FileLines:
    """The newest entries of one file, of which `depth` bytes are read at most, but one block at least."""
    block = source.backward(source.file.size)
    end = block.end
    if query.since is not None and source.file.changed_at < query.since:
        return _FileLines([], False, end, 0)
    found: list[TimedEntry] = []
    while block.end > block.begin:
        latest = found[0].order if found else None
        earlier = list(EntryMaker(source, query, mask, latest).entries(block.lines))
        found = _trimmed([*earlier, *found], limit)
        if block.begin == 0 or len(found) >= limit or end - block.begin >= depth:
            break
        block = source.backward(block.begin)
    return _FileLines(found, block.begin > 0 or len(found) >= limit, end, end - block.begin)
