"""Log files: names that cannot leave their folder, few files, and the end read back."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.runtime import logs
from modelyard.runtime.logs import KEEP, TAIL, LogFolder, read_tail


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


@given(
    lines=st.lists(st.text("ab€", max_size=4), max_size=6),
    rest=st.sampled_from(["", "half"]),
    wanted=st.integers(0, 8),
    tail=st.sampled_from([8, 10_000]),
)
def test_a_follower_begins_at_the_last_whole_lines(lines: list[str], rest: str, wanted: int, tail: int) -> None:
    data = "".join(line + "\n" for line in lines).encode() + rest.encode()
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(logs, "TAIL", tail)
        path = Path(folder) / "log"
        path.write_bytes(data)
        begin = logs.offset_of_tail(path, wanted)
        found = data[begin:].decode().split("\n")[:-1]
        assert begin == 0 or data[begin - 1 : begin] == b"\n" or not found
        assert found == lines[len(lines) - len(found) :] and len(found) <= wanted
        assert len(data) > tail or len(found) == min(wanted, len(lines))
        assert logs.offset_of_tail(Path(folder) / "none", wanted) == 0


def test_a_file_is_read_backwards_without_gap_or_repetition(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    path = folder.create("m", "m-rep0-1")
    lines = [f"{number} {'x' * (number % 300)}" for number in range(5000)]
    path.write_text("".join(f"{line}\n" for line in lines) + "not yet whole", encoding="utf-8")
    (file,) = folder.files("m")
    assert (file.name, file.size) == ("m-rep0-1", path.stat().st_size)
    found: list[str] = []
    block = folder.read_before("m", file.name, file.size)
    assert block.end == file.size - len("not yet whole")
    while block.end > block.begin:
        found = [*block.lines, *found]
        block = folder.read_before("m", file.name, block.begin)
    assert found == lines
    assert folder.read_on("m", file.name, 0)[0] == lines[: len(folder.read_on("m", file.name, 0)[0])]


def test_lines_longer_than_a_block_are_cut_and_do_not_stop_the_reader(tmp_path: Path) -> None:
    folder = LogFolder(tmp_path)
    path = folder.create("m", "m-rep0-1")
    path.write_text("first\n" + "y" * (2 * TAIL) + "\nlast\n", encoding="utf-8")
    blocks = [folder.read_before("m", "m-rep0-1", path.stat().st_size)]
    while blocks[-1].end > blocks[-1].begin > 0:
        blocks.append(folder.read_before("m", "m-rep0-1", blocks[-1].begin))
    assert blocks[0].lines[-1] == "last" and blocks[-1].lines[0] == "first"
    assert folder.read_before("m", "absent", 100).lines == []
