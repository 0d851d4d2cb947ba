"""What docs/batches.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelyard.api.batches import GatewayModels
from modelyard.api.routes import ROUTES
from modelyard.batches.rows import BatchState
from modelyard.core.config import Settings
from tests.live import live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "batches.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:9997"
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def types(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., str]]:
    """Run a command in a folder with a server; what it prints. It must end well."""
    folder = tmp_path_factory.mktemp("page")
    with live(folder / "home") as running:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "MODELYARD_ENDPOINT": running.url, "PATH": path}

        def types(*argv: str) -> str:
            command = [each.replace(WRITTEN, running.url) for each in argv]
            done = subprocess.run(
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, f"{argv}: {done.stderr}"
            return done.stdout

        yield types


def test_every_block_in_order(types: Callable[..., str]) -> None:
    assert [kind for kind, _ in BLOCKS] == ["sh", "python", "python"], "say here what the new block is"
    shell, official, own = [text for _, text in BLOCKS]
    printed = types("bash", "-ec", shell)
    assert printed.count("completed") == 2 and "3/3" in printed
    assert types(sys.executable, "-c", official).splitlines() == ["completed 3", "3"]
    assert types(sys.executable, "-c", own).splitlines()[-2:] == ["3 of 3", "completed"]


def test_routes_settings_endpoints_and_states_in_the_text_exist() -> None:
    known = {(route.method, route.path) for route in ROUTES}
    named = set(re.findall(r"`(GET|POST|DELETE) (/\S+)`", PAGE))
    assert named and {(method, path.replace("{id}", "{job}")) for method, path in named} <= known
    settings = {match.lower() for match in re.findall(r"MODELYARD_([A-Z_]+)", PAGE)}
    assert settings and settings <= set(Settings.model_fields)
    line = PAGE.partition("`endpoint` is ")[2].partition(".\n")[0]
    assert set(re.findall(r"`(/v1/[\w/]+)`", PAGE.partition("`endpoint` is ")[2].partition("Lines may")[0])) == set(
        GatewayModels.endpoints
    ), line
    assert {f"`{state}`" for state in BatchState} <= set(re.findall(r"`\w+`", PAGE))
