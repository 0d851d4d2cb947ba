"""Bodies of `GET /v1/logs`, which reads the logs of models, jobs and the server."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.documented import Documented

LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class LogEntry(Documented, frozen=True, kw_only=True):
    """A line that a replica or a job's process printed, or a record of the server's log."""

    source: Literal["model", "job", "server"]
    model: str | None
    """Uid of the model for lines of replicas; else null."""
    replica: str | None
    """Name of the replica for lines of replicas; else null."""
    job: str | None
    """Id of the job for lines of jobs; else null."""
    at: float | None
    """Unix time in seconds that the line states; null if it states none, like lines of many engines."""
    level: LogLevel | None
    """The level that the line states, or the line that it continues; null if none is stated."""
    text: str
    """The line; for a record of the server, with its traceback. Secrets are masked, and long lines are cut."""


class LogList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/logs`, oldest first."""

    object: Literal["list"]
    data: list[LogEntry]
    has_more: bool
    """Whether there are older lines that match or were not examined."""
    next: str
    """The place behind these lines: `GET /v1/logs?follow=true` with this value as `after` continues without a gap or a
    repetition."""


class LogNews(Documented, frozen=True, kw_only=True):
    """An event of `GET /v1/logs?follow=true`."""

    id: str
    """The place behind these lines in all logs, which is also the `id` of the server-sent event."""
    data: list[LogEntry]
