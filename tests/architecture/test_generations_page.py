"""What docs/generations.md shows, run against a server; and that what it names is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from modelyard.api.routes import ROUTES
from modelyard.core.config import Settings
from tests.live import live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "generations.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:9997"


def test_the_snippet(tmp_path: Path) -> None:
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with live(tmp_path / "home") as server:
        server.launched("m")
        command = [sys.executable, "-c", snippet.replace(WRITTEN, server.url)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert printed.endswith("completed\n") and len(printed) > 30


def test_routes_and_settings_in_the_text_exist() -> None:
    known = {(route.method, route.path) for route in ROUTES}
    named = set(re.findall(r"`(GET|POST|DELETE) (/\S+)`", PAGE))
    assert len(named) == 5 and named <= known
    settings = {match.lower() for match in re.findall(r"MODELYARD_([A-Z_]+)", PAGE)}
    assert settings and settings <= set(Settings.model_fields)
