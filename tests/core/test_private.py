"""Modes of files in the home folder: of what was there before, whoever made it, and of what is made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from modelyard.core.private import private_files, private_folder, private_home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def made(path: Path, bits: int = 0o644) -> Path:
    """A file that others can read, in folders that they can enter."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    path.chmod(bits)
    return path


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder that somebody made before, in the usual way."""
    folder = tmp_path / "home"
    folder.mkdir()
    folder.chmod(0o755)
    return folder


def test_what_is_ours_becomes_private(home: Path, tmp_path: Path) -> None:
    inside = [
        made(home / "modelyard.db"),
        made(home / "modelyard.db-wal"),
        made(home / "server.lock", 0o666),
        made(home / "logs" / "m" / "m-rep0.log"),
        made(home / "knowledge" / "files" / "ab" / "abcd", 0o640),
        made(home / "auth" / "x.json", 0o604),
    ]
    private_home(home)
    assert {mode(path) for path in inside} == {0o600}
    folders = [home, *(path for path in home.rglob("*") if path.is_dir())]
    assert len(folders) > 5 and {mode(path) for path in folders} == {0o700}


def test_scripts_of_environments_stay_executable(home: Path) -> None:
    script = made(home / "engines" / "vllm" / "bin" / "python", 0o755)
    lock = made(home / "engines" / ".vllm.lock")
    for folder in (home / "engines", home / "engines" / "vllm", home / "engines" / "vllm" / "bin"):
        folder.chmod(0o755)
    private_home(home)
    assert mode(home / "engines") == mode(home / "engines" / "vllm") == 0o700
    assert mode(script) == 0o755 and mode(lock) == 0o600


def test_nothing_else_is_touched(home: Path, tmp_path: Path) -> None:
    outside = made(tmp_path / "outside" / "file")
    outside.parent.chmod(0o755)
    other = made(home / "notes.txt")
    (home / "logs").symlink_to(outside.parent)
    (home / "knowledge").mkdir()
    (home / "knowledge" / "link").symlink_to(outside)
    (home / "downloads").mkdir()
    (home / "downloads" / "folder").symlink_to(outside.parent)
    (home / "modelyard.db").symlink_to(outside)
    os.mkfifo(home / "knowledge" / "pipe")
    private_home(home)
    assert mode(outside) == 0o644 and mode(outside.parent) == 0o755
    assert mode(other) == 0o644  # a home folder may hold other things, too; nobody else can enter it
    assert mode(home) == 0o700


def test_a_folder_for_everybody_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everybodys, persons = tmp_path / "tmp", tmp_path / "person"
    for folder, bits in ((everybodys, 0o1777), (persons, 0o755)):
        folder.mkdir()
        folder.chmod(bits)
    monkeypatch.setenv("HOME", str(persons))
    for folder, bits in ((everybodys, 0o1777), (persons, 0o755)):
        log = made(folder / "logs" / "x.log")
        private_home(folder)
        assert mode(folder) == bits and mode(log) == 0o600 and mode(log.parent) == 0o700


def test_what_is_made_is_private(tmp_path: Path) -> None:
    assert mode(private_folder(tmp_path / "a" / "b")) == 0o700
    before = os.umask(0o022)
    try:
        with private_files():
            (tmp_path / "private").write_text("x")
        (tmp_path / "usual").write_text("x")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "private"), mode(tmp_path / "usual")) == (0o600, 0o644)
