"""What docs/files.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from modelyard.api.routes import ROUTES
from modelyard.core.config import Settings
from tests.live import live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "files.md").read_text(encoding="utf-8")
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
                command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
            )
            assert done.returncode == 0, f"{argv}: {done.stderr}"
            return done.stdout

        yield types


def test_every_block_in_order(types: Callable[..., str]) -> None:
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds == ["python", "sh", "python", "python"], "say here what the new block is"
    first, shell, parts, own = [text for _, text in BLOCKS]
    printed = types(sys.executable, "-c", first).splitlines()
    assert printed[:2] == ["processed", "We travel by train."] and printed[2].endswith(" notes.txt 19")
    *_, as_json = types("bash", "-ec", shell).partition("[\n")
    (row,) = json.loads("[" + as_json)
    assert (row["filename"], row["purpose"], row["expires_at"] - row["created_at"]) == ("rows.jsonl", "batch", 604800)
    assert types(sys.executable, "-c", parts).startswith("completed file-")
    assert types(sys.executable, "-c", own) == "True\n"


def test_routes_and_settings_in_the_text_exist() -> None:
    known = {(route.method, route.path) for route in ROUTES}
    told = set(re.findall(r"`(GET|POST|DELETE) (/\S+)`", PAGE))
    assert told and told <= known
    settings = {match.lower() for match in re.findall(r"MODELYARD_([A-Z_]+)", PAGE)}
    assert settings and settings <= set(Settings.model_fields)
