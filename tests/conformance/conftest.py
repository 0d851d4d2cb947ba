"""Each probe runs against a model of its kind on every engine that runs here, all on the session's shared server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI

from tests.conformance.feature import Outcome, Subject
from tests.conformance.table import Outcomes, write
from tests.engine_server import SECONDS, EngineServer


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--feature-table", type=Path, help="write the table of engines and features to this file")


@pytest.fixture(scope="session")
def openai_client(engine_server: EngineServer) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{engine_server.live.url}/v1", api_key="none", max_retries=0, timeout=SECONDS) as made:
        yield made


@pytest.fixture
def subject(request: pytest.FixtureRequest, engine_server: EngineServer, openai_client: OpenAI) -> Subject:
    """The model that `kind, engine` names."""
    kind, engine = request.param
    model = engine_server.model(kind, engine)
    return Subject(engine_server.live.url, engine, model, openai_client, engine_server.live.http)


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> Iterator[Outcomes]:
    """What came of each probe; written at the end where `--feature-table` says so."""
    found: dict[tuple[str, str], Outcome] = {}
    yield found
    path: Path | None = request.config.getoption("--feature-table", default=None)
    if path is not None:
        write(path, found)
