"""Kills `modelyard backup` and `modelyard restore` at one file operation after another, and checks what is there then.

    python -m tests.cli.interrupted backup HOME FILE STEP
    python -m tests.cli.interrupted restore HOME FILE STEP

Each attempt is a child that is killed (`SIGKILL`) before the 1st, STEP + 1st, … operation that Python reports (`open`,
`os.rename`, `os.mkdir`, …) in the folder of HOME and FILE. It ends when an attempt was not killed, and prints the number
of kills.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from modelyard.api import app as app  # the commands import it; here it is imported once, and not in each child
from modelyard.cli.main import run
from modelyard.control.backups import KEPT
from modelyard.control.restores import STAGING, finish_restore
from modelyard.core.config import Settings


def main(command: str, home: Path, file: Path, step: int) -> None:
    kills = 0
    while (backup if command == "backup" else restore)(home, file, kills * step + 1):
        kills += 1
    print(kills)


def backup(home: Path, file: Path, number: int) -> bool:
    """Back up over an older file; a kill leaves that file, or the new one. Returns whether it was killed."""
    file.write_bytes(b"older")
    killed = attempt(["backup", str(file), "--home", str(home)], home.parent, number)
    content = file.read_bytes()
    check(content == b"older" or content.endswith(bytes(1024)), f"a kill at {number} left a part of a backup")
    if number % 5 == 0 or not killed:
        check(not attempt(["backup", str(file), "--home", str(home)], home.parent, None), "killed without reason")
        check(not list(file.parent.glob("*.partial*")), "the next backup left something of the killed one")
    return killed


def restore(home: Path, file: Path, number: int) -> bool:
    """Restore into a new home; a kill leaves an empty home or a whole one. Returns whether it was killed."""
    whole = home.with_name("whole")
    if not whole.exists():
        check(not attempt(["restore", str(file), "--home", str(whole)], home.parent, None), "killed without reason")
        check(len(contents(whole)) > 1, "a restore brings nothing")
    killed = attempt(["restore", str(file), "--home", str(home)], home.parent, number)
    asyncio.run(finish_restore(Settings(home=home)))  # what the next start of a server does
    there = contents(home)
    check(not there or there == contents(whole), f"a kill at {number} left {sorted(there)}")
    check(not (home / STAGING).exists(), f"a kill at {number} left the folder {STAGING}")
    if not there and number % 4 == 1:
        check(not attempt(["restore", str(file), "--home", str(home)], home.parent, None), "killed without reason")
        check(contents(home) == contents(whole), f"after a kill at {number}, a restore is not whole")
    shutil.rmtree(home)
    return killed


def contents(home: Path) -> dict[str, str]:
    """What is in the files of a home, by name; of a database, its rows."""
    files = [path for name in KEPT for path in (home / name).rglob("*") if path.is_file()]
    found = {str(path.relative_to(home)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    if (home / "modelyard.db").exists():
        with closing(sqlite3.connect(home / "modelyard.db")) as database:
            found["modelyard.db"] = "\n".join(database.iterdump())
    return found


def attempt(arguments: list[str], folder: Path, number: int | None) -> bool:
    """Run the command line in a child that is killed at a file operation in a folder; returns whether it was killed."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        if number is not None:
            kill_at(number, str(folder))
        os._exit(run(arguments))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    check(code in (0, -signal.SIGKILL), f"{arguments} ended with {code} (operation {number})")
    return code != 0


def kill_at(number: int, folder: str) -> None:
    count = 0

    def before(name: str, arguments: tuple[Any, ...]) -> None:
        nonlocal count
        if any(isinstance(each, str | os.PathLike) and str(each).startswith(folder) for each in arguments):
            count += 1
            if count == number:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(before)


def check(holds: bool, sentence: str) -> None:
    if not holds:
        sys.exit(sentence)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]))
