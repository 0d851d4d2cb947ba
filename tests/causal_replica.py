"""A replica of the transformers engine without the server, and a client that holds its token."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx

from modelyard.core.types import Address, Json, Launch, Model, ModelType, Shape
from modelyard.engines.transformers import engine
from tests.causal_models import DEMO, interpreter
from tests.engine_environments import engine_python
from tests.forked import ForkedProcess
from tests.live import events
from tests.processes import wait_for

CHAT = "/v1/chat/completions"
COMPLETION = "/v1/completions"
SHAPE = Shape(layers=6, hidden=256, heads=4, kv_heads=2, head_dim=64, vocab=6144, parameters=4_500_000)


def launch(path: Path = DEMO, **options: Json) -> Launch:
    """A launch of a folder with the shape of the demo model."""
    model = Model("m", ModelType.LLM, "pytorch", str(path), context_length=512, weights_bytes=9_000_000, shape=SHAPE)
    return Launch("m", model, "transformers", options)


class Replica:
    """A running replica and a client that holds its token. Unless `fork`, it is started as the server starts it."""

    def __init__(self, folder: Path, wanted: Launch, fork: bool = True) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.uds = folder / "r.sock"
        command = engine.command(wanted, Address(uds=str(self.uds)), "a-token")
        self.log = folder / "log"
        env = {**os.environ, **command.env}
        self.process: ForkedProcess | subprocess.Popen[bytes]
        if fork:
            self.process = interpreter().replica(env, self.log)
        else:
            with self.log.open("wb") as log:
                argv = [engine_python(engine.name), *command.argv[1:]]
                self.process = subprocess.Popen(argv, env=env, stdout=log, stderr=subprocess.STDOUT)
        headers = {name.decode(): value.decode() for name, value in command.headers}
        transport = httpx.HTTPTransport(uds=str(self.uds), limits=httpx.Limits(max_connections=200))
        self.http = httpx.Client(base_url="http://replica", transport=transport, headers=headers, timeout=150)
        self.seen: list[int] = []
        """Status codes of `/health` until it was 200."""

    def until_ready(self) -> Replica:
        def look() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            with socket.socket(socket.AF_UNIX) as probe:  # its file is there before it listens
                listening = probe.connect_ex(str(self.uds)) == 0
            if listening:
                self.seen.append(self.http.get("/health").status_code)
            return 200 in self.seen

        wait_for(look, seconds=150)
        return self

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.http.post(path, json={"model": "m", **body})

    def json(self, path: str, **body: Any) -> Any:
        answer = self.post(path, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def chat(self, question: str, **body: Any) -> Any:
        return self.json(CHAT, messages=[{"role": "user", "content": question}], **{"temperature": 0, **body})

    def text(self, question: str, **body: Any) -> str:
        return str(self.chat(question, **body)["choices"][0]["message"]["content"])

    def stream(self, path: str, **body: Any) -> list[dict[str, Any]]:
        answer = self.post(path, stream=True, **body)
        assert answer.text.endswith("data: [DONE]\n\n")
        return events(answer.text)

    def refused(self, path: str, **body: Any) -> str:
        """The parameter that a refusal names."""
        answer = self.post(path, **body)
        assert answer.status_code == 400, answer.text
        return str(answer.json()["error"]["param"])

    def figure(self, name: str) -> float:
        lines = self.http.get("/metrics").text.splitlines()
        return next(float(line.split()[1]) for line in lines if line.startswith(f"replica_{name} "))

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.http.close()
        return code
