"""What the doctor says of folders, disks and databases, by the state in which they are."""

from __future__ import annotations

import shutil
import socket
import sqlite3
from collections import namedtuple
from contextlib import closing
from pathlib import Path

import pytest

from modelyard.control import doctor
from modelyard.control.doctor import Finding, of_machine, of_settings
from modelyard.core.config import Settings
from tests.gateway.conftest import free_port


def found(settings: Settings) -> dict[str, Finding]:
    return {finding.subject: finding for finding in of_settings(settings)}


def test_a_machine_that_runs_the_tests_is_good_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    states = {finding.subject: finding for finding in of_machine()}
    assert states["python"].state == states["processor"].state == "ok"
    assert "cores" in states["processor"].detail
    monkeypatch.setattr(doctor, "PYTHON", (99, 0))
    first = next(of_machine())
    assert (first.subject, first.state) == ("python", "blocked") and "newer is needed" in first.detail


def test_engines_say_whether_they_can_run(settings: Settings) -> None:
    (settings.engines_folder / "vllm").mkdir(parents=True)
    states = found(settings)
    assert states["engine llama_cpp"] == Finding("ok", "engine llama_cpp", "can run")
    damaged, absent = states["engine vllm"], states["engine transformers"]
    assert damaged.state == "warning" and "is damaged: modelyard engine install vllm --upgrade" in damaged.detail
    assert absent.state == "warning" and "modelyard engine install transformers" in absent.detail


@pytest.mark.parametrize(
    ("free", "state"),
    [(5 * 1024**3, "ok"), (5 * 1024**3 - 1, "warning"), (200 * 1024**2, "warning"), (200 * 1024**2 - 1, "blocked")],
)
def test_a_disk_is_nearly_full_or_full(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, state: str
) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**12, 0, free))
    assert found(settings)["disk"].state == state


def test_a_home_folder_is_there_or_can_be_made(settings: Settings, tmp_path: Path) -> None:
    assert found(settings)["home folder"] == Finding("ok", "home folder", f"{settings.folder} will be made")
    settings.folder.mkdir()
    assert found(settings)["home folder"].detail == f"{settings.folder} can be written"
    (tmp_path / "file").write_text("")
    states = found(Settings(home=tmp_path / "file" / "home", port=0))
    assert states["home folder"].state == "blocked" and "disk" not in states


def test_a_database_is_whole_absent_or_damaged(settings: Settings) -> None:
    path = Path(settings.database.partition(":///")[2])
    assert found(settings)["database"] == Finding("ok", "database", f"{path} will be made")
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE a (b TEXT)")
        connection.executemany("INSERT INTO a VALUES (?)", [("x" * 500,)] * 100)
        connection.commit()
    whole = found(settings)["database"]
    assert whole.state == "ok" and whole.detail.startswith(f"{path}, ")
    data = path.read_bytes()
    path.write_bytes(data[:4096] + b"\0" * (len(data) - 4096))
    assert found(settings)["database"].state == "blocked"
    path.write_bytes(b"no database" * 100)
    assert found(settings)["database"].state == "blocked"


def test_a_server_of_a_database_answers_or_not(settings: Settings) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        url = f"postgresql+asyncpg://u:secret@127.0.0.1:{port}/x"
        finding = found(Settings(home=settings.home, database_url=url))["database"]
    assert finding == Finding("ok", "database", f"postgresql at 127.0.0.1:{port} answers")
    closed = free_port()
    url = f"postgresql+asyncpg://u:secret@127.0.0.1:{closed}/x"
    finding = found(Settings(home=settings.home, database_url=url))["database"]
    assert finding.state == "blocked" and f"127.0.0.1:{closed} does not answer" in finding.detail
    assert "secret" not in finding.detail
