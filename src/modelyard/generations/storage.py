"""The file of a generation: a line about the generation, then a line for each event, the last of which is its end.

A line behind the end says that the result was taken over elsewhere. A file without an end is of a generation that a kill of the
server interrupted. Everything here blocks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from modelyard.core.line_log import LineLog, read_lines
from modelyard.generations.types import END, EndProblem, Generation, GenerationEvent, GenerationState

SETTLED = b'{"settled":true}'
SUFFIX = ".jsonl"
TAIL = 16 * 1024
"""Bytes at the end of a file, among which are the end of a generation and the line behind it."""


class FileHead(msgspec.Struct):
    """The first line of a file."""

    id: str
    owner: str
    kind: str
    created_at: float
    details: dict[str, Any]


class EventLine(msgspec.Struct):
    """The line of an event."""

    number: int
    type: str
    at: float
    data: msgspec.Raw


class EventName(msgspec.Struct):
    """The fields of an event's line that a reader needs."""

    number: int
    type: str


class EndData(msgspec.Struct):
    """The data of the last event."""

    state: GenerationState
    error: EndProblem | None


class FileTail(msgspec.Struct):
    """Any line at the end of a file."""

    number: int = 0
    type: str = ""
    at: float = 0.0
    data: msgspec.Raw = msgspec.Raw(b"null")
    settled: bool = False


def path_of(folder: Path, id: str) -> Path:
    """The path of a generation's file."""
    return folder / f"{id}{SUFFIX}"


def create(folder: Path, generation: Generation) -> LineLog:
    """Make the file of a new generation. Raises `OSError`, and then there is no file."""
    log = LineLog(path_of(folder, generation.id))
    head = FileHead(generation.id, generation.owner, generation.kind, generation.created_at, dict(generation.details))
    try:
        log.append(msgspec.json.encode(head))
    except OSError:
        log.close()
        log.path.unlink()
        raise
    return log


def encode(number: int, type: str, at: float, data: Any) -> GenerationEvent:
    """An event with its line. `data` may be JSON already, as `msgspec.Raw`."""
    if isinstance(data, msgspec.Raw) and b"\n" in bytes(data):
        data = msgspec.json.decode(data)
    raw = data if isinstance(data, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(data))
    return GenerationEvent(number, type, msgspec.json.encode(EventLine(number, type, at, raw)))


def read_events(path: Path, after: int, offset: int, size: int, most: int) -> tuple[list[GenerationEvent], int]:
    """Events with numbers larger than `after`, about `most` bytes of them, and the offset behind the last one.

    Reading begins at `offset`, 0 or one that an earlier call returned, and ends before `size`. Raises `FileNotFoundError`.
    """
    events: list[GenerationEvent] = []
    found = 0
    with path.open("rb") as file:
        file.seek(offset)
        if not offset:
            offset = len(file.readline())
        while offset < size and found < most:
            line = file.readline()
            offset += len(line)
            name = msgspec.json.decode(line, type=EventName)
            if name.number > after:
                events.append(GenerationEvent(name.number, name.type, line[:-1]))
                found += len(line)
    return events, offset


def remembered(path: Path) -> tuple[Generation, bool] | None:
    """The generation of a file of an earlier run, and whether its result was taken over. None for a file without a first line.

    A file that has no end gets one: its generation was interrupted. Half a line at the end of a file is cut off.
    """
    size = whole_size(path)
    head = next(read_lines(path), None)
    if head is None:
        return None
    known = msgspec.json.decode(head, type=FileHead)
    found = Generation(known.id, known.owner, known.kind, known.details, known.created_at)
    end, behind = None, 0
    for line in _last_lines(path, size):
        tail = msgspec.json.decode(line, type=FileTail)
        if tail.settled:
            behind = len(line) + 1
        elif tail.type == END:
            end = tail
    if end is None:
        return _interrupted(path, found), False
    data = msgspec.json.decode(end.data, type=EndData)
    return replace(
        found, state=data.state, error=data.error, ended_at=end.at, events=end.number, size=size - behind
    ), bool(behind)


def whole_size(path: Path) -> int:
    """Bytes of a file, after half a line at its end was cut off."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        if size:
            file.seek(size - 1)
        if file.read(1) == b"\n":
            return size
    log = LineLog(path)
    log.close()
    return log.size


def _last_lines(path: Path, size: int) -> Iterator[bytes]:
    """The whole lines among the last bytes of a file, without that about the generation."""
    with path.open("rb") as file:
        file.seek(max(0, size - TAIL))
        yield from file.read().split(b"\n")[1:-1]  # the first one may be half a line


def _interrupted(path: Path, found: Generation) -> Generation:
    """End the file of an interrupted generation. Raises `OSError`."""
    log = LineLog(path)
    try:
        number, at = 0, found.created_at
        for line in islice(log.lines(), 1, None):
            event = msgspec.json.decode(line, type=EventLine)
            number, at = event.number, event.at
        return append_end(log, replace(found, state=GenerationState.INTERRUPTED, ended_at=at, events=number))
    finally:
        log.close()


def append_end(log: LineLog, ended: Generation) -> Generation:
    """Append the last event of a generation that has ended without it. Raises `OSError`."""
    data = EndData(ended.state, ended.error)
    event = encode(ended.events + 1, END, ended.ended_at or ended.created_at, data)
    log.append(event.json)
    return replace(ended, events=event.number, size=log.size)


def write_end(path: Path, ended: Generation) -> Generation:
    """`append_end` for a file that is closed. Raises `OSError`."""
    log = LineLog(path)
    try:
        return append_end(log, ended)
    finally:
        log.close()


def mark_settled(path: Path) -> None:
    """Note behind the end of a generation that its result was taken over. Raises `OSError`."""
    log = LineLog(path)
    try:
        log.append(SETTLED)
    finally:
        log.close()


def folder_of(home: Path) -> Path:
    """The folder of all generations, made if it is missing. Raises `OSError`."""
    folder = home / "generations"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def remove(path: Path) -> None:
    """Delete a file, which may be gone already."""
    path.unlink(missing_ok=True)


def names(folder: Path) -> list[Path]:
    """The files of a folder."""
    return [folder / name for name in os.listdir(folder) if name.endswith(SUFFIX)]
