"""A disk that fills up: uploads are refused with a sentence, deleting works, nothing is lost, and a start says it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.api.knowing import Base, ok
from tests.live import Live, error_of, live
from tests.processes import wait_for

SIZE = 40 << 20


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system of our own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def stuffed(folder: Path, left: int = 0) -> Path:
    """A file that takes all room but `left` bytes."""
    path = folder / f"stuffing-{left}"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - left))
    return path


def send(server: Live, name: str, data: bytes) -> Any:
    return server.http.post("/v1/knowledge_bases/b/documents", files=[("files", (name, data, "text/plain"))])


def word(number: int) -> str:
    """A word of one document; letters only, because a word with a digit is found by its parts."""
    return "walrus" + chr(97 + number)


def text(number: int, size: int) -> bytes:
    return "".join(f"{word(number)} and word{each}.\n" for each in range(size // 24)).encode()


def test_uploads_are_refused_and_deleting_works(disk: Path) -> None:
    with live(disk / "home") as server:
        base = Base.made(server, "b")
        for number in range(3):
            assert base.add({f"d{number}.txt": text(number, 300_000)})["state"] == "done"
        server.launched("m")
        stuffing = stuffed(disk)
        refused = send(server, "late.txt", text(9, 300_000))
        assert (refused.status_code, error_of(refused)["code"]) == (503, "not_enough_disk")
        assert "is full" in error_of(refused)["message"]
        answer = server.http.post("/v1/knowledge_bases/b/documents/delete", json={"names": ["d0.txt"]})
        assert ok(answer)["deleted"] == ["d0.txt"]
        assert server.chat("m", max_tokens=1).status_code == 200
        assert {each["name"] for each in base.documents()} == {"d1.txt", "d2.txt"}
        assert server.http.delete("/v1/models/m").status_code == 200
        stuffing.unlink()
        assert base.add({"late.txt": text(9, 300_000)})["state"] == "done"
        for number, there in ((0, False), (1, True), (2, True), (9, True)):
            assert bool(base.texts(word(number))) is there, number


def test_documents_wait_for_room_and_go_on(disk: Path) -> None:
    with live(disk / "home") as server:
        base = Base.made(server, "b")
        stuffing = stuffed(disk, 600_000)
        job = ok(send(server, "d0.txt", text(0, 400_000)))["job"]
        wait_for(lambda: "full" in str(base.job(job)), seconds=60)
        stuffing.unlink()
        assert base.wait(job)["state"] == "done"
        assert [each["state"] for each in base.documents()] == ["ready"]
        assert base.texts(word(0))


def test_a_server_starts_on_a_full_disk_and_says_so(disk: Path) -> None:
    with live(disk / "home") as server:
        Base.made(server, "b").add({"d0.txt": text(0, 300_000)})
        assert server.stop() == 0
    stuffed(disk)
    with live(disk / "home") as server:
        assert "is full" in server.output()
        base = Base(server.http, "b")
        assert base.texts(word(0))
        assert send(server, "late.txt", b"more").status_code == 503
        assert ok(server.http.delete("/v1/knowledge_bases/b"))["deleted"] == ["b"]
        assert ok(server.http.get("/v1/knowledge_bases"))["data"] == []
