"""Files of a folder: which are documents, which are refused, and how each is opened."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from modelyard.knowledge.imports import folders
from modelyard.knowledge.imports.folders import OUTSIDE, OWN, collect, open_file, portions

FORMATS = ("md", "txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "docs"
    for name in ("a.md", "B.MD", "c.exe", "deep/er/d.txt", "deep/e.md", ".hidden.md", ".git/f.md", "noextension"):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        (made / name).write_text(name)
    return made


def test_documents_are_named_by_their_path_in_the_folder(folder: Path, tmp_path: Path) -> None:
    found = collect(folder, (), (), FORMATS, tmp_path / "home")
    names = ["B.MD", "a.md", "deep/e.md", "deep/er/d.txt"]
    assert found.paths == {name: (folder / name).resolve() for name in names}
    assert found.there == {*names, "c.exe", "noextension"}
    assert (found.refused, found.skipped) == ({}, {"hidden": 1, "of unsupported formats": 2})


@pytest.mark.parametrize(
    ("include", "exclude", "names", "skipped"),
    [
        (["*.md"], [], {"a.md", "deep/e.md"}, {"hidden": 1, "by pattern": 4}),
        ([], ["deep/*"], {"a.md", "B.MD"}, {"hidden": 1, "by pattern": 2, "of unsupported formats": 2}),
        (["*.md", "*.txt"], ["e.md"], {"a.md", "deep/er/d.txt"}, {"hidden": 1, "by pattern": 4}),
        (["c.exe"], [], set(), {"hidden": 1, "by pattern": 5, "of unsupported formats": 1}),
    ],
)
def test_patterns_choose_documents(
    folder: Path, tmp_path: Path, include: list[str], exclude: list[str], names: set[str], skipped: dict[str, int]
) -> None:
    found = collect(folder, include, exclude, FORMATS, tmp_path / "home")
    assert (set(found.paths), found.skipped) == (names, skipped)
    assert len(found.there) == 6, "what is left out is there all the same"


def test_links_lead_neither_out_of_the_folder_nor_to_files_of_the_server(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("outside")
    (folder / "out.md").symlink_to(tmp_path / "secret.md")
    (folder / "in.md").symlink_to(folder / "deep/e.md")
    (folder / "home").mkdir()
    (folder / "home/own.md").write_text("of the server")
    (folder / "own.md").symlink_to(folder / "home/own.md")
    found = collect(folder, ["*.md"], [], FORMATS, folder / "home")
    assert found.refused == {"out.md": OUTSIDE, "home/own.md": OWN, "own.md": OWN}
    assert found.paths["in.md"] == (folder / "deep/e.md").resolve()
    (tmp_path / "link").symlink_to(folder)
    again = collect(tmp_path / "link", ["*.md"], [], FORMATS, folder / "home")
    assert again == found, "the folder itself may be named by a link"


def test_a_file_is_hashed_and_read_in_portions(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "PORTION", 4)
    (folder / "a.md").write_bytes(b"0123456789")
    os.utime(folder / "a.md", (5.0, 7.5))
    opened = open_file(folder / "a.md")
    try:
        assert (opened.hash, opened.modified_at) == (hashlib.sha256(b"0123456789").hexdigest(), 7.5)
        for _ in range(2):  # always from the beginning
            assert list(portions(opened.descriptor)) == [b"0123", b"4567", b"89"]
    finally:
        os.close(opened.descriptor)


def test_what_is_no_file_any_more_is_not_read(folder: Path) -> None:
    (folder / "link.md").symlink_to(folder / "a.md")
    os.mkfifo(folder / "pipe.md")
    before = len(os.listdir("/proc/self/fd"))
    for name in ("link.md", "pipe.md", "deep", "absent.md"):
        with pytest.raises(OSError):
            open_file(folder / name)
    assert len(os.listdir("/proc/self/fd")) == before, "nothing stays open"
