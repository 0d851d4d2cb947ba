"""Files of commands are whole or not there; devices, pipes and links stay what they are."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from modelyard.cli.output_files import replacing
from modelyard.core.errors import BadRequest


def test_a_file_is_replaced_when_it_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"old")
    with pytest.raises(ZeroDivisionError), replacing(file) as target:
        target.write(b"half")
        raise ZeroDivisionError
    assert file.read_bytes() == b"old"
    with replacing(file) as target:
        target.write(b"new")
    assert file.read_bytes() == b"new" and list(tmp_path.iterdir()) == [file]


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    link = tmp_path / "link"
    link.symlink_to("real")
    with replacing(link) as target:
        target.write(b"new")
    assert link.is_symlink() and (tmp_path / "real").read_bytes() == b"new"


def test_a_pipe_is_written_itself(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    with replacing(pipe) as target:
        target.write(b"text")
    reader.join()
    assert received == [b"text"] and pipe.is_fifo()


def test_a_full_disk_and_an_absent_folder_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="no such file or folder"), replacing(tmp_path / "absent" / "a"):
        pass
    with pytest.raises(BadRequest, match="it is a folder"), replacing(tmp_path):
        pass
