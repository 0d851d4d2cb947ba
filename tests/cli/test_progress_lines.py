"""Progress where stderr is no terminal: lines now and then, and none beside JSON."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pytest

from modelyard.cli import output
from modelyard.cli.launch_progress import watch
from modelyard.cli.main import run
from modelyard.cli.output import ProgressLines, counting
from modelyard.client import Client
from modelyard.core.config import Settings
from modelyard.db.session import Database
from tests.cli.test_kb_commands import JOB, KB, views
from tests.client.stub import Stub, json_answer


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line for each change, however quickly they follow each other."""
    monkeypatch.setattr(output, "FIRST_LINE", 0.0)
    monkeypatch.setattr(output, "NEXT_LINE", 0.0)


def errors(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line]


def test_lines_come_soon_and_then_seldom(capsys: pytest.CaptureFixture[str]) -> None:
    now = 100.0
    lines = ProgressLines(lambda: now)
    for now in (100.0, 101.0, 103.0, 104.0, 112.0, 114.0, 500.0):
        lines.offer(lambda: f"at {now:.0f}")  # noqa: B023 - it is called at once
    assert errors(capsys) == ["at 103, 3 s", "at 114, 14 s", "at 500, 400 s"]


@pytest.mark.usefixtures("at_once")
def test_counts(capsys: pytest.CaptureFixture[str]) -> None:
    with counting("Chats", 3) as add:
        add(1)
        add(2)
    with counting("a.gguf", 3 * 1024**2, "bytes") as add:
        add(1024**2)
    with counting("nothing", 0) as add:
        add(1)
    assert errors(capsys) == ["Chats: 1 of 3, 0 s", "Chats: 3 of 3, 0 s", "a.gguf: 1.0 MB of 3.0 MB, 0 s"]


@pytest.mark.usefixtures("at_once")
def test_nothing_beside_json(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command
    @output.json_option
    def command(as_json: bool) -> None:
        with counting("Chats", 3) as add:
            add(1)

    command.main([], standalone_mode=False)
    assert errors(capsys) == ["Chats: 1 of 3, 0 s"]
    command.main(["--json"], standalone_mode=False)
    assert errors(capsys) == []


def following() -> Callable[[Any, Any], None]:
    """The answers to `kb job --follow`: a view, then a stream."""
    working: dict[str, Any] = {"state": "running", "done": 1, "chunks": 4, "working": {"b.pdf": "reading"}}
    answers = iter([json_answer(JOB), views({**working, "done": 0, "chunks": 0}, working, {"done": 1, "failed": 1})])
    return lambda request, write: next(answers)(request, write)


@pytest.mark.usefixtures("at_once")
def test_indexing(stub: Stub, capsys: pytest.CaptureFixture[str]) -> None:
    stub.routes[f"GET {KB}/b/jobs/j1"] = following()
    run(["kb", "job", "b", "j1", "--follow", "-e", stub.url])
    assert errors(capsys)[:3] == [
        "Indexing: 0 of 2 documents, 0 chunks; b.pdf: reading, 0 s",
        "Indexing: 1 of 2 documents, 4 chunks; b.pdf: reading, 0 s",
        "Indexing: 2 of 2 documents, 1 failed, 7 chunks, 0 s",
    ]
    stub.routes[f"GET {KB}/b/jobs/j1"] = following()
    run(["kb", "job", "b", "j1", "--follow", "--json", "-e", stub.url])
    printed = capsys.readouterr()
    assert json.loads(printed.out)["id"] == "j1" and printed.err == ""


@pytest.mark.usefixtures("at_once")
def test_a_launch_that_downloads(
    stub: Stub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("modelyard.cli.launch_progress.POLL", 0.0)
    file = {"file_name": "a.gguf", "downloaded": 1024**2, "total": 2 * 1024**2}
    step: dict[str, Any] = {"progress": 0.4, "stage": "downloading", "info": "", "download_files": [file]}
    ended = {**step, "stage": "completed", "progress": 1.0, "download_files": []}
    answers = iter([json_answer(each) for each in (step, step, ended)])
    stub.routes["GET /v1/models/m/progress"] = lambda request, write: next(answers)(request, write)
    with Client(stub.url) as client:
        watch(client, "m")
    assert errors(capsys) == ["m: downloading", "m: downloading, 1.0 MB of 2.0 MB, 0 s", "m: completed"]


@pytest.mark.usefixtures("at_once")
def test_backup_and_restore(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home, file = tmp_path / "home", tmp_path / "saved.tar"
    (home / "files").mkdir(parents=True)
    (home / "files" / "a").write_bytes(bytes(3000))
    database = Database(Settings(home=home).database)

    async def make() -> None:
        await database.open()
        await database.close()

    asyncio.run(make())
    assert run(["backup", str(file), "--home", str(home)]) == 0
    assert errors(capsys)[0] == "Saving: 0 files, 3 KB, 0 s"
    assert run(["restore", str(file), "--home", str(tmp_path / "new")]) == 0
    assert errors(capsys)[0] == "Restoring: 0 files, 3 KB, 0 s"
    assert run(["restore", str(file), "--home", str(tmp_path / "other"), "--json"]) == 0
    assert capsys.readouterr().err == ""
