"""One server with a model of each kind on every engine that runs here; each probe runs against each of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from openai import OpenAI

from tests.conformance.feature import Outcome, Subject
from tests.conformance.models import KINDS
from tests.conformance.table import Outcomes, write
from tests.engine_environments import give_environments
from tests.live import Live, live

SECONDS = 300.0
"""That a hang is allowed; vLLM starts in 40 on two idle cores."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--feature-table", type=Path, help="write the table of engines and features to this file")


@pytest.fixture(scope="session")
def conformance_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("conformance")
    give_environments(folder / "home", "transformers", "vllm", "sentence_transformers")
    with live(folder / "home") as server:
        server.http.timeout = httpx.Timeout(SECONDS)
        for kind, makers in KINDS.items():
            for engine, make in makers.items():
                uid = f"{kind}-{engine}"
                server.launched(uid, **{"model_name": uid, "model_engine": engine, **make(folder)})
        yield server


@pytest.fixture(scope="session")
def openai_client(conformance_server: Live) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{conformance_server.url}/v1", api_key="none", max_retries=0, timeout=SECONDS) as made:
        yield made


@pytest.fixture
def subject(request: pytest.FixtureRequest, conformance_server: Live, openai_client: OpenAI) -> Subject:
    """The model that `kind, engine` names."""
    kind, engine = request.param
    model = f"{kind}-{engine}"
    return Subject(conformance_server.url, engine, model, openai_client, conformance_server.http)


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """What came of each probe; written at the end where `--feature-table` says so."""
    found: dict[tuple[str, str], Outcome] = {}
    yield found
    path: Path | None = request.config.getoption("--feature-table", default=None)
    if path is not None:
        write(path, found)
