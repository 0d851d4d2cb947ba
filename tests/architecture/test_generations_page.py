"""What docs/generations.md and docs/answers.md show, run against a server; and that what they name is there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from modelyard.api.routes import ROUTES
from modelyard.core.config import Settings
from modelyard.protocol.answers import AnswerEvent
from tests.live import live

DOCS = Path(__file__).resolve().parents[2] / "docs"
GENERATIONS, ANSWERS = [(DOCS / name).read_text(encoding="utf-8") for name in ("generations.md", "answers.md")]
WRITTEN = "http://127.0.0.1:9997"


def test_the_snippets(tmp_path: Path) -> None:
    with live(tmp_path / "home") as server:
        server.launched("m")
        for page, end in ((GENERATIONS, "completed\n"), (ANSWERS, "3 messages\n")):
            (snippet,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
            command = [sys.executable, "-c", snippet.replace(WRITTEN, server.url)]
            printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
            assert printed.endswith(end) and len(printed) > 30


@pytest.mark.parametrize(("page", "count"), [(GENERATIONS, 5), (ANSWERS, 4)])
def test_routes_in_the_text_exist(page: str, count: int) -> None:
    known = {(route.method, route.path) for route in ROUTES}
    named = set(re.findall(r"`(GET|POST|DELETE) (/\S+)`", page))
    assert len(named) == count and named <= known


def test_settings_in_the_text_exist() -> None:
    settings = {match.lower() for match in re.findall(r"MODELYARD_([A-Z_]+)", GENERATIONS)}
    assert settings and settings <= set(Settings.model_fields)


def test_every_type_of_event_is_in_the_table() -> None:
    union, *_ = get_args(AnswerEvent)
    types = {get_args(event.model_fields["type"].annotation)[0] for event in get_args(union)}
    table = ANSWERS.partition("## Events")[2]
    assert types == {
        name for row in re.findall(r"^\| (`.*?) \|", table, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)
    }
