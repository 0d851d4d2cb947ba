"""TypedDicts of the answers about logs."""

from __future__ import annotations

from typing import TypedDict


class LogEntryDict(TypedDict):
    """One line of a replica or of a job's process, or one record of the server."""

    source: str
    model: str | None
    replica: str | None
    job: str | None
    at: float | None
    level: str | None
    text: str


class LogListDict(TypedDict):
    """The newest lines, oldest first."""

    object: str
    data: list[LogEntryDict]
    has_more: bool
    next: str


class LogNewsDict(TypedDict):
    """Further lines, and the place after them."""

    id: str
    data: list[LogEntryDict]
