"""What the README and the first steps tell a newcomer to type, typed: on a server started as `make run` starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import Live, live
from tests.processes import wait_for

ROOT = Path(__file__).resolve().parents[2]
PAGES = "\n".join((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/first-steps.md"))
WRITTEN = "http://127.0.0.1:9997"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    home = tmp_path_factory.mktemp("readme") / "home"
    with live(home, arguments=("--launch", "modelyard-demo", "--demo-base"), fork=False) as running:
        wait_for(lambda: "is ready at" in running.output(), seconds=60)
        yield running


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGES, re.DOTALL)


def typed(server: Live, argv: list[str], text: str) -> str:
    """Run a snippet with the server's real address; returns what it printed."""
    environment = {
        **os.environ,
        "MODELYARD_ENDPOINT": server.url,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        [*argv, text.replace(WRITTEN, server.url)],
        capture_output=True,
        text=True,
        timeout=60,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_curl(server: Live) -> None:
    capital, cited = [block for block in blocks("sh") if block.startswith("curl")]
    assert "杭州" in typed(server, ["bash", "-c"], capital)
    answer = json.loads(typed(server, ["bash", "-c"], cited))
    assert "9997" in answer["choices"][0]["message"]["content"]
    assert [each["document"] for each in answer["citations"]] == ["yard.md"]


@pytest.mark.parametrize(("number", "answer"), [(0, "Paris"), (1, "巴黎")])
def test_python(server: Live, number: int, answer: str) -> None:
    assert answer in typed(server, [sys.executable, "-c"], blocks("python")[number])


def test_the_documented_commands_exist() -> None:
    from modelyard.cli.main import COMMANDS

    used = set(re.findall(r"^(?:\.venv/bin/)?modelyard (\w+)", "\n".join(blocks("sh")), re.MULTILINE))
    assert used and used <= set(COMMANDS)


def test_the_terminal_asks_the_base(server: Live) -> None:
    (question,) = [block for block in blocks("sh") if block.startswith(".venv/bin/modelyard kb ask")]
    answer = typed(server, ["bash", "-c"], question.replace(".venv/bin/", ""))
    assert "9997" in answer and "yard.md" in answer
