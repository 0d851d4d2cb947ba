"""What docs/knowledge.md tells people to type, typed in its order against one server; and that what it names is there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from modelyard.api.routes import ROUTES
from modelyard.cli.main import cli
from modelyard.client import Client
from modelyard.core.config import Settings
from tests.knowledge.documents.loaders import samples
from tests.live import Live, live

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "knowledge.md").read_text(encoding="utf-8")
WRITTEN = "http://127.0.0.1:9997"
BLOCKS: list[tuple[str, str]] = re.findall(r"```(\w+)\n(.*?)```", PAGE, re.DOTALL)
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
SPANS: list[str] = re.findall(r"`([^`]+)`", PROSE)
DOCUMENTS = {
    "leave.md": "# Annual leave\n\nThere are 24 days of annual leave a year.\n",
    "rules/it.md": "# Passwords\n\nA password has 16 characters at least.\n",
}


@dataclass(frozen=True)
class Typist:
    """A person in a folder with documents, at a terminal."""

    server: Live
    folder: Path

    def types(self, *argv: str) -> str:
        """What a command prints; it must end well."""
        home = {"XDG_CACHE_HOME": str(self.folder / "cache"), "MODELYARD_ENDPOINT": self.server.url}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        done = subprocess.run(
            argv, cwd=self.folder, env={**os.environ, **home, "PATH": path}, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="module")
def typist(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Typist]:
    folder = tmp_path_factory.mktemp("page")
    for name, text in DOCUMENTS.items():
        file = folder / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    with live(folder / "home") as running:
        yield Typist(running, folder)


def test_every_block_in_order(typist: Typist) -> None:
    """Blocks of JSON are what the text around them says: a filter, a file of questions. A chat model runs from the second on."""
    kinds = [kind for kind, _ in BLOCKS]
    assert kinds == ["sh", "python", "python", "python", "python", "json", "json", "sh", "python", "python"], (
        "say here what the new block is"
    )
    texts = [text.replace(WRITTEN, typist.server.url) for _, text in BLOCKS]
    began, python, listed, brought, places, where, questions, measured, evaluated, walked = texts
    shown = [typist.types("bash", "-c", line) for line in began.splitlines()]
    assert "2 of 2 documents indexed" in shown[1]
    assert "leave.md" in shown[2] and "24 days" in shown[2]
    assert "[1] leave.md" in shown[3]
    typist.types("modelyard", "launch", "modelyard-demo")
    assert typist.types(sys.executable, "-c", python).rstrip().endswith("]"), "an answer, then a list of citations"
    assert "'kb:handbook'" in typist.types(sys.executable, "-c", listed)
    with Client(typist.server.url) as client:
        details = {"year": 2025, "team": "hr"}
        files = [("rules/new.md", b"Travel by train."), ("else.md", b"Travel by train.")]
        job = client.documents.upload("handbook", files, details)["job"]
        assert job is not None
        *_, _ = client.knowledge.follow_job("handbook", job)
        hits = client.knowledge.search("handbook", "travel", filter=json.loads(where))["data"]
        assert [each["document"] for each in hits] == ["rules/new.md"]
        leaflet = samples.pdf([[samples.Text(72, 700, "Annual leave is in a leaflet, too.")]])
        [job] = [client.documents.upload("handbook", [("handbook.pdf", leaflet)])["job"]]
        *_, _ = client.knowledge.follow_job("handbook", job or "")
    (typist.folder / "srv").mkdir()
    (typist.folder / "srv" / "keys.md").write_text("A password opens the server.", encoding="utf-8")
    brought = brought.replace("/srv/docs", str(typist.folder / "srv"))
    assert "'new': 1" in typist.types(sys.executable, "-c", brought).splitlines()[-1]
    page, left, *_ = typist.types(sys.executable, "-c", places).split()
    assert (page, round(float(left))) == ("1", round(72 * 800 / 595))
    (typist.folder / "questions.jsonl").write_text(questions, encoding="utf-8")
    first, second, third = [typist.types("bash", "-c", line) for line in measured.splitlines()]
    assert "3 questions, 1 of them without an answer" in first and "recall@5" in first
    assert "A: handbook, lexical, top 5\nB: handbook, hybrid, top 5\nC: handbook, lexical, top 10" in second
    assert "citation_recall" in json.loads(third)["settings"][0]["measures"]
    assert typist.types(sys.executable, "-c", evaluated).splitlines()[-1].startswith("lexical 0.0 0.")
    assert "rules/it.md" in typist.types(sys.executable, "-c", walked)
    assert len((typist.folder / "rows.jsonl").read_text(encoding="utf-8").splitlines()) == 3


@pytest.mark.parametrize("written", [each for each in SPANS if each.startswith("modelyard ")])
def test_commands_in_the_text_exist(written: str) -> None:
    command: click.Command = cli
    context = click.Context(cli)
    for word in written.split()[1:]:
        if isinstance(command, click.Group) and not word.startswith("-"):
            found = command.get_command(context, word)
            assert found is not None, written
            command = found
        elif word.startswith("-"):
            assert any(word in each.opts + each.secondary_opts for each in command.params), f"{written}: {word}"


def test_routes_in_the_text_exist() -> None:
    """`…` stands for what comes before in the path."""
    known = {(route.method, re.sub(r"\{[^}]*\}", "{}", route.path)) for route in ROUTES}
    written = [re.fullmatch(r"(GET|POST|PATCH|DELETE) (…?/\S*)", each) for each in SPANS]
    told = [(match[1], re.sub(r"\{[^}]*\}", "{}", match[2].partition("?")[0])) for match in written if match]
    assert len(told) >= 5
    for method, path in told:
        there = [each for verb, each in known if verb == method]
        assert any(each.endswith(path[1:]) if path[0] == "…" else each == path for each in there), (method, path)


def test_settings_in_the_text_exist() -> None:
    told = {match[1].lower() for match in re.finditer(r"MODELYARD_([A-Z_]+)", PAGE)}
    assert told and told <= set(Settings.model_fields)
