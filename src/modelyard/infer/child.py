"""A Modelyard server of one's own, in a child process: private home, private port, dead when its parent is.

The child stands under the same shim as every replica: the shim holds the read end of a pipe whose other end only this
process has. However this process ends, SIGKILL included, the shim ends the server and everything below it.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path
from typing import IO

import modelyard
from modelyard.client import Client
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.private import private_folder

SHIM = Path(modelyard.__file__).parent / "runtime" / "shim.py"
GRACE = 10.0
"""Seconds between the request to end and SIGKILL."""
PATIENCE = 120.0
"""Seconds that a server may take until it listens; a hang, not a slow start."""
READY = re.compile(rb"is ready at (http://\S+)")
LAST_LINES = 5


def private_home() -> Path:
    """A temporary home folder that sees the user's engines; whoever makes it removes it."""
    home = Path(tempfile.mkdtemp(prefix="modelyard-"))
    engines = Settings().engines_folder
    private_folder(engines.parent)
    private_folder(engines)
    (home / "engines").symlink_to(engines)
    return home


class PrivateServer:
    """A running server. It ends with `close`, with the last reference to it, with this process, and by `with`."""

    def __init__(self) -> None:
        self.home = private_home()
        read_end, self._lifeline = os.pipe()
        argv = [sys.executable, "-I", "-S", str(SHIM), str(read_end), f"{GRACE:g}", "--"]
        log = (self.home / "server.log").open("wb")
        try:
            process = subprocess.Popen(
                [*argv, sys.executable, "-m", "modelyard", "serve", "--port", "0", "--home", str(self.home)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
                pass_fds=(read_end,),
                start_new_session=True,
            )
        finally:
            os.close(read_end)
            log.close()
        self.pid = process.pid
        self._end = weakref.finalize(self, end, process, self._lifeline, self.home)
        assert process.stdout is not None
        self.url = self._url(process, process.stdout)
        self.client = Client(self.url)

    def _url(self, process: subprocess.Popen[bytes], said: IO[bytes]) -> str:
        watch = threading.Timer(PATIENCE, process.kill)
        watch.daemon = True
        watch.start()
        try:
            for line in said:
                if found := READY.search(line):
                    return found[1].decode()
        finally:
            watch.cancel()
        lines = self.log().strip().splitlines()[-LAST_LINES:]
        self.close()
        raise CannotStart(f"The private server did not start: {' / '.join(lines) or 'it said nothing'}")

    def log(self) -> str:
        """What the server has written."""
        return (self.home / "server.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Stop every model and the server, and wait until no process is left."""
        self._end()


def environment() -> dict[str, str]:
    """This process's environment as it is now, without what belongs to a server for everybody."""
    shared = ("HOST", "PORT", "HOME", "DATABASE_URL", "INSECURE", "AUTH", "API_KEY", "ENDPOINT")
    taken = {f"MODELYARD_{name}" for name in shared}
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def end(process: subprocess.Popen[bytes], lifeline: int, home: Path) -> None:
    """Ask the shim to end everything below it, wait, and take the home away."""
    with suppress(OSError):
        os.write(lifeline, f"stop {GRACE:g}\n".encode())
    os.close(lifeline)
    try:
        process.wait(GRACE + 10)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
    shutil.rmtree(home, ignore_errors=True)
