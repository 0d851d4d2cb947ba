"""A private Modelyard server in a child process, with its own home folder and port. It ends when its parent ends.

The child runs under the shim, like every replica: the shim holds the read end of a pipe whose other end only this
process has. However this process ends, also by SIGKILL, the shim ends the server and all its descendants.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from contextlib import suppress
from pathlib import Path

import modelyard
from modelyard.client import Client
from modelyard.core.config import Settings
from modelyard.core.errors import CannotStart
from modelyard.core.private import private_folder

SHIM = Path(modelyard.__file__).parent / "runtime" / "shim.py"
GRACE = 10.0
"""Seconds between SIGTERM and SIGKILL."""
PATIENCE = 120.0
"""Seconds until a server must listen, after which it is considered hung."""
LAST_LINES = 5


def private_home() -> Path:
    """Create a temporary home folder with access to the user's engine environments; the caller removes it."""
    home = Path(tempfile.mkdtemp(prefix="modelyard-"))
    engines = Settings().engines_folder
    private_folder(engines.parent)
    private_folder(engines)
    (home / "engines").symlink_to(engines)
    return home


class PrivateServer:
    """A running server. It ends with `close`, with a `with` block, with the last reference to it, and with this process."""

    def __init__(self) -> None:
        self.home = private_home()
        orders, self._lifeline = os.pipe()
        readiness, announcing = os.pipe()
        shim = [sys.executable, "-I", "-S", str(SHIM), str(orders), f"{GRACE:g}", "--"]
        server = [sys.executable, "-m", "modelyard", "serve", "--port", "0", "--home", str(self.home)]
        with (self.home / "server.log").open("wb") as log:
            try:
                process = subprocess.Popen(
                    [*shim, *server, "--ready-fd", str(announcing)],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment(),
                    pass_fds=(orders, announcing),
                    start_new_session=True,
                )
            finally:
                os.close(orders)
                os.close(announcing)
        self.pid = process.pid
        self._end = weakref.finalize(self, end, process, self._lifeline, self.home)
        self.url = self._url(process, readiness)
        self.client = Client(self.url)

    def _url(self, process: subprocess.Popen[bytes], readiness: int) -> str:
        """Wait for the server's ready line, and return its URL. Raises `CannotStart` if the server ends before."""
        watch = threading.Timer(PATIENCE, process.kill)
        watch.daemon = True
        watch.start()
        with open(readiness, encoding="utf-8") as pipe:
            line = pipe.readline()
        watch.cancel()
        if line:
            return str(json.loads(line)["url"])
        lines = self.log().strip().splitlines()[-LAST_LINES:]
        self.close()
        raise CannotStart(f"The private server did not start: {' / '.join(lines) or 'it printed nothing'}")

    def log(self) -> str:
        """The output of the server."""
        return (self.home / "server.log").read_text(encoding="utf-8", errors="replace")

    def close(self) -> None:
        """Stop every model and the server, and wait until no process is left."""
        self._end()


def environment() -> dict[str, str]:
    """The current environment of this process, without settings of a shared server."""
    ports = ("PORT", "CHATCHAT_PORT", "OLLAMA_PORT", "SSL_CERTFILE", "SSL_KEYFILE")
    shared = ("HOST", *ports, "CONFIG", "HOME", "DATABASE_URL", "INSECURE", "AUTH", "API_KEY", "ENDPOINT")
    taken = {f"MODELYARD_{name}" for name in shared}
    kept = {name: value for name, value in os.environ.items() if name not in taken}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def end(process: subprocess.Popen[bytes], lifeline: int, home: Path) -> None:
    """Let the shim end everything below it, wait, and delete the home folder."""
    with suppress(OSError):
        os.write(lifeline, f"stop {GRACE:g}\n".encode())
    os.close(lifeline)
    try:
        process.wait(GRACE + 10)
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    shutil.rmtree(home, ignore_errors=True)
