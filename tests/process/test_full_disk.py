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
BYTES = 100_000
"""Of a document."""


UPLOAD = {"bytes": 300_000, "filename": "a", "mime_type": "", "purpose": "user_data"}


@pytest.fixture(scope="module")
def disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A small file system of our own, which is the home folder; what servers print goes beside it."""
    folder = tmp_path_factory.mktemp("full") / "home"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=0700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def server(disk: Path) -> Iterator[Live]:
    """A server on that disk; the last test of this file stops it and starts another."""
    with live(disk) as running:
        yield running


def stuffed(folder: Path, left: int = 0) -> Path:
    """A file that takes all room but `left` bytes."""
    path = folder / f"stuffing-{left}"
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, free - left))
    return path


def send(server: Live, base: str, name: str, data: bytes) -> Any:
    files = [("files", (name, data, "text/plain"))]
    return server.http.post(f"/v1/knowledge_bases/{base}/documents", files=files)


def word(number: int) -> str:
    """A word of one document; letters only, because a word with a digit is found by its parts."""
    return "walrus" + chr(97 + number)


def text(number: int, size: int = BYTES) -> bytes:
    return "".join(f"{word(number)} and word{each}.\n" for each in range(size // 24)).encode()


def test_uploads_are_refused_and_deleting_works(disk: Path, server: Live) -> None:
    base = Base.made(server, "b")
    assert base.add({f"d{number}.txt": text(number) for number in range(3)})["state"] == "done"
    server.launched("m")
    stuffing = stuffed(disk)
    refused = send(server, "b", "late.txt", text(9))
    assert (refused.status_code, error_of(refused)["code"]) == (503, "not_enough_disk")
    assert "is full" in error_of(refused)["message"]
    answer = server.http.post("/v1/knowledge_bases/b/documents/delete", json={"names": ["d0.txt"]})
    assert ok(answer)["deleted"] == ["d0.txt"]
    assert server.chat("m", max_tokens=1).status_code == 200
    assert {each["name"] for each in base.documents()} == {"d1.txt", "d2.txt"}
    assert server.http.delete("/v1/models/m").status_code == 200
    stuffing.unlink()
    assert base.add({"late.txt": text(9)})["state"] == "done"
    for number, there in ((0, False), (1, True), (2, True), (9, True)):
        assert bool(base.texts(word(number))) is there, number


def test_stored_files_are_refused_leave_nothing_and_can_be_deleted(disk: Path, server: Live) -> None:
    def stored() -> list[str]:
        return sorted(path.name for path in (disk / "files").rglob("*") if path.is_file())

    def upload(data: bytes) -> Any:
        return server.http.post("/v1/files", files={"file": ("a.bin", data)}, data={"purpose": "user_data"})

    kept = ok(upload(text(0, 300_000)))["id"]
    stuffing = stuffed(disk, 400_000)
    for data in (b"x" * 1_000_000, b"x" * 5_000_000):
        refused = upload(data)
        assert (refused.status_code, error_of(refused)["code"]) == (503, "not_enough_disk")
        assert stored() == [kept]
    begun = ok(server.http.post("/v1/uploads", json=UPLOAD))["id"]
    part = server.http.post(f"/v1/uploads/{begun}/parts", files={"data": b"x" * 1_000_000})
    assert (part.status_code, error_of(part)["code"]) == (503, "not_enough_disk")
    assert stored() == [kept] and [each["id"] for each in ok(server.http.get("/v1/files"))["data"]] == [kept]
    assert ok(server.http.delete(f"/v1/files/{kept}"))["deleted"] is True
    assert stored() == []
    stuffing.unlink()
    assert ok(server.http.delete(f"/v1/files/{ok(upload(b'x' * 1_000_000))['id']}"))["deleted"] is True


def test_documents_wait_for_room_and_go_on(disk: Path, server: Live) -> None:
    base = Base.made(server, "c")
    stuffing = stuffed(disk, 600_000)
    job = ok(send(server, "c", "d0.txt", text(0, 400_000)))["job"]
    wait_for(lambda: "full" in str(base.job(job)), seconds=60)
    stuffing.unlink()
    assert base.wait(job)["state"] == "done"
    assert [each["state"] for each in base.documents()] == ["ready"]
    assert base.texts(word(0))
    assert base.add({"late.txt": text(9)})["state"] == "done"
    assert (disk / "modelyard.db-reserve").exists(), "the room for deleting is kept again"


def test_a_server_starts_on_a_full_disk_and_says_so(disk: Path, server: Live) -> None:
    assert server.stop() == 0
    stuffing = stuffed(disk)
    with live(disk) as again:
        assert "is full" in again.output()
        base = Base(again.http, "b")
        assert base.texts(word(1))
        assert send(again, "b", "late.txt", b"more").status_code == 503
        assert ok(again.http.delete("/v1/knowledge_bases/b"))["deleted"] == ["b"]
        assert [each["name"] for each in ok(again.http.get("/v1/knowledge_bases"))["data"]] == ["c"]
    stuffing.unlink()
