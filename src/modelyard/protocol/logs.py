"""Bodies of `GET /v1/logs`: lines of the logs of models, jobs and the server."""

from __future__ import annotations

from typing import Literal

from modelyard.protocol.documented import Documented

LogLevel = Literal["debug", "info", "warning", "error", "critical"]


class LogEntry(Documented, frozen=True, kw_only=True):
    """One line of a replica or of a job's process, or one record of the server."""

    source: Literal["model", "job", "server"]
    model: str | None
    """Uid of the model, for lines of replicas."""
    replica: str | None
    """Name of the replica."""
    job: str | None
    """Id of the job."""
    at: float | None
    """Unix time that the line names; null where it names none, as many engines' lines do."""
    level: LogLevel | None
    """The level that the line names, or the line that it continues; null where there is none."""
    text: str
    """The line; of the server, a record with its traceback. Secrets are masked, and long lines are cut."""


class LogList(Documented, frozen=True, kw_only=True):
    """Answer of `GET /v1/logs`, oldest first."""

    object: Literal["list"]
    data: list[LogEntry]
    has_more: bool
    """Whether there are older lines that match, or that were not looked at."""
    next: str
    """With `follow=true` and this as `after`, exactly what comes after these lines is sent."""


class LogNews(Documented, frozen=True, kw_only=True):
    """One event of `GET /v1/logs?follow=true`."""

    id: str
    """The place after these lines in all logs, which is the `id` of the server-sent event, too."""
    data: list[LogEntry]
