"""A process that a kept interpreter forked, with what tests use of `subprocess.Popen`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tests.processes import wait_for


class ForkedProcess:
    """A process whose parent writes its exit code into a file when it has ended."""

    def __init__(self, pid: int, ending: Path) -> None:
        self.pid = pid
        self._ending = ending

    def poll(self) -> int | None:
        """The exit code, or None while it runs; a signal is a negative number."""
        return int(self._ending.read_text(encoding="utf-8")) if self._ending.exists() else None

    @property
    def returncode(self) -> int | None:
        """The same."""
        return self.poll()

    def wait(self, timeout: float = 60) -> int:
        """The exit code, once it has ended."""
        wait_for(lambda: self.poll() is not None, seconds=timeout)
        code = self.poll()
        assert code is not None
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)
