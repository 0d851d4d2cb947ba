"""The built wheel in a clean environment and a fresh home, far from the clone: the README's first lines, typed."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tools.wheel import LIMIT, ROOT

from tests.packages.conftest import Installed, install, interpreter
from tests.processes import wait_for

WRITTEN = "http://127.0.0.1:9997"
DEMO = ("--launch", "modelyard-demo", "--demo-base")
LARGEST = 400_000_000
"""Bytes that the default installation may take on the disk, compiled modules not counted."""


@pytest.fixture(scope="module")
def url(installed: Installed) -> Iterator[str]:
    """A server started by the README's line."""
    with installed.server(*DEMO) as (_, address):
        yield address


def lines(start: str) -> list[str]:
    """The README's commands that begin so."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    return [block for block in blocks if block.startswith(start)]


def answer_of(url: str, model: str, question: str) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": question}], "temperature": 0}
    answer = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=60)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_the_wheel_is_as_large_as_the_page_says(wheel: Path) -> None:
    size = wheel.stat().st_size
    assert size <= LIMIT
    assert size / 1e6 == pytest.approx(stated(r"It has ([\d.]+) MB"), rel=0.02)


def stated(pattern: str) -> float:
    """A figure of the page about other ways to install."""
    found = re.search(pattern, (ROOT / "docs" / "installing.md").read_text(encoding="utf-8"))
    assert found is not None, pattern
    return float(found[1])


def test_installed_size_and_origin(installed: Installed) -> None:
    """The goal of 400 MB holds, and the modules come from the environment, not from the clone."""
    code = "import modelyard, sys; print(modelyard.__file__); print(*sys.path, sep='\\n')"
    places = installed.output("python", "-c", code).splitlines()
    assert places[0].startswith(str(installed.folder))
    assert not [place for place in places if place.startswith(str(ROOT))]
    files = [path for path in installed.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    size = sum(path.stat().st_size for path in files if path.suffix != ".pyc")
    assert size <= LARGEST, f"{size / 1e6:.0f} MB"
    assert size / 1e6 == pytest.approx(stated(r"\| all \| (\d+) \|"), rel=0.02)
    assert not [path for path in files if path.parts[-2] == "torch"]


def test_every_file_of_the_package_is_in_the_wheel(installed: Installed) -> None:
    """The page, the demo model, the catalog, migrations: all that git has, but what only `make check` reads."""
    listed = subprocess.run(["git", "ls-files", "src/modelyard"], cwd=ROOT, capture_output=True, text=True, check=True)
    written = {line.removeprefix("src/").strip('"') for line in listed.stdout.splitlines()}
    [package] = installed.folder.glob("lib/python3.*/site-packages")
    absent = {name for name in written if name.isascii() and "\\" not in name and not (package / name).is_file()}
    assert {name for name in absent if not name.startswith("modelyard/ui/ts")} == {
        name for name in written if name.startswith("modelyard/ui/types/")
    }


def test_the_first_answers(installed: Installed, url: str) -> None:
    assert "杭州" in installed.output("bash", "-c", lines("curl")[0].replace(WRITTEN, url))
    answer = answer_of(url, "kb:demo", "Which port does the Yard server use?")
    assert [each["document"] for each in answer["citations"]] == ["yard.md"]


def test_a_cited_answer_in_chinese(url: str) -> None:
    answer = answer_of(url, "kb:demo", "庭院服务监听哪个端口？")
    assert "9997" in answer["choices"][0]["message"]["content"]
    assert [each["document"] for each in answer["citations"]] == ["庭院.md"]


def test_the_page(url: str) -> None:
    with httpx.Client(base_url=url) as client:
        page = client.get("/ui/")
        assert page.status_code == 200 and "<html" in page.text
        linked = re.findall(r'(?:src|href)="([^"#:]+\.(?:js|css|svg))"', page.text)
        assert linked and all(client.get(f"/ui/{name}".replace("/ui//", "/")).status_code == 200 for name in linked)
        assert client.get("/docs").status_code == 200


def test_commands(installed: Installed, url: str) -> None:
    """The README's commands for the terminal, without the clone's folder in front, and those of the first hour."""
    cited = next(line for line in lines(".venv/bin/modelyard kb ask")).removeprefix(".venv/bin/")
    assert "9997" in installed.output("bash", "-c", cited, MODELYARD_ENDPOINT=url)
    assert "Paris" in installed.output(
        "modelyard", "chat", "modelyard-demo", "What is the capital of France?", MODELYARD_ENDPOINT=url
    )
    checked = installed.output("modelyard", "doctor", MODELYARD_ENDPOINT=url)
    assert re.search(r"✓ engine llama_cpp +can run", checked) and "✗" not in checked
    connected = installed.run("modelyard", "connect", "codex", MODELYARD_ENDPOINT=url)
    assert connected.returncode == 1 and "'modelyard-demo' cannot call tools" in connected.stderr
    assert f"{url}/v1" in installed.output("modelyard", "connect", "openai", MODELYARD_ENDPOINT=url)


@pytest.mark.parametrize("version", ["3.12", "3.13"])
def test_other_pythons(wheel: Path, tmp_path: Path, version: str) -> None:
    """As far as the first answer, and its end by Ctrl-C's signal."""
    python = interpreter(version)
    if python is None:
        pytest.skip(f"needs another Python: {version}")
    install(tmp_path / "env", wheel, "default.txt", python)
    installed = Installed(tmp_path / "env", tmp_path / "home")
    with installed.server("--launch", "modelyard-demo") as (process, url):
        answer = answer_of(url, "modelyard-demo", "What is the capital of France?")
        assert "Paris" in answer["choices"][0]["message"]["content"]
        process.terminate()
        wait_for(lambda: process.poll() is not None, seconds=60)
        assert process.returncode == 0
