"""The server's own log as files of JSON lines, of which the oldest are removed: each record as it was written to stderr."""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from modelyard.core.line_log import LineLog
from modelyard.core.log import Output, unheard
from modelyard.runtime.logs import LogFolder

UID = "server"
LARGEST_FILE = 4 << 20
"""Bytes of a file, after which the next one begins. As many are kept as of a model."""


class ServerRecord(msgspec.Struct, frozen=True):
    """One record of the server's log."""

    at: float
    """Unix time."""
    level: str
    """In lower case."""
    text: str
    """Name of the logger, message and traceback."""


class ServerLog:
    """Writes records. A file that cannot be written costs its records and nothing else: they are on stderr, too."""

    def __init__(self, folder: Path) -> None:
        self.folder = LogFolder(folder)
        self._file: LineLog | None = None
        self._serial = 0
        self._output: Output | None = None

    def add(self, record: logging.LogRecord) -> None:
        """Write a record that was formatted."""
        text = f"{record.name}: {record.message}"
        if record.exc_text:
            text = f"{text}\n{record.exc_text}"
        line = msgspec.json.encode(ServerRecord(round(record.created, 3), record.levelname.lower(), text))
        with suppress(OSError):
            self._opened().append(line)

    def _opened(self) -> LineLog:
        """The file to write to. Raises `OSError`."""
        if self._file is not None and self._file.size >= LARGEST_FILE:
            self.close()
        if self._file is None:
            self._serial += 1
            self._file = LineLog(self.folder.create(UID, f"{UID}-{time.time():.3f}-{self._serial}"))
        return self._file

    def attach(self) -> None:
        """Write every record that this process writes to stderr, if it logs there."""
        self._output = next((each for each in logging.getLogger().handlers if isinstance(each, Output)), None)
        if self._output is not None:
            self._output.written = self.add

    def detach(self) -> None:
        """Write no more."""
        if self._output is not None:
            self._output.written = unheard
        self.close()

    def close(self) -> None:
        """Close the file; a later record begins another one."""
        if self._file is not None:
            self._file.close()
            self._file = None
