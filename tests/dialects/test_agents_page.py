"""The lines of `docs/agents.md`: what `modelyard connect` prints, typed for a model and for a knowledge base."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.cli.integrations.programs import PROGRAMS
from modelyard.cli.integrations.setup import Target
from tests.agent_environment import continue_cli, lacks
from tests.client_environments import client_python
from tests.dialects.conftest import Served
from tests.dialects.programs import Workplace
from tests.dialects.scripts import ModelAnswer

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE = (DOCS / "agents.md").read_text(encoding="utf-8")
TARGET = Target("http://127.0.0.1:9997", "qwen3", 32_768)
"""The target of the page's lines."""
QUESTION = "How many litres does the MX-2140 pump deliver?"
ANSWER = "Twelve litres per minute. [1]"
UIDS = ("script", "kb:handbook")
TYPED = "*A test runs "
CASES = {
    "codex": "test_codex.py",
    "claude": "test_claude_code.py",
    "continue": "test_continue",
    "langchain": "test_programs_of_python",
    "llamaindex": "test_programs_of_python",
    "ollama": "test_programs_of_python",
    "openai": "test_curl",
}
"""What the page says is typed, and the test that does it."""


def section(name: str) -> str:
    """The part of the page about a program."""
    parts = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    title = {"openai": "OpenAI's client and curl"}.get(name, PROGRAMS[name].title)
    return next(part for part in parts if part.startswith(f"{title}\n"))


def lines(name: str, language: str, served: Served, uid: str) -> str:
    """A block of the page, for the tests' server and one of its models."""
    found = re.search(rf"```{language}\n(.*?)\n```", section(name), re.DOTALL)
    assert found is not None
    text = found[1].replace(TARGET.url, served.live.url).replace(TARGET.model, uid)
    return text.replace("Hello", QUESTION)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_page_has_what_the_command_prints(name: str) -> None:
    blocks = [f"```{each.language}\n{each.text}\n```" for each in PROGRAMS[name].setup(TARGET).lines()]
    missing = [block for block in blocks if block not in section(name)]
    assert not missing, "\n".join(["the page has other lines than these:", *missing])


def test_examples_ask_models_that_their_pages_launch() -> None:
    """The uid of `modelyard launch demo` is `modelyard-demo`; a page that asks `demo` gives the model that name."""
    asks = re.compile(r"""("model": |model=|models\.get\()"demo\"""")
    names = re.compile(r"(--model-uid|--alias) demo\b")
    pages = {page.name: page.read_text(encoding="utf-8") for page in DOCS.glob("*.md")}
    wrong = [name for name, text in pages.items() if asks.search(text) and not names.search(text)]
    assert not wrong


def test_open_webui_is_pointed_at_the_list_with_bases() -> None:
    (block,) = PROGRAMS["open-webui"].setup(Target(TARGET.url, "kb:handbook")).lines()
    address = re.search(r"OPENAI_API_BASE_URLS=(\S+)", block.text)
    assert address is not None and address[1] in section("open-webui")


def test_the_page_says_which_lines_are_typed() -> None:
    assert {name for name in PROGRAMS if TYPED in section(name)} == set(CASES)
    assert all(re.search(r"\*Not run (here|by the tests)", section(name)) for name in set(PROGRAMS) - set(CASES))
    here = Path(__file__).read_text(encoding="utf-8")
    for case in CASES.values():
        assert Path(__file__).with_name(case).is_file() if case.endswith(".py") else f"def {case}(" in here, case


@pytest.mark.parametrize(
    ("name", "environment", "answers"),
    [("openai", "", 1), ("langchain", "langchain", 4), ("llamaindex", "llamaindex", 1), ("ollama", "dialects", 1)],
)
def test_programs_of_python(served: Served, name: str, environment: str, answers: int) -> None:
    """One process types the lines twice, because importing the libraries takes longest."""
    served.upstream.answer = lambda body: ModelAnswer(text=[ANSWER])
    python = str(client_python(environment)) if environment else sys.executable
    both = "\n".join(lines(name, "python", served, uid) for uid in UIDS)
    done = subprocess.run([python, "-c", both], capture_output=True, text=True, timeout=120, check=False)
    assert done.stdout.splitlines() == [ANSWER] * answers * len(UIDS), done.stdout + done.stderr
    assert "MX-2140 pump delivers" in str(served.upstream.bodies[-1]["messages"])


def test_embeddings_of_langchain(served: Served) -> None:
    """The page's lines embed the text itself: the vector is the one that the server has for it."""
    block = next(
        each for each in re.findall(r"```python\n(.*?)\n```", section("langchain"), re.DOTALL) if "bge-m3" in each
    )
    text = block.replace(TARGET.url, served.live.url).replace("bge-m3", "vectors")
    text += '\nprint(embeddings.embed_query("年假有几天？"))'
    argv = [str(client_python("langchain")), "-c", text]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    answer = served.live.http.post("/v1/embeddings", json={"model": "vectors", "input": "年假有几天？"}).json()
    vector = answer["data"][0]["embedding"]
    assert done.returncode == 0, done.stderr
    length, embedded = done.stdout.splitlines()
    assert int(length) == len(vector) and json.loads(embedded) == pytest.approx(vector, abs=1e-6)


@pytest.mark.parametrize("uid", UIDS)
def test_curl(served: Served, uid: str) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=[ANSWER])
    argv = ["bash", "-c", lines("openai", "sh", served, uid)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert ANSWER in done.stdout, done.stdout + done.stderr


@pytest.mark.skipif(lacks() is not None, reason=f"needs another machine: {lacks()}")
@pytest.mark.parametrize("uid", UIDS)
def test_continue(served: Served, tmp_path: Path, uid: str) -> None:
    served.upstream.answer = lambda body: ModelAnswer(text=[ANSWER])
    settings = tmp_path / ".continue" / "config.yaml"
    settings.parent.mkdir()
    settings.write_text(lines("continue", "yaml", served, uid), encoding="utf-8")
    argv = (*continue_cli(), "-p", QUESTION, "--config", str(settings))
    done = Workplace(tmp_path, tmp_path).run(*argv, CONTINUE_TELEMETRY_ENABLED="0")
    assert done.stdout.strip() == ANSWER, done.stdout + done.stderr
    assert "tools" in served.upstream.bodies[-1] or uid.startswith("kb:")
