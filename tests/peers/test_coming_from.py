"""Every row and snippet of docs/coming-from-xinference.md, typed into a fresh server in the order of the page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import modelyard
from tests.live import Live, live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "coming-from-xinference.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:9997"
ROW = re.compile(r"^\| (?P<there>.+?) \| `(?P<here>.+?)` \| (?:`(?P<answer>.+?)` )?\|$", re.MULTILINE)
ROWS = [
    (found["here"].replace(r"\|", "|"), (found["answer"] or "").replace(r"\|", "|")) for found in ROW.finditer(PAGE)
]
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("coming") / "home", {"HF_HUB_OFFLINE": "1"}) as running:
        yield running


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `/models` stands for: a folder with a file of the name that the page registers."""
    folder = tmp_path_factory.mktemp("models")
    (weights,) = (Path(modelyard.__file__).parent / "catalog" / "demo").glob("*.gguf")
    (folder / "Yi-34B-Chat-GGUF").mkdir()
    shutil.copy(weights, folder / "Yi-34B-Chat-GGUF" / "yi-34b-chat.Q4_K_M.gguf")
    return folder


def run(server: Live, *argv: str) -> str:
    """What a command prints, as a person with the server's address would run it."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "MODELYARD_ENDPOINT": server.url, "PATH": path, "MODELYARD_HOME": str(server.home)}
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, env=environment, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def response_text(server: Live, here: str) -> str:
    method, path, *rest = here.split(" ", 2)
    answer = server.http.request(method, path, json=json.loads(rest[0]) if rest else None)
    assert answer.status_code == 200, answer.text
    return answer.text


def test_the_page_has_rows() -> None:
    assert len(ROWS) >= 34 and len(SNIPPETS) >= 4


@pytest.mark.parametrize(("here", "answer"), ROWS, ids=[f"{n:02}-{row[0][:50]}" for n, row in enumerate(ROWS)])
def test_a_row_prints_its_answer(server: Live, models: Path, here: str, answer: str) -> None:
    here = here.replace(WRITTEN, server.url).replace("/models/Yi-34B-Chat-GGUF", f"{models}/Yi-34B-Chat-GGUF")
    output = run(server, "bash", "-c", here) if here.startswith(("modelyard ", "cat ")) else response_text(server, here)
    assert answer in output


@pytest.mark.parametrize("number", range(len(SNIPPETS)))
def test_a_snippet_prints_what_it_says(server: Live, number: int) -> None:
    expected = re.findall(r"^# prints: (.+)$", SNIPPETS[number], re.MULTILINE)
    output = run(server, sys.executable, "-c", SNIPPETS[number].replace(WRITTEN, server.url))
    assert expected and all(text in output for text in expected)
