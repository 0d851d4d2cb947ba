"""A real server as a child process, as `modelyard serve` starts it."""

from __future__ import annotations

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from modelyard.client import Client
from tests.cli.terminal import COMMAND, PATIENCE, environment, run
from tests.forked import ForkedProcess
from tests.kept_server import kept_server
from tests.processes import wait_for

READY = re.compile(r"Modelyard \S+ is ready at (http://127\.0\.0\.1:\d+)\n")


@contextmanager
def emptied(url: str) -> Iterator[Client]:
    """A client; what it leaves of bases and chats is deleted after the block."""
    with Client(url) as client:
        yield client
        for base in client.knowledge.list():
            client.knowledge.delete(base["name"])
        client.chats.delete_many([chat["id"] for chat in client.chats.list(limit=1000)["data"]])


def names_in(client: Client, base: str) -> list[str]:
    """Names of a base's documents."""
    return sorted(each["name"] for each in client.documents.list(base)["data"])


class Served:
    """`modelyard serve` in a process of its own, ready to be asked: a fork (`tests/kept_server.py`), or as a person starts it."""

    def __init__(self, home: Path, *arguments: str, fork: bool = True) -> None:
        self.log = home.with_suffix(".log")
        options = ("--port", "0", "--home", str(home), *arguments)
        self.process: ForkedProcess | subprocess.Popen[bytes]
        if fork:
            self.process = kept_server().serve(environment(), self.log, options)
            self.said = self._log_until_ready()
        else:
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    [*COMMAND, "serve", *options],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=environment(),
                )
            self.said = self._greeting(self.process)
        found = READY.search(self.said)
        if not found:
            self.stop(signal.SIGKILL)
            raise AssertionError(self.said + self.log.read_text())
        self.url = found[1]

    def _log_until_ready(self) -> str:
        """What it prints until it is ready or has ended."""

        def look() -> str | None:
            text = self.log.read_text(encoding="utf-8")
            return text if "Ctrl-C stops" in text or self.process.poll() is not None else None

        return wait_for(look, PATIENCE)

    def _greeting(self, process: subprocess.Popen[bytes]) -> str:
        """What it prints on stdout until it is ready, or until it is clear that it never will be."""
        deadline = threading.Timer(PATIENCE, process.kill)
        deadline.start()
        said = ""
        assert process.stdout is not None
        for line in process.stdout:
            said += line.decode()
            if "Ctrl-C stops" in said:
                break
        deadline.cancel()
        return said

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return run(*arguments, text=text, MODELYARD_ENDPOINT=self.url)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        if isinstance(self.process, ForkedProcess):
            return self.process.wait(30)
        with self.process:
            return self.process.wait(30)
