"""`modelyard kb add --watch` while the server is away, and when what it watches for is gone."""

from __future__ import annotations

import queue
import signal
import threading
from pathlib import Path

import pytest

from modelyard.cli.kb_add import is_temporary
from modelyard.client import Client
from modelyard.core.errors import (
    BodyTooLarge,
    ConnectionLost,
    DatabaseUnavailable,
    InvalidKey,
    KnowledgeBaseNotFound,
    ModelyardError,
    RateLimited,
    ServerUnreachable,
)
from tests.cli.served import Served
from tests.cli.terminal import PATIENCE, start
from tests.processes import wait_for


class Watcher:
    """The command, and what it says as it says it."""

    def __init__(self, server: Served, folder: Path) -> None:
        self.process = start(
            "kb", "add", "b", str(folder), "--watch", MODELYARD_ENDPOINT=server.url, XDG_CACHE_HOME=str(folder / ".c")
        )
        self._said: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._said.put(line)

    def expect(self, text: str) -> str:
        """The next line with this in it."""
        while text not in (line := self._said.get(timeout=PATIENCE)):
            pass
        return line

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        code = self.process.wait(PATIENCE)
        self.close()
        return code

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None and self.process.stderr is not None
        self.process.stdout.close()
        self.process.stderr.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    place.mkdir()
    (place / "a.txt").write_text("first")
    return place


def names(server: Served) -> list[str]:
    with Client(server.url) as client:
        return [each["name"] for each in client.documents.list("b")["data"] if each["state"] == "ready"]


def test_watch_waits_for_a_server_that_is_away(tmp_path: Path, folder: Path) -> None:
    server = Served(tmp_path / "home")
    with Client(server.url) as client:
        client.knowledge.create("b")
    watcher = Watcher(server, folder)
    try:
        watcher.expect("Watching")
        server.stop()
        (folder / "b.txt").write_text("second")
        watcher.expect("Trying again in 1 s")
        watcher.expect("Trying again in 2 s")
        server = Served(tmp_path / "home", "--port", server.url.rsplit(":", 1)[1])
        watcher.expect("answers again")
        wait_for(lambda: names(server) == ["a.txt", "b.txt"])
        (folder / "c.txt").write_text("third")
        wait_for(lambda: names(server) == ["a.txt", "b.txt", "c.txt"])
        assert watcher.end() == 0
    finally:
        watcher.close()
        server.stop()


def test_watch_ends_when_the_base_is_deleted(tmp_path: Path, folder: Path) -> None:
    server = Served(tmp_path / "home")
    try:
        with Client(server.url) as client:
            client.knowledge.create("b")
            watcher = Watcher(server, folder)
            watcher.expect("Watching")
            client.knowledge.delete("b")
        (folder / "b.txt").write_text("second")
        watcher.expect("There is no knowledge base 'b'")
        assert watcher.process.wait(PATIENCE) == 1
        watcher.close()
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("error", "mends"),
    [
        (ServerUnreachable("http://x", "refused"), True),
        (ConnectionLost("http://x", "reset"), True),
        (DatabaseUnavailable("locked"), True),
        (RateLimited("slow down"), True),
        (KnowledgeBaseNotFound("b"), False),
        (InvalidKey("no"), False),
        (BodyTooLarge(5), False),
    ],
)
def test_only_errors_that_may_pass_are_temporary(error: ModelyardError, mends: bool) -> None:
    assert is_temporary(error) is mends
