"""An interpreter that has imported the server once, and forks for each server that tests start.

Imports are four fifths of the processor time that a server takes to start, and the tests start hundreds; what a server loads
and builds when it first needs it is there, too. A forked server is a process of its own, with environment variables, output and
session of its own, that goes on with the `main` of the command line; it skips the imports only. Servers whose environment
changes what Python itself does are started as a person starts them, and so are those of `tests/cli/test_serve.py`, of the
README and of ms-swift's programs.
"""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tests.forked import ForkedProcess

ROOT = Path(__file__).resolve().parents[1]


def forks(env: Mapping[str, str]) -> bool:
    """Whether a server with these environment variables may be forked: Python and the linker have read theirs already."""
    return not any(name.startswith(("PYTHON", "LD_", "MALLOC_")) for name in env)


class KeptServer:
    """The interpreter, which ends with the process that started it."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._alone = threading.Lock()
        self._endings = tempfile.TemporaryDirectory()
        atexit.register(self.close)

    def serve(self, env: Mapping[str, str], log: Path, arguments: Sequence[str]) -> ForkedProcess:
        """A server with these environment variables and arguments, whose output goes to a new file."""
        log.write_bytes(b"")
        ending = Path(self._endings.name, uuid.uuid4().hex)
        order = {"env": dict(env), "cwd": os.getcwd(), "log": str(log), "ending": str(ending), "argv": list(arguments)}
        with self._alone:
            self._process = process = self._process or self._start()
            assert process.stdin and process.stdout
            try:
                process.stdin.write(json.dumps(order) + "\n")
                process.stdin.flush()
                pid = process.stdout.readline()
                assert pid, "the interpreter ended"
            except BaseException:  # a test that is out of time must not leave its answer to the next one
                self.close()
                raise
        return ForkedProcess(int(pid), ending)

    def _start(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", __name__],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def close(self) -> None:
        """End it, if it runs. Its servers go on."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


@cache
def kept_server() -> KeptServer:
    """The interpreter of this test run."""
    return KeptServer()


def keep() -> None:
    """Import the server, then fork for each order that comes on stdin, and print the process id; never returns in a server."""
    import httpx  # noqa: F401
    import lxml.html  # noqa: F401
    import tantivy  # noqa: F401

    import modelyard.api.server
    import modelyard.cli.serve  # noqa: F401
    from modelyard.api.routes import ROUTES

    for route in ROUTES:
        assert route.dependant  # reading it builds the route, which a server does when it is first asked for it

    endings: dict[int, str] = {}

    def write_endings(*_: object) -> None:
        while endings:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            place = endings.pop(pid)
            Path(f"{place}.new").write_text(str(os.waitstatus_to_exitcode(status)))
            os.rename(f"{place}.new", place)

    signal.signal(signal.SIGCHLD, write_endings)
    while line := sys.stdin.readline():
        order = json.loads(line)
        signal.pthread_sigmask(
            signal.SIG_BLOCK, {signal.SIGCHLD}
        )  # a server that ends at once is in the dictionary by then
        pid = os.fork()
        if not pid:
            become_server(order)
        endings[pid] = order["ending"]
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        print(pid)


def become_server(order: Mapping[str, Any]) -> None:
    """Go on as `python -m modelyard serve`."""
    from modelyard.cli.main import main

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
    os.setsid()
    for name, number in ((os.devnull, 0), (order["log"], 1), (order["log"], 2)):
        file = os.open(name, os.O_RDWR | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    main(["serve", *order["argv"]])


if __name__ == "__main__":
    keep()
