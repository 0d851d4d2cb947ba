"""The progress of a launch on stderr: a bar on a terminal, a line per stage elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from modelyard.cli.language import translate
from modelyard.cli.output import ProgressLines, in_bytes, note, printable

if TYPE_CHECKING:
    from modelyard.client import Client
    from modelyard.client.types import LaunchProgressDict

POLL = 0.2
ENDS = ("completed", "failed", "cancelled")


def watch(client: Client, uid: str) -> LaunchProgressDict:
    """Show a launch until it is completed, failed or cancelled; returns its last state."""
    return _bar(client, uid) if sys.stderr.isatty() else _lines(client, uid)


def _steps(client: Client, uid: str) -> Iterator[LaunchProgressDict]:
    """The progress of the launch, every `POLL` seconds, including its end. Raises `ModelNotFound` if the model was removed."""
    while True:
        step = client.models.progress(uid)
        if step["stage"] == "pending":
            client.models.describe(uid)
        yield step
        if step["stage"] in ENDS:
            return
        time.sleep(POLL)


def _lines(client: Client, uid: str) -> LaunchProgressDict:
    last_line, lines = "", ProgressLines()
    for step in _steps(client, uid):
        line = f"{uid}: {_stage(step)}"
        if line != last_line:
            note(line)
            last_line = line
        else:
            lines.offer(partial(_with_amount, line, step))
    return step


def _with_amount(line: str, step: LaunchProgressDict) -> str:
    """A line about a launch, with the bytes of its downloads."""
    files = downloads(step)
    total = sum(file.total or file.downloaded for file in files)
    return f"{line}, {in_bytes(sum(file.downloaded for file in files))} of {in_bytes(total)}" if files else line


def _bar(client: Client, uid: str) -> LaunchProgressDict:
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("[bold]{task.fields[uid]}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%"),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0, uid=escape(uid))
        files: dict[str, TaskID] = {}
        for step in _steps(client, uid):
            progress.update(task, completed=step["progress"], description=escape(_stage(step)))
            for file in downloads(step):
                if file.name not in files:
                    files[file.name] = progress.add_task("", uid="", total=None)
                progress.update(
                    files[file.name], total=file.total, completed=file.downloaded, description=escape(str(file))
                )
    return step


@dataclass(frozen=True, slots=True)
class File:
    """The download progress of one file, in bytes."""

    name: str
    downloaded: int
    total: int | None

    def __str__(self) -> str:
        return f"{printable(self.name)} {in_bytes(self.downloaded)} of {in_bytes(self.total)}"


def downloads(step: LaunchProgressDict) -> list[File]:
    """The files of a launch that are being downloaded."""
    found = []
    for each in step.get("download_files") or ():
        name = str(each.get("file_name") or each.get("name") or "")
        done, total = int(each.get("downloaded") or 0), int(each.get("total") or 0) or None
        if name and (total is None or done < total or step["stage"] == "downloading"):
            found.append(File(name, done, total))
    return found


def _stage(step: LaunchProgressDict) -> str:
    """The stage of a launch and its details."""
    stage = translate(step["stage"])
    if step["stage"] == "failed" or not step["info"]:
        return stage
    return f"{stage}: {translate(printable(step['info']))}"
