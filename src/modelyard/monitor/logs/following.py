"""Reads on in many log files at once, from a place that a client can name to continue there."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from modelyard.core.errors import InvalidParameter
from modelyard.monitor.logs.reading import EntryMaker
from modelyard.monitor.logs.sources import LogQuery, LogSource
from modelyard.protocol.logs import LogEntry

PORTION = 64 * 1024
"""Characters of lines after which a portion is sent."""
QUIET = 2.0
"""Seconds after its last change after which a file that nobody writes any more is left out of the place."""
SLACK = 1.0
"""Seconds by which the time of a file's last change may be wrong."""
FILE = struct.Struct(">6sQ")
TIME = struct.Struct(">d")


@dataclass(frozen=True, slots=True)
class LogPlace:
    """A place in all logs: how far each file was read."""

    at: float
    """Unix time at which the files were looked at. A file that is not in `offsets` and changed later is new."""
    offsets: Mapping[bytes, int] = field(default_factory=dict)
    """Key of a file → offset in bytes."""

    def text(self) -> str:
        """The place as an id of an event."""
        parts = [FILE.pack(key, offset) for key, offset in self.offsets.items()]
        return base64.urlsafe_b64encode(TIME.pack(self.at) + b"".join(parts)).decode().rstrip("=")

    @classmethod
    def of(cls, text: str) -> LogPlace:
        """The place that a client names. Raises `InvalidParameter`."""
        try:
            data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            offsets = {key: offset for key, offset in FILE.iter_unpack(data[TIME.size :])}
            (at,) = TIME.unpack(data[: TIME.size])
        except (binascii.Error, struct.error, ValueError):
            offsets, at = {}, -1.0
        if not 0 <= at < 1e11 or any(offset >= 2**63 for offset in offsets.values()):
            raise InvalidParameter("after", "it must be the id of an event of this stream, or `next` of the list.")
        return cls(at, offsets)


class LogReading:
    """How far one client has read. Blocks; use it in one thread at a time."""

    def __init__(self, place: LogPlace, query: LogQuery, mask: Callable[[str], str]) -> None:
        self._at = place.at
        self._offsets = dict(place.offsets)
        self._query = query
        self._mask = mask
        self._makers: dict[bytes, EntryMaker] = {}

    def read(
        self, sources: Sequence[LogSource], listed_at: float, running: Callable[[LogSource], bool]
    ) -> list[LogEntry]:
        """The next entries that match, a portion at most; empty if there is nothing new.

        `listed_at` is the Unix time before the sources were listed, and `running` says whether a file may still be written to.
        """
        found: list[LogEntry] = []
        size = 0
        for source in sources:
            if size >= PORTION:
                return found
            key = source.key
            if key not in self._offsets:
                self._offsets[key] = 0 if source.file.changed_at > self._at else source.file.size
            if source.file.size <= self._offsets[key]:
                continue
            lines, self._offsets[key] = source.forward(self._offsets[key])
            maker = self._makers.setdefault(key, EntryMaker(source, self._query, self._mask))
            entries = [each.entry for each in maker.entries(lines)]
            found += entries
            size += sum(len(each.text) for each in entries)
        self._at = listed_at - SLACK
        self._forget(sources, running, listed_at - QUIET)
        return found

    def _forget(self, sources: Sequence[LogSource], running: Callable[[LogSource], bool], before: float) -> None:
        """Leave files out of the place that will not change any more, and those that were deleted."""
        kept = {each.key for each in sources if running(each) or each.file.changed_at >= before}
        kept |= {each.key for each in sources if each.file.size > self._offsets.get(each.key, 0)}
        for key in self._offsets.keys() - kept:
            del self._offsets[key]
            self._makers.pop(key, None)

    @property
    def place(self) -> LogPlace:
        """The place after everything that was read."""
        return LogPlace(self._at, self._offsets)
