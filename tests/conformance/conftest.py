"""One server with the same chat model on every engine that runs here; each test runs against each of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.causal_models import DEMO
from tests.engine_environments import give_environments
from tests.live import Live, live

ENGINES = {
    "fake": {"model_name": "fake", "model_engine": "fake"},
    "llama_cpp": {"model_name": "modelyard-demo", "model_engine": "llama_cpp"},
    "transformers": {"model_name": str(DEMO), "model_engine": "transformers"},
}


@dataclass(frozen=True)
class Subject:
    """A running model."""

    server: Live
    engine: str
    model: str


@pytest.fixture(scope="session")
def conformance_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("conformance") / "home"
    give_environments(home, "transformers")
    with live(home) as server:
        for engine, body in ENGINES.items():
            server.launched(f"chat-{engine}", **body)
        yield server


@pytest.fixture(params=sorted(ENGINES))
def subject(request: pytest.FixtureRequest, conformance_server: Live) -> Subject:
    return Subject(conformance_server, request.param, f"chat-{request.param}")
