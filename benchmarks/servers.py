"""Our server in a process of its own with one model launched, as every comparison needs it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from benchmarks.cold import environment
from modelyard.core.config import Settings
from modelyard.runtime.environments import Environments

MODEL = "bench"
LOCAL = Path(__file__).resolve().parents[1] / ".venv" / "engines-home" / "engines"
"""Where the tests keep engines' environments."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server."""

    url: str
    pid: int
    launch_seconds: float

    @property
    def address(self) -> dict[str, Any]:
        """Host and port, as `benchmarks.load.Plan` takes them."""
        host, port = self.url.removeprefix("http://").split(":")
        return {"host": host, "port": int(port)}


@contextlib.contextmanager
def ours(body: Mapping[str, Any], engines: Path | None = None) -> Iterator[Running]:
    """The server, with the model of a launch's body; `engines` holds the engines' environments."""
    with tempfile.TemporaryDirectory() as folder:
        if engines is not None:
            (Path(folder) / "engines").symlink_to(engines.resolve())
        argv = [sys.executable, "-m", "modelyard", "serve", "--port", "0", "--home", folder]
        process = subprocess.Popen(
            argv, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        assert process.stderr is not None
        try:
            found = re.search(r"listening on (http://\S+)", process.stderr.readline())
            assert found is not None
            answer = httpx.post(f"{found[1]}/v1/models", json={"model_uid": MODEL, **body}, timeout=600)
            if answer.is_error:
                sys.exit(f"the launch failed: {answer.text}")
            yield Running(found[1], process.pid, answer.elapsed.total_seconds())
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
            process.stderr.close()


def environments(given: Path | None = None) -> Path:
    """The folder of the engines' environments: the one named, else the tests' own, else that of the home folder."""
    return given or (LOCAL if LOCAL.is_dir() else Settings().engines_folder)


def python_of(engine: str, folder: Path) -> str:
    """The interpreter of an engine's environment; ends the program with the command that makes one."""
    found = Environments(folder).find(engine)
    if found is None:
        sys.exit(f"{engine} has no environment in {folder}: modelyard engine install {engine}")
    return found.python
