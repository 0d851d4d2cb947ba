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
    """`modelyard serve` as a child process, ready to be asked."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.log = home.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [*COMMAND, "serve", "--port", "0", "--home", str(home), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment(),
            )
        self.said = self._greeting()
        found = READY.search(self.said)
        if not found:
            self.stop(signal.SIGKILL)
            raise AssertionError(self.said + self.log.read_text())
        self.url = found[1]

    def _greeting(self) -> str:
        """What it prints on stdout until it is ready, or until it is clear that it never will be."""
        deadline = threading.Timer(PATIENCE, self.process.kill)
        deadline.start()
        said = ""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said += line.decode()
            if "Ctrl-C stops" in said:
                break
        deadline.cancel()
        return said

    def run(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        return run(*arguments, text=text, MODELYARD_ENDPOINT=self.url)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        with self.process:
            return self.process.wait(30)
