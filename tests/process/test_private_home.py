"""A server on a home folder that others could enter: everything it and its children make there is private."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.knowing import Base
from tests.cli.terminal import run
from tests.live import live


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "home"
    for each in (folder, folder / "logs", folder / "logs" / "old", folder / "registrations"):
        each.mkdir()
        each.chmod(0o755)
    for old in (folder / "logs" / "old" / "old-rep0-1.log", folder / "registrations" / "copied.json"):
        old.write_text("x")
        old.chmod(0o644)
    yield folder


def loose(home: Path) -> dict[str, str]:
    """Everything in a home folder that others have any right to."""
    found = {path: path.lstat().st_mode for path in [home, *home.rglob("*")]}
    return {
        str(path.relative_to(home)): oct(stat.S_IMODE(mode))
        for path, mode in found.items()
        if mode & 0o077 and not stat.S_ISLNK(mode)
    }


def test_a_running_server_leaves_nothing_open(home: Path) -> None:
    with live(home) as server:
        server.launched("m")
        base = Base.made(server, "kb")
        base.add({"a.txt": b"some words"})
        assert server.chat("m").status_code == 200
        assert loose(home) == {}
        assert list(home.glob("run/*.sock")) or not (home / "run").exists()
        names = {path.name for path in home.iterdir()}
        server.stop()
    assert {"logs", "knowledge", "modelyard.db", "server.lock"} <= names
    assert loose(home) == {}


def test_the_command_line_leaves_nothing_open(home: Path) -> None:
    assert run("key", "create", "--name", "me", "--home", str(home)).returncode == 0
    assert (home / "modelyard.db").exists() and loose(home) == {}
