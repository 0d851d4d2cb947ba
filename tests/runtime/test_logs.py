"""Log files: names that cannot leave their folder, few files, and the end read back."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelyard.runtime.logs import KEEP, LogFolder, read_tail


@pytest.mark.parametrize(
    "uid", ["plain", "../../etc", "a/b", "..", ".", "问答", "x" * 100, "名" * 100, "a." * 50 + "/" * 50]
)
def test_any_uid_stays_inside_the_folder(tmp_path: Path, uid: str) -> None:
    folder = LogFolder(tmp_path / "logs")
    path = folder.create(uid, f"{uid}-rep0-1")
    path.write_text("一\ntwo\nthree\n")
    assert (tmp_path / "logs") in path.resolve().parents
    assert path.parent != tmp_path / "logs"
    assert folder.tail(uid, None, 2) == (f"{uid}-rep0-1", ["two", "three"])
    assert folder.tail(uid, f"{uid}-rep0", 1)[1] == ["three"]
    assert folder.tail(uid, f"{uid}-rep1", 1) == (None, [])


def test_long_uids_are_told_apart(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    for end in "ab":
        folder.create("名" * 99 + end, "名" * 99 + end + "-rep0-1").write_text(end)
    assert folder.tail("名" * 99 + "a", None, 1)[1] == ["a"]
    assert folder.tail("x" * 5000, None, 1) == (None, []), "no file system has such a name"


def test_old_files_are_removed(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    for serial in range(KEEP + 5):
        folder.create("m", f"m-rep0-{serial}").write_text(str(serial))
    assert len(list((tmp_path / "m").iterdir())) <= KEEP
    assert folder.tail("m", None, 1) == (f"m-rep0-{KEEP + 4}", [str(KEEP + 4)])


def test_the_tail_of_a_long_file_with_broken_bytes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\xff\xfe broken \n" + b"x" * 500_000 + b"\nlast\n")
    assert read_tail(path, 1) == ["last"]
    assert read_tail(path, 0) == []
    assert read_tail(tmp_path / "none", 5) == []
