"""A real server in a process of its own, and what tests ask of it. `tests/kept_server.py` says how it starts quickly."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.forked import ForkedProcess
from tests.kept_server import forks, kept_server
from tests.processes import FORKED, marked, wait_for

QUICK = {
    "MODELYARD_HEALTH_INTERVAL": "0.2",
    "MODELYARD_HEALTH_TIMEOUT": "4",
    "MODELYARD_RESTART_BACKOFF": "0.05",
    "MODELYARD_DRAIN_TIMEOUT": "5",
}


class Live:
    """A running server. `mark` is in the environment of every process it ever starts."""

    def __init__(
        self, home: Path, env: Mapping[str, str] | None = None, arguments: tuple[str, ...] = (), fork: bool = True
    ) -> None:
        self.mark = uuid.uuid4().hex
        self.home = home
        self.log = home.parent / f"server-{self.mark[:6]}.log"
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MODELYARD_")}
        settings = {"MODELYARD_HOME": str(home), "MODELYARD_PORT": "0", **QUICK, **(env or {})}
        env = {**clean, **settings, "TEST_MARK": self.mark}
        self.process: ForkedProcess | subprocess.Popen[bytes]
        if fork and forks(settings):
            self.process = kept_server().serve(env, self.log, arguments)
            FORKED[self.mark] = self.process.pid
        else:
            with self.log.open("wb") as log:
                self.process = subprocess.Popen(
                    [sys.executable, "-m", "modelyard", "serve", *arguments],
                    env={**env, "PYTHONUNBUFFERED": "1"},
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,
                )
        self.url = self._find_url()
        self.http = httpx.Client(base_url=self.url, timeout=60)

    def _find_url(self) -> str:
        def look() -> str | None:
            found = re.search(r"listening on (https?://[\w.:\[\]]+)", self.output())
            if found is None and self.process.poll() is not None:
                raise AssertionError(f"the server ended: {self.output()}")
            return found[1] if found else None

        return wait_for(look, seconds=60)

    def output(self) -> str:
        """What the server has printed."""
        return self.log.read_text(encoding="utf-8")

    def launch(self, uid: str, wait_ready: bool = True, **body: Any) -> httpx.Response:
        """Launch on the fake engine unless the body says otherwise."""
        given = {"model_name": uid, "model_uid": uid, "model_engine": "fake", **body}
        return self.http.post("/v1/models", params={"wait_ready": str(wait_ready).lower()}, json=given)

    def launched(self, uid: str, **body: Any) -> None:
        """Launch, and insist that it works."""
        answer = self.launch(uid, **body)
        assert answer.status_code == 200, answer.text

    def chat(self, model: str, **body: Any) -> httpx.Response:
        return self.http.post("/v1/chat/completions", json={"model": model, "messages": HELLO, **body})

    def replicas(self, uid: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.http.get(f"/v1/models/{uid}/replicas").json()
        return found

    def status(self, uid: str) -> str:
        answer = self.http.get(f"/v1/models/{uid}")
        return str(answer.json()["status"]) if answer.status_code == 200 else "GONE"

    def until(self, uid: str, status: str) -> None:
        wait_for(lambda: self.status(uid) == status, seconds=60)

    def until_replicas_ready(self, uid: str, count: int) -> list[dict[str, Any]]:
        def look() -> list[dict[str, Any]] | None:
            found = self.replicas(uid)
            return found if sum(each["status"] == "READY" for each in found) == count else None

        return wait_for(look, seconds=60)

    def kill(self) -> None:
        """SIGKILL to the server alone."""
        self.process.kill()
        self.process.wait()

    def stop(self, number: int = signal.SIGINT) -> int:
        """End it as Ctrl-C does; returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=60)

    def close(self) -> None:
        self.http.close()
        if self.process.poll() is None:
            self.kill()
        wait_for(lambda: not marked(self.mark))


HELLO = [{"role": "user", "content": "hello"}]


@contextmanager
def live(
    home: Path, env: Mapping[str, str] | None = None, arguments: tuple[str, ...] = (), fork: bool = True
) -> Iterator[Live]:
    """A server for the time of a block; afterwards none of its processes is left. Without `fork` it starts as for a person."""
    server = Live(home, env, arguments, fork)
    try:
        yield server
    except BaseException:
        sys.stderr.write(server.output())
        raise
    finally:
        server.close()


def error_of(answer: httpx.Response) -> dict[str, Any]:
    """The error of an answer, after checking that it is in the one envelope."""
    body = answer.json()
    error: dict[str, Any] = body["error"]
    assert set(error) == {"message", "type", "code", "param"}
    assert body["detail"] == error["message"]
    return error


def events(text: str) -> list[dict[str, Any]]:
    """The JSON events of a stream, without `[DONE]`."""
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]
