"""Parses the output of a job's process: text for people, and lines of JSON with reports for the server. Pure.

A line of JSON is an object with one of these keys: `progress` (an object with `done`, `total`, `unit`, `message`; absent
ones keep their last value), `event` (an object with `type` and further data, such as the metrics of a
training step), `result` (an object) or `error` (an object with `code`, `message` and `param`). All other lines are the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import msgspec

from modelyard.core.errors import JobFailed, ModelyardError, error_classes
from modelyard.jobs.types import JobProgress

KEYS = frozenset({"progress", "event", "result", "error"})
LAST_LINES = 20
EVENT = "message"
"""Type of an event that has no `type`."""


Amount = Annotated[float, msgspec.Meta(ge=0, le=2**53)]


class ProgressLine(msgspec.Struct, frozen=True):
    """The value of `progress` in a line of JSON; None for what the line leaves out."""

    done: Amount | None = None
    total: Amount | None = None
    unit: str | None = None
    message: str | None = None


@dataclass(slots=True)
class ProcessOutput:
    """The parsed output of one process so far."""

    progress: JobProgress = field(default_factory=JobProgress)
    events: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    """Type and data of events that the job runner has not stored yet."""
    result: Mapping[str, Any] | None = None
    error: ModelyardError | None = None
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=LAST_LINES))
    """The last lines that are no reports."""

    def read(self, lines: Iterable[str]) -> None:
        """Parse further lines, in their order."""
        for line in lines:
            report = reported(line)
            if report is None:
                self.lines.append(line)
            else:
                self._take(report)

    def _take(self, report: Mapping[str, Any]) -> None:
        if "progress" in report:
            self.progress = _merged(self.progress, report["progress"])
        if isinstance(event := report.get("event"), dict):
            data = {name: value for name, value in event.items() if name != "type"}
            self.events.append((str(event.get("type") or EVENT)[:20], data))
        if isinstance(result := report.get("result"), dict):
            self.result = result
        if isinstance(error := report.get("error"), dict):
            self.error = _raised(error)


def reported(line: str) -> dict[str, Any] | None:
    """The object in a line of JSON that is a report; None for a line of the log."""
    if not line.startswith("{"):
        return None
    try:
        found = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return found if isinstance(found, dict) and KEYS & found.keys() else None


def _merged(before: JobProgress, report: Any) -> JobProgress:
    try:
        now = msgspec.convert(report, ProgressLine)
    except msgspec.ValidationError:
        return before
    return JobProgress(
        before.done if now.done is None else int(now.done),
        before.total if now.total is None else int(now.total),
        before.unit if now.unit is None else now.unit,
        before.message if now.message is None else now.message,
    )


def _raised(error: Mapping[str, Any]) -> ModelyardError:
    cls = error_classes().get(str(error.get("code")), JobFailed)
    param = error.get("param")
    return cls.from_wire(str(error.get("message") or "It failed."), None if param is None else str(param), None)
