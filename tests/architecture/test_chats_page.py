"""What docs/chats.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from modelyard.api.routes import ROUTES
from modelyard.core.config import Settings
from tests.live import live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "chats.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:9997"
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)


def test_every_block_in_order(tmp_path: Path) -> None:
    assert [kind for kind, _ in BLOCKS] == ["python", "sh"], "say here what the new block is"
    (_, code), (_, shell) = BLOCKS
    with live(tmp_path / "home") as running:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = {**os.environ, "MODELYARD_ENDPOINT": running.url, "PATH": path}
        printed = []
        for command in ([sys.executable, "-c", code.replace(WRITTEN, running.url)], ["bash", "-ec", shell]):
            done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            printed.append(done.stdout)
    assert printed[0] == (
        "3 messages, 1 shown\n['Which pump delivers 12 litres?', 'The MX-2140.']\n"
        "Which pump delivers 12 litres? - The MX-2140.\n"
    )
    assert "Which pump" in printed[1] and printed[1].endswith("0 new chats with 0 new messages, 1 here already\n")


def test_routes_and_settings_in_the_text_exist() -> None:
    known = {(route.method, route.path) for route in ROUTES}
    named = {(method, path.partition("?")[0]) for method, path in re.findall(r"`(GET|POST|PATCH|DELETE) (/\S+)`", PAGE)}
    assert named and named <= known
    settings = {match.lower() for match in re.findall(r"MODELYARD_([A-Z_]+)", PAGE)}
    assert settings and settings <= set(Settings.model_fields)
