"""The parent process of every engine: leads its session, watches the server, kills the process group. Standard library only.

Run as `python -I -S shim.py LIFELINE_FD GRACE -- ARGV…`. The server holds the other end of the lifeline, a pipe:

- a line `stop SECONDS` means SIGTERM to the engine and all its descendants, then SIGKILL after that many seconds;
- end of file means that the server died, by SIGKILL perhaps: the same with `GRACE` seconds.

The shim exits when not one descendant is left, with the engine's own exit code, or 128 + signal. Descendants that leave
the engine's process group are found as well: on Linux the shim is their subreaper, so nothing escapes it.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from typing import NoReturn

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
AFTERLIFE = 0.5  # seconds that helpers of a dead engine may take to go by themselves


def prctl(option: int, value: int) -> None:
    """Call prctl on Linux. Failures are ignored: the lifeline works without it."""
    if sys.platform.startswith("linux"):
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def spawn(argv: list[str]) -> int:
    """Fork and execute the engine in a process group of its own. On Linux the kernel kills it when this process dies."""
    pid = os.fork()
    if pid:
        with suppress(PermissionError, ProcessLookupError):
            os.setpgid(pid, pid)  # on both sides of the fork, so that neither has to wait for the other
        return pid
    try:
        os.setpgid(0, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        signal.set_wakeup_fd(-1)
        os.execvp(argv[0], argv)
    except OSError as error:
        os.write(2, f"error: cannot run {argv[0]}: {error.strerror}\n".encode())
    os._exit(127)


def descendants() -> list[int]:
    """All descendants of this process, from /proc; empty if there is no /proc."""
    children: dict[int, list[int]] = {}
    try:
        names = os.listdir("/proc")
    except OSError:
        return []
    for name in names:
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as stat:
                    parent = int(stat.read().rpartition(b")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue  # it ended while we looked
            children.setdefault(parent, []).append(int(name))
    found: list[int] = []
    queue = [os.getpid()]
    while queue:
        below = children.get(queue.pop(), [])
        found += below
        queue += below
    return found


def send(group: int, number: int) -> None:
    """Signal the engine's group, and the descendants that have left it."""
    with suppress(ProcessLookupError, PermissionError):  # the group is empty, or on macOS holds only zombies
        os.killpg(group, number)
    for pid in descendants():
        with suppress(ProcessLookupError):
            os.kill(pid, number)


class Shim:
    """One engine, from its start until all its descendants are gone."""

    def __init__(self, lifeline: int, grace: float, argv: list[str]) -> None:
        self.lifeline = lifeline
        self.grace = grace
        self.argv = argv
        self.engine = 0
        self.exit_code: int | None = None
        self.kill_at: float | None = None
        """Monotonic time of SIGKILL, once stopping has begun."""
        self.text = b""

    def run(self) -> NoReturn:
        """Start the engine, and exit when all descendants are gone."""
        wake, nudge = os.pipe()
        os.set_blocking(nudge, False)
        signal.set_wakeup_fd(nudge, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, lambda *_: self.end(self.grace))
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        prctl(PR_SET_CHILD_SUBREAPER, 1)
        self.engine = spawn(self.argv)
        watched = [wake, self.lifeline]
        while not self.reap():
            timeout = None if self.kill_at is None else max(0.01, self.kill_at - time.monotonic())
            ready, _, _ = select.select(watched, [], [], timeout)
            if wake in ready:
                os.read(wake, 4096)
            if self.lifeline in ready and not self.listen():
                watched.remove(self.lifeline)
            if self.kill_at is not None and time.monotonic() >= self.kill_at:
                send(self.engine, signal.SIGKILL)
                self.kill_at = time.monotonic() + 0.05  # again, until the group is empty
        os._exit(self.exit_code if self.exit_code is not None else 1)

    def reap(self) -> bool:
        """Collect processes that have exited; True if none is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.engine:
                code = os.waitstatus_to_exitcode(status)
                self.exit_code = code if code >= 0 else 128 - code
                self.end(AFTERLIFE)

    def listen(self) -> bool:
        """Read the lifeline; False after the server has died."""
        data = os.read(self.lifeline, 4096)
        if not data:
            self.end(self.grace)
            return False
        self.text += data
        while b"\n" in self.text:
            line, self.text = self.text.split(b"\n", 1)
            if line.startswith(b"stop "):
                self.end(float(line[5:]))
        return True

    def end(self, grace: float) -> None:
        """Begin to stop the engine, or shorten the time until SIGKILL."""
        if self.kill_at is None:
            send(self.engine, signal.SIGTERM)
        kill_at = time.monotonic() + grace
        self.kill_at = kill_at if self.kill_at is None else min(self.kill_at, kill_at)


if __name__ == "__main__":
    split = sys.argv.index("--")
    Shim(int(sys.argv[1]), float(sys.argv[2]), sys.argv[split + 1 :]).run()
