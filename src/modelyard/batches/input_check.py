"""Checks the whole input of a batch before anything is sent, in threads and in memory that does not grow with wrong lines."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from modelyard.batches.lines import InputCheck, InputLine, portion, read_input
from modelyard.core.config import Settings
from modelyard.files.stores import whole_step

NAMED = 1000
"""Wrong lines that the batch itself names; if there are more, all are in a file."""
LONGEST_MODEL = 300


@dataclass(frozen=True, slots=True)
class InputFindings:
    """What is known of an input."""

    lines: int
    """Blank ones included."""
    total: int
    """Requests."""
    model: str | None
    """The model of all requests; None if they name several."""
    problems: list[dict[str, Any]]
    """The first wrong lines, and an entry that says how many more there are."""
    all_problems: Path | None
    """All wrong lines as JSON Lines, if they are more than `NAMED`."""


async def check_input(
    path: Path, endpoint: str, settings: Settings, folder: Path, stopping: asyncio.Event
) -> InputFindings | None:
    """Check each line of a file; None if `stopping` was set before the end."""
    check = InputCheck(endpoint, settings.max_batch_requests)
    problems: list[dict[str, Any]] = []
    record = folder / "problems.jsonl"
    count = 0
    with closing(read_input(path, settings.max_body_bytes)) as lines, record.open("wb") as file:
        while True:
            found = await whole_step(_check_some, check, lines, file)
            if found is None:
                break
            count += len(found)
            problems += found[: NAMED - len(problems)]
            if stopping.is_set():
                return None
    if not check.total:
        problems.append(_of_the_whole("empty_file", "The input file has no lines."))
    if count > NAMED:
        more = f"{count - NAMED} more lines are wrong. The error file of this batch names all of them."
        problems.append(_of_the_whole("too_many_errors", more))
    (model,) = check.models if len(check.models) == 1 else (None,)
    usable = model is not None and len(model) <= LONGEST_MODEL and model.isprintable()
    return InputFindings(
        check.lines, check.total, model if usable else None, problems, record if count > NAMED else None
    )


def _check_some(check: InputCheck, lines: Iterator[InputLine], file: BinaryIO) -> list[dict[str, Any]] | None:
    """What is wrong with the next lines; None at the end."""
    found = portion(lines)
    if not found:
        file.flush()
        return None
    checked = [check.check(line) for line in found]
    problems = [problem.as_dict() for problem in checked if problem is not None]
    for each in problems:
        file.write(msgspec.json.encode(each) + b"\n")
    return problems


def _of_the_whole(code: str, message: str) -> dict[str, Any]:
    return {"code": code, "line": None, "message": message, "param": None}
