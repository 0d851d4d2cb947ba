"""One server with real engines, shared by every suite that only sends requests to them.

A start of vLLM takes tens of seconds, so each model is launched when a test first needs it and runs until the session ends.
The suites that share it (`tests/conformance`, `engines/test_encoders_served.py`, `process/test_vllm.py` and
`process/test_adapters.py`) are one group of `tests/suite.py`, so that they run in one worker and no model is started twice. A
test that kills a replica waits until the next one is ready.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.adapters import as_gguf, trained
from tests.causal_models import DEMO
from tests.conformance.models import KINDS, Body
from tests.engine_environments import give_environments
from tests.live import Live, live

SECONDS = 540.0
"""The deadline of a request and of a restart, for hangs only: vLLM starts in 20 s on two idle cores, in minutes on busy ones."""

PATIENT = {"MODELYARD_HEALTH_TIMEOUT": "60"}
"""On a busy machine vLLM, whose processes share two cores, answers a health check late; that is no failure."""


def adapter_paths(engine: str, folder: Path) -> dict[str, Path]:
    """Name → path of each adapter, in the format that the engine reads."""
    if engine != "llama_cpp":
        return trained()
    return {name: as_gguf(path, folder / f"{name}.gguf") for name, path in trained().items()}


def lora_modules(engine: str, folder: Path) -> list[str]:
    """The adapters of `adapted-ENGINE` as a launch names them: each is `adapted-ENGINE-NAME`."""
    return [f"adapted-{engine}-{name}={path}" for name, path in adapter_paths(engine, folder).items()]


ADAPTED: Mapping[str, Callable[[Path], Body]] = {
    "llama_cpp": lambda folder: {"model_name": "modelyard-demo", "n_parallel": 8},
    "transformers": lambda folder: {"model_name": str(DEMO)},
    "vllm": lambda folder: {"model_name": str(DEMO), "max_model_len": 1024, "dtype": "float32"},
}
"""The demo model with two adapters, on each engine that has adapters; on vLLM without a parser of tool calls."""


@dataclass
class EngineServer:
    """A running server whose models are launched on first use. The uid of a model is its kind and its engine: `chat-vllm`."""

    live: Live
    folder: Path
    launched: set[str] = field(default_factory=set)

    def model(self, kind: str, engine: str) -> str:
        """The uid of a running model of a kind (`chat`, `embedding`, `rerank`, `adapted`) on an engine."""
        uid = f"{kind}-{engine}"
        if uid not in self.launched:
            self.live.launched(uid, **{"model_name": uid, "model_engine": engine, **self._body(kind, engine)})
            self.launched.add(uid)
        return uid

    def stop(self, uid: str) -> None:
        """Stop a model; a test that needs it later starts it again."""
        assert self.live.http.delete(f"/v1/models/{uid}").status_code == 200
        self.launched.discard(uid)

    def _body(self, kind: str, engine: str) -> dict[str, Any]:
        if kind == "adapted":
            return {**ADAPTED[engine](self.folder), "lora_modules": lora_modules(engine, self.folder)}
        return dict(KINDS[kind][engine](self.folder))


@contextmanager
def engine_server_in(folder: Path) -> Iterator[EngineServer]:
    """The server for the time of a block, with the environments of all engines that run on a processor."""
    give_environments(folder / "home", "transformers", "vllm", "sentence_transformers")
    with live(folder / "home", PATIENT) as server:
        server.http.timeout = httpx.Timeout(SECONDS)
        yield EngineServer(server, folder)
