"""Running the command line as users do: as a child process, with pipes or at a terminal of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from typing import Self

import psutil

from modelyard.cli.output import width

COMMAND = (sys.executable, "-m", "modelyard")
# Makes the pseudo-terminal the child's own, so that typing Ctrl-C there sends it SIGINT.
ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"
)
PATIENCE = 20.0


def environment(**extra: str) -> dict[str, str]:
    """Ours, without what would change how the command line behaves."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")}
    fixed = {"MODELYARD_LANGUAGE": "en", "PYTHONWARNINGS": "default", "COLUMNS": "100", "TERM": "xterm"}
    return {**kept, **fixed, **extra}


def run(*arguments: str, text: str = "", **env: str) -> subprocess.CompletedProcess[str]:
    """Run `modelyard …` with pipes."""
    return subprocess.run(
        [*COMMAND, *arguments], input=text, capture_output=True, encoding="utf-8", timeout=60, env=environment(**env)
    )


def start(*arguments: str, **env: str) -> subprocess.Popen[str]:
    """Start `modelyard …` with pipes and leave it running."""
    return subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=environment(**env),
    )


class Terminal:
    """`modelyard …` at a pseudo-terminal."""

    def __init__(self, *arguments: str, **env: str) -> None:
        self._master, slave = os.openpty()
        self.process = subprocess.Popen(
            [sys.executable, "-c", ON_TERMINAL, *COMMAND, *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            env=environment(**env),
        )
        os.close(slave)
        self.seen = ""
        self._raw = b""
        self._read_to = 0

    def expect(self, text: str) -> str:
        """Wait until `text` shows after what was expected before; returns what stood before it."""
        deadline = time.monotonic() + PATIENCE
        while (at := self.seen.find(text, self._read_to)) < 0:
            if not self._read(deadline):
                raise AssertionError(f"{text!r} did not show in {self.seen[self._read_to :]!r}")
        before = self.seen[self._read_to : at]
        self._read_to = at + len(text)
        return before

    def type(self, text: str) -> None:
        """Type, as at a keyboard; `\\x04` is Ctrl-D, `\\r` Enter."""
        os.write(self._master, text.encode())

    def interrupt(self) -> None:
        """Type Ctrl-C once the process waits for something: readline loses one that comes while it is busy."""
        deadline = time.monotonic() + PATIENCE
        while psutil.Process(self.process.pid).status() != psutil.STATUS_SLEEPING:
            assert time.monotonic() < deadline, self.seen
        self.type("\x03")

    def wait(self) -> int:
        """Read until the process has ended; returns its exit code."""
        deadline = time.monotonic() + PATIENCE
        while self._read(deadline):
            pass
        return self.process.wait(PATIENCE)

    def _read(self, deadline: float) -> bool:
        ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
        try:
            data = os.read(self._master, 65536) if ready else b""
        except OSError:  # EIO: the child has closed its side
            data = b""
        self._raw += data
        self.seen = self._raw.decode("utf-8", "ignore")
        return bool(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
        os.close(self._master)


def words_of(line: str) -> list[str]:
    """The words of a command line without quotes."""
    return line.split(" ")


def columns(table: str) -> list[list[str]]:
    """The cells of a printed table, checked to stand below each other."""
    rows = [[cell for cell in line.split("  ") if cell.strip()] for line in table.splitlines()]
    titles, *others = table.splitlines()
    for line in others:
        for start in [at for at in range(1, len(titles)) if titles[at] != " " and titles[at - 1] == " "]:
            assert _character_before(line, start) in (" ", ""), (titles, line)
    return [[cell.strip() for cell in row] for row in rows]


def _character_before(line: str, column: int) -> str:
    taken = 0
    for character in line:
        taken += width(character)
        if taken == column:
            return character
    return ""
