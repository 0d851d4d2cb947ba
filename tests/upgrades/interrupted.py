"""Opens databases and is killed at one statement after another; a child process for each attempt.

    python -m tests.upgrades.interrupted URL FIRST STEP

opens the database of URL once for each of the statements FIRST, FIRST + STEP, … of an opening, and is killed (`SIGKILL`)
before the statement is executed. A last attempt, whose number no statement has, ends as it should. It prints the number of kills.
For an SQLite file, each attempt begins with a copy of it as it was.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event, make_url

from modelyard.db import migrations as migrations  # imported once, and not in each child
from modelyard.db.session import Database
from modelyard.db.versions import HEAD


def main(url: str, first: int, step: int) -> None:
    path = make_url(url).database if url.startswith("sqlite") else None
    if path is not None:
        shutil.copyfile(path, f"{path}-before") if Path(path).exists() else None
    number = first
    while attempt(url, number):
        check(attempt(url, None) == 0, f"it does not open after a kill at statement {number}")
        if path is not None:
            begin_again(Path(path))
        number += step
    print((number - first) // step)


def attempt(url: str, number: int | None) -> int:
    """Open the database in a child that is killed at a statement; returns 0 if it was not."""
    child = os.fork()
    if child == 0:
        if number is not None:
            kill_at(number)
        asyncio.run(opened(url))
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    check(code in (0, -signal.SIGKILL), f"it ended with {code} (statement {number})")
    return code


def kill_at(number: int) -> None:
    executed = 0

    @event.listens_for(Engine, "before_cursor_execute")
    def before(*_: Any) -> None:
        nonlocal executed
        executed += 1
        if executed == number:
            os.kill(os.getpid(), signal.SIGKILL)


async def opened(url: str) -> None:
    database = Database(url)
    await database.open()
    version = await database.version()
    await database.close()
    check(version == HEAD, f"its schema is {version}")


def begin_again(path: Path) -> None:
    """Put the file back as it was, or remove it if it was not there."""
    before = path.with_name(f"{path.name}-before")
    for each in path.parent.glob(f"{path.name}*"):
        if each != before:
            each.unlink()
    if before.exists():
        shutil.copyfile(before, path)


def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(sentence)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
