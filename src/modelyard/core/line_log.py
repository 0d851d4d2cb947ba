"""An append-only file of lines that is whole after a kill: what was written is there, and half a line at its end is cut off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

BLOCK = 1 << 20
"""Bytes that are read at a time."""


class LineLog:
    """One file, which one process writes. Everything here blocks, so call it in a thread where lines are many.

    Lines are in the kernel's hands when `append` returns: they survive the death of the process, not that of the machine.
    Raises `OSError`, also for a full disk; then the file ends with a whole line.
    """

    def __init__(self, path: Path) -> None:
        """Open a log, or make it. An incomplete last line is removed."""
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = _end_of_lines(self._file)
        """Bytes of the whole lines."""
        os.ftruncate(self._file, self.size)

    def append(self, *lines: bytes) -> None:
        """Add lines, which hold no newline themselves: all of them or, with `OSError`, none."""
        data = memoryview(b"".join(line + b"\n" for line in lines))
        written = 0
        try:
            while written < len(data):
                written += os.write(self._file, data[written:])
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += written

    def lines(self) -> Iterator[bytes]:
        """The lines from the beginning, without their newlines."""
        yield from read_lines(self.path)

    def close(self) -> None:
        """Close the file; it stays."""
        os.close(self._file)


def read_lines(path: Path) -> Iterator[bytes]:
    """The whole lines of a file, also of one that is being written. An incomplete last line is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield line[:-1]


def _end_of_lines(file: int) -> int:
    """Bytes up to the end of the last whole line."""
    end = os.lseek(file, 0, os.SEEK_END)
    while end:
        start = max(0, end - BLOCK)
        if (offset := os.pread(file, end - start, start).rfind(b"\n")) >= 0:
            return start + offset + 1
        end = start
    return 0
