"""The engine of `examples/plugin-engine`, installed as a stranger would, does all that our own engines do."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Live, error_of, events, live

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "plugin-engine"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package, as pip installs it."""
    folder = tmp_path_factory.mktemp("plugin")
    source = shutil.copytree(EXAMPLE, folder / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(folder / "site"), str(source)], check=True, capture_output=True)
    return folder / "site"


@pytest.fixture(scope="module")
def server(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("home") / "home", {"PYTHONPATH": str(installed)}) as running:
        yield running


def test_it_is_listed(installed: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "modelyard", "engine", "list", "--json", "--home", str(tmp_path)]
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    rows = json.loads(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert {"engine": "parrot", "state": "built in"}.items() <= {row["engine"]: row for row in rows}["parrot"].items()


def test_it_stands_among_the_engines_of_a_model(server: Live) -> None:
    assert set(server.http.get("/v1/engines/demo").json()) == {"llama.cpp", "Parrot"}


def test_it_is_estimated_as_it_is_launched(server: Live) -> None:
    """The number that the estimate says is the one that the launch claims, and aliases are understood."""
    found = server.http.post("/v1/models/estimate", json={"model_name": "demo", "model_engine": "Polly"}).json()
    assert found["model_engine"] == "Parrot" and found["weights"] > 0
    server.launched("bird", model_name="demo", model_engine="polly", shout=True)
    model = server.http.get("/v1/models/bird").json()
    assert model["model_engine"] == "Parrot" and model["memory"]["total"] == found["total"]


def test_it_answers_whole_and_streamed(server: Live) -> None:
    server.launched("speaks", model_name="demo", model_engine="parrot")
    assert server.chat("speaks").json()["choices"][0]["message"]["content"] == "hello"
    assert events(server.chat("speaks", stream=True).text)[0]["choices"][0]["delta"]["content"] == "hello"


def test_it_is_chosen_for_an_option_that_it_alone_has_and_refuses_others(server: Live) -> None:
    server.launched("shouts", model_name="demo", model_engine=None, shout=True)
    assert server.chat("shouts").json()["choices"][0]["message"]["content"] == "HELLO"
    refused = server.launch("wrong", model_name="demo", model_engine="parrot", n_ctx=512)
    assert refused.status_code == 400
    assert "Engine 'parrot' has no option 'n_ctx'; llama_cpp has it" in error_of(refused)["message"]
