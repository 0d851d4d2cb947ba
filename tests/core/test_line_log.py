"""Lines that survive a kill."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modelyard.core.line_log import BLOCK, LineLog, read_lines


@pytest.mark.parametrize("torn", [b"", b"half", b"x" * (BLOCK + 7)])
def test_half_a_line_at_the_end_is_cut_off(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\n\ntwo\n" + torn)
    assert list(read_lines(path)) == [b"one", b"", b"two"]
    log = LineLog(path)
    log.append(b"three")
    assert list(log.lines()) == [b"one", b"", b"two", b"three"]
    log.close()
    assert path.read_bytes() == b"one\n\ntwo\nthree\n"


def test_a_file_of_one_torn_line_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * (2 * BLOCK + 1))
    log = LineLog(path)
    assert (log.size, path.stat().st_size) == (0, 0)
    log.close()


def test_a_folder_is_made_and_nobody_else_reads_the_file(tmp_path: Path) -> None:
    log = LineLog(tmp_path / "new" / "log")
    log.append(b"a", b"b")
    log.close()
    assert log.path.stat().st_mode & 0o777 == 0o600
    assert log.size == log.path.stat().st_size == 4


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = LineLog(tmp_path / "log")
    log.append(b"one")
    write = os.write

    def full(file: int, data: memoryview) -> int:
        if len(data) > 3:
            return write(file, data[:3])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "write", full)
        with pytest.raises(OSError, match="No space left"):
            log.append(b"five", b"!")
    assert log.path.read_bytes() == b"one\n"
    log.append(b"two")
    assert list(log.lines()) == [b"one", b"two"]
    log.close()


def test_what_was_appended_survives_a_kill(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from modelyard.core.line_log import LineLog; log = LineLog(pathlib.Path(sys.argv[1]))\n"
        "for number in range(10**9): log.append(str(number).encode()); print(number, flush=True)"
    )
    path = tmp_path / "log"
    process = subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    printed = [int(process.stdout.readline()) for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    found = [int(line) for line in read_lines(path)]
    assert found == list(range(len(found))) and len(found) >= len(printed)
