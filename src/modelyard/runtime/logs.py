"""Log files of replicas, one for each: creates them, reads them from their end, and removes the oldest."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

KEEP = 10  # files per model; the oldest go first
TAIL = 256 * 1024  # bytes that are read from the end of a file
SAFE = " @+=,"
LONGEST = 200  # bytes of a quoted name; file systems end at 255, and a Chinese character takes nine


@dataclass(frozen=True, slots=True)
class LogFile:
    """A log file, as it was when it was listed."""

    name: str
    """The replica or process that prints to it."""
    size: int
    """Bytes."""
    changed_at: float
    """Unix time."""


@dataclass(frozen=True, slots=True)
class LogBlock:
    """Consecutive whole lines of a log file."""

    lines: Sequence[str]
    begin: int
    """Offset in bytes of the first line."""
    end: int
    """Offset in bytes after the last line."""


class LogFolder:
    """`<root>/<uid>/<replica>.log`, with names quoted so that any uid is a file name."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _folder(self, uid: str) -> Path:
        return self.root / _quoted(uid).replace(".", "%2E")

    def create(self, uid: str, replica: str) -> Path:
        """Create the log file of a new replica, and remove the oldest files of its model."""
        folder = self._folder(uid)
        folder.mkdir(parents=True, exist_ok=True)
        for old in self._files(uid)[: -KEEP + 1]:
            old.unlink(missing_ok=True)
        return folder / f"{_stem(uid, replica)}.log"

    def _files(self, uid: str) -> list[Path]:
        folder = self._folder(uid)
        found = (
            folder.glob("*.log") if os.path.isdir(folder) else iter(())
        )  # Path.is_dir raises for names that are too long
        return sorted(found, key=lambda path: path.stat().st_mtime)

    def tail(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, Sequence[str]]:
        """The replica of that name, or the newest one, and the last lines of its log; None if there is no log."""
        name, path = self._newest(uid, replica)
        return name, [] if path is None else read_tail(path, lines)

    def start(self, uid: str, replica: str | None, lines: int) -> tuple[str | None, int]:
        """The replica of that name, or the newest one, and the offset in bytes at which the last whole lines of its log begin."""
        name, path = self._newest(uid, replica)
        return name, 0 if path is None else offset_of_tail(path, lines)

    def _newest(self, uid: str, replica: str | None) -> tuple[str | None, Path | None]:
        files = self._files(uid)
        if replica is not None:
            stem = _stem(uid, replica)
            files = [path for path in files if path.stem == stem or path.stem.startswith(f"{stem}-")]
        if not files:
            return None, None
        return _name(uid, files[-1].stem), files[-1]

    def files(self, uid: str) -> list[LogFile]:
        """The log files of a model or job, the least recently changed first."""
        found = []
        for path in self._files(uid):
            with suppress(FileNotFoundError):
                state = path.stat()
                found.append(LogFile(_name(uid, path.stem), state.st_size, state.st_mtime))
        return found

    def read_before(self, uid: str, replica: str, end: int) -> LogBlock:
        """The whole lines of a replica's file before an offset in bytes, of `TAIL` bytes at most. A longer line is cut."""
        begin = max(0, end - TAIL)
        try:
            with (self._folder(uid) / f"{_stem(uid, replica)}.log").open("rb") as file:
                file.seek(begin)
                data = file.read(end - begin)
        except FileNotFoundError:
            return LogBlock([], 0, 0)
        if begin and (first := data.find(b"\n") + 1) < len(data):
            begin, data = begin + first, data[first:]
        if not data.endswith(b"\n"):
            data = data[: data.rfind(b"\n") + 1 or (len(data) if len(data) == TAIL else 0)]
        return LogBlock(data.decode("utf-8", "replace").splitlines(), begin, begin + len(data))

    def read_on(self, uid: str, replica: str, offset: int) -> tuple[Sequence[str], int]:
        """Whole lines of a replica's file from an offset in bytes on, `TAIL` bytes at most, and the offset after them.

        A line that is longer than that is cut.
        """
        try:
            with (self._folder(uid) / f"{_stem(uid, replica)}.log").open("rb") as file:
                file.seek(offset)
                data = file.read(TAIL)
        except FileNotFoundError:
            return [], offset
        end = data.rfind(b"\n") + 1 or (len(data) if len(data) == TAIL else 0)
        return data[:end].decode("utf-8", "replace").splitlines(), offset + end

    def remove(self, uid: str) -> None:
        """Delete every file of a model or job."""
        shutil.rmtree(self._folder(uid), ignore_errors=True)


def _quoted(name: str) -> str:
    """A name as a part of a path; a long name is cut and gets its hash, so that it stays unique."""
    quoted = quote(name, safe=SAFE)
    if len(quoted.replace(".", "%2E")) <= LONGEST:
        return quoted
    return f"{quoted[:60]}~{hashlib.sha256(quoted.encode()).hexdigest()[:16]}"


def _name(uid: str, stem: str) -> str:
    """The name of a replica, by the name of its file without its suffix."""
    ours = _quoted(uid)
    return uid + unquote(stem.removeprefix(ours)) if stem.startswith(ours) else unquote(stem)


def _stem(uid: str, replica: str) -> str:
    """The name of a replica's file without its suffix. A replica's name is that of its model and a few characters more."""
    if replica.startswith(uid):
        return _quoted(uid) + quote(replica.removeprefix(uid), safe=SAFE)
    return quote(replica, safe=SAFE)


def read_tail(path: Path, lines: int) -> list[str]:
    """The last `lines` lines of a file, undecodable bytes replaced; empty when there is no such file."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - TAIL))
            text = file.read().decode("utf-8", "replace")
    except FileNotFoundError:
        return []
    return text.splitlines()[-lines:] if lines > 0 else []


def offset_of_tail(path: Path, lines: int) -> int:
    """Where the last whole lines of a file begin, as far as they are in its last `TAIL` bytes."""
    try:
        with path.open("rb") as file:
            begin = max(0, file.seek(0, 2) - TAIL)
            file.seek(begin)
            data = file.read()
    except FileNotFoundError:
        return 0
    if begin:
        begin, data = begin + data.find(b"\n") + 1, data[data.find(b"\n") + 1 :]
    place = data.rfind(b"\n") + 1
    for _ in range(lines):
        if place == 0:
            break
        place = data.rfind(b"\n", 0, place - 1) + 1
    return begin + place
