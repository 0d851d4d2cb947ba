"""Logging of the server process to stderr: one line per event, with limits on length and number of similar records."""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
FIELDS = "fields"
"""Attribute of a record, given as `extra`, with further values for a log in JSON."""
LONGEST_MESSAGE = 4000
LONGEST_TRACEBACK = 8000
"""Maximum characters of a traceback; of a longer one the end, which names the error, is kept."""
PERIOD = 60.0
"""Seconds of the period in which the number of similar warnings and errors is limited; further ones are counted."""
AT_MOST = 10
"""Maximum number of similar warnings in a period. Of similar tracebacks, one is written."""
MOST_KINDS = 1000

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def unheard(record: logging.LogRecord) -> None:
    """For an output to which nobody listens."""


class Output(logging.StreamHandler[TextIO]):
    """Writes records to a stream, and then passes those that were written on to a function."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self.written: Callable[[logging.LogRecord], None] = unheard
        """Called with each record after it was formatted: its `message` and `exc_text` are safe to show."""

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        self.written(record)


def set_up(level: str, form: str = "text") -> None:
    """Write the log of our package, and warnings of others, to stderr, as `text` or `json`."""
    handler = Output(sys.stderr)
    handler.setFormatter(JsonLine(FORMAT) if form == "json" else Plain(FORMAT, "%H:%M:%S"))
    handler.addFilter(Throttle())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("modelyard").setLevel(level.upper())


class Plain(logging.Formatter):
    """Escapes control characters, so that text of clients can neither forge a line nor control a terminal, and shortens very
    long text."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        message = record.message
        if len(message) > LONGEST_MESSAGE:
            message = f"{message[:LONGEST_MESSAGE]}… ({len(message)} characters)"
        record.message = escaped(message).replace("\n", "\\n")
        return super().formatMessage(record)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        text = super().formatException(ei)
        return escaped(text if len(text) <= LONGEST_TRACEBACK else f"…{text[-LONGEST_TRACEBACK:]}")


class JsonLine(Plain):
    """Writes a record as one line of JSON, with the values that it has under `FIELDS`."""

    def format(self, record: logging.LogRecord) -> str:
        super().format(record)  # sets the message and the traceback, bounded and escaped
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": moment, "level": record.levelname.lower(), "logger": record.name, "message": record.message}
        if record.exc_text:
            line["exception"] = record.exc_text
        fields: dict[str, object] = getattr(record, FIELDS, {})
        return json.dumps({**line, **fields}, ensure_ascii=False)


def escaped(text: str) -> str:
    """The text with control characters escaped, except for tabs and line ends."""
    return CONTROL.sub(lambda match: ascii(match[0])[1:-1], text)


@dataclass(slots=True)
class _Kind:
    """Counters of similar records within a period."""

    since: float
    written: int = 0
    left_out: int = 0


class Throttle(logging.Filter):
    """Passes a few similar warnings and errors per period; the next one that passes states how many were dropped.

    Records are similar if their exceptions were raised at the same line, or if their message templates begin alike. An exception
    that several places report is written once. Records below warnings always pass.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._kinds: dict[object, _Kind] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.levelno >= logging.CRITICAL:
            return True
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and getattr(error, _WRITTEN, False):
            return False
        now, most = self._clock(), AT_MOST if error is None else 1
        kind = self._kinds.get(key := _kind_of(record, error))
        if kind is None or now - kind.since >= PERIOD:
            left_out = kind.left_out if kind else 0
            self._make_room(now)
            kind = self._kinds[key] = _Kind(now)
            if left_out:
                record.msg, record.args = f"{record.getMessage()} (and {left_out} more like it before)", ()
        if kind.written >= most:
            kind.left_out += 1
            return False
        kind.written += 1
        if error is not None:
            _mark(error)
        return True

    def _make_room(self, now: float) -> None:
        """Delete counters of finished periods if there are many."""
        if len(self._kinds) >= MOST_KINDS:
            self._kinds = {key: kind for key, kind in self._kinds.items() if now - kind.since < PERIOD}
        if len(self._kinds) >= MOST_KINDS:
            self._kinds.clear()


_WRITTEN = "_modelyard_logged"


def _mark(error: BaseException) -> None:
    """Mark an exception as logged. One that does not accept attributes may be logged twice."""
    try:
        setattr(error, _WRITTEN, True)
    except AttributeError:
        return


def _kind_of(record: logging.LogRecord, error: BaseException | None) -> object:
    if error is None:
        return record.name, record.levelno, record.msg[:80] if isinstance(record.msg, str) else type(record.msg)
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (trace.tb_frame.f_code.co_filename, trace.tb_lineno) if trace else None
    return type(error), place
