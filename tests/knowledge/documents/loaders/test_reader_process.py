"""Reading in a child: what kills the child is one document's error, and the next document is read."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil
import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import LoadLimits, load, ocr
from modelyard.knowledge.documents.loaders.reader_process import (
    LENGTH,
    TIMEOUT,
    ReaderProcess,
    Readers,
    ReadReply,
    ReadRequest,
    serve,
    time_for,
)
from modelyard.knowledge.documents.splitter import DEFAULT, split
from modelyard.knowledge.types import CutDocument, LoadedDocument
from tests.knowledge.documents.loaders import samples

FILES = samples.each()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    """A workbook that takes several seconds to read."""
    row = "".join(f'<c r="{column}{{0}}"><v>1.5</v></c>' for column in "ABCDEFGH")
    rows = "".join(f'<row r="{n}">{row.format(n)}</row>' for n in range(1, 120_000))
    xml = f'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>{rows}</sheetData></worksheet>'
    path = tmp_path / "slow.xlsx"
    path.write_bytes(samples.repacked(FILES["a.xlsx"], {"xl/worksheets/sheet1.xml": xml.encode()}))
    return path


def reads(reader: ReaderProcess) -> int:
    """Wait until its child reads; its process id."""
    while reader.pid is None or psutil.Process(reader.pid).cpu_times().user < 0.3:
        time.sleep(0.02)
    return reader.pid


def ends(pid: int) -> None:
    """Wait until a process has ended."""
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)


def as_cut(loaded: LoadedDocument) -> CutDocument:
    return CutDocument(loaded.text, split(loaded), loaded.metadata, loaded.notes)


def test_the_same_as_here(folder: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess()
        pids = set()
        for name, data in FILES.items():
            if not name.endswith(".png"):
                assert await reader.cut(folder / name, name) == as_cut(load(data, name))
                pids.add(reader.pid)
        assert len(pids) == 1
        await reader.close()
        assert reader.pid is None

    asyncio.run(main())


def test_errors_come_back_whole(folder: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess()
        (folder / "b.docx").write_bytes(b"no")
        with pytest.raises(DocumentUnreadable) as here:
            load(b"no", "b.docx")
        with pytest.raises(DocumentUnreadable) as there:
            await reader.cut(folder / "b.docx", "b.docx")
        assert (there.value.message, there.value.problem) == (here.value.message, here.value.problem)
        bomb = samples.repacked(FILES["a.docx"], {"x.bin": bytes(100 << 20)})
        (folder / "bomb.docx").write_bytes(bomb)
        with pytest.raises(DocumentUnreadable, match="bomb"):
            await reader.cut(folder / "bomb.docx", "bomb.docx")
        with pytest.raises(DocumentUnreadable, match="larger"):
            await reader.cut(folder / "a.docx", "a.docx", limits=LoadLimits(max_bytes=5))
        with pytest.raises(DocumentUnreadable, match="cannot be opened"):
            await reader.cut(folder / "gone.txt", "gone.txt")
        assert (await reader.cut(folder / "a.txt", "a.txt")).chunks
        await reader.close()

    asyncio.run(main())


def test_a_child_that_is_killed_while_it_reads(folder: Path, slow: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess()
        reading = asyncio.create_task(reader.cut(slow, "slow.xlsx"))
        pid = await asyncio.to_thread(reads, reader)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(DocumentUnreadable, match="SIGKILL"):
            await reading
        assert (await reader.cut(folder / "a.docx", "a.docx")).chunks
        assert reader.pid not in {None, pid}
        await reader.close()

    asyncio.run(main())


def test_a_child_that_is_killed_between_documents(folder: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess()
        await reader.cut(folder / "a.txt", "a.txt")
        assert reader.pid is not None
        os.kill(reader.pid, signal.SIGKILL)
        assert (await reader.cut(folder / "a.txt", "a.txt")).chunks
        await reader.close()

    asyncio.run(main())


def test_what_takes_too_long_or_is_cancelled(folder: Path, slow: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess(timeout=1.0)
        with pytest.raises(DocumentUnreadable, match="more than 1 s"):
            await reader.cut(slow, "slow.xlsx")
        await reader.close()
        patient = ReaderProcess()
        reading = asyncio.create_task(patient.cut(slow, "slow.xlsx"))
        pid = await asyncio.to_thread(reads, patient)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert patient.pid is None
        await asyncio.to_thread(ends, pid)
        assert (await patient.cut(folder / "a.md", "a.md")).metadata["title"] == "T"
        await patient.close()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="address space is limited on Linux only")
def test_what_takes_too_much_memory(folder: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess(memory=400 << 20)
        (folder / "big.json").write_bytes(b"[" + b"[]," * 8_000_000 + b"1]")
        with pytest.raises(DocumentUnreadable, match=r"memory|broke down"):
            await reader.cut(folder / "big.json", "big.json", limits=LoadLimits(max_characters=1 << 30))
        assert (await reader.cut(folder / "a.pdf", "a.pdf")).chunks
        await reader.close()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_the_child_dies_with_its_parent(slow: Path) -> None:
    code = f"""
import asyncio, pathlib, sys
from modelyard.knowledge.documents.loaders.reader_process import ReaderProcess
from modelyard.knowledge.documents.loaders.reader_process import TIMEOUT, ReaderProcess, Readers, time_for
async def main():
    reader = ReaderProcess()
    reading = asyncio.create_task(reader.cut(pathlib.Path({str(slow)!r}), "slow.xlsx"))
    while reader.pid is None:
        await asyncio.sleep(0.01)
    print(reader.pid, flush=True)
    await reading
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        child = psutil.Process(pid)
        parent.kill()
    child.wait(timeout=30)


@pytest.mark.skipif(not ocr.installed(), reason="the extra ocr is not installed")
def test_pictures_fit_into_the_memory_of_a_child(folder: Path) -> None:
    async def main() -> None:
        reader = ReaderProcess()
        assert (await reader.cut(folder / "a.png", "a.png", ocr=True)).text == "Hello world"
        await reader.close()

    asyncio.run(main())


def test_a_slow_document_does_not_hold_up_the_next(folder: Path, slow: Path) -> None:
    async def main() -> None:
        readers = Readers()
        reading = asyncio.create_task(readers.cut(slow, "slow.xlsx", DEFAULT, LoadLimits(), False))
        await asyncio.sleep(0)
        assert (await readers.cut(folder / "a.txt", "a.txt", DEFAULT, LoadLimits(), False)).chunks
        assert not reading.done()
        await readers.close()
        with pytest.raises(DocumentUnreadable):
            await reading

    asyncio.run(main())


def test_the_time_of_a_document_goes_by_its_size() -> None:
    assert time_for(0) < time_for(10 << 20) < TIMEOUT < time_for(200 << 20)


def served(*requests: ReadRequest, tail: bytes = b"") -> list[ReadReply]:
    """What the child answers to these messages."""
    messages = [msgspec.json.encode(request) for request in requests]
    replies = io.BytesIO()
    serve(io.BytesIO(b"".join(LENGTH.pack(len(each)) + each for each in messages) + tail), replies)
    replies.seek(0)
    found = []
    while head := replies.read(LENGTH.size):
        found.append(msgspec.json.decode(replies.read(LENGTH.unpack(head)[0]), type=ReadReply))
    return found


def request(path: Path, limits: LoadLimits = LoadLimits()) -> ReadRequest:  # noqa: B008
    return ReadRequest(str(path), path.name, limits, False, DEFAULT)


def test_a_child_answers_each_request_and_ends_with_its_input(folder: Path) -> None:
    (folder / "bad.pdf").write_bytes(b"%PDF-1.7 no more")
    missing, small = folder / "missing.md", LoadLimits(max_bytes=1)
    replies = served(
        request(folder / "bad.pdf"),
        request(missing),
        request(folder / "a.md", small),
        request(folder / "a.md"),
        tail=b"\0",
    )
    assert "bad.pdf" not in replies[0].problem and replies[0].problem
    assert replies[1].problem == "the file cannot be opened: there is no such file or folder."
    assert replies[2].problem == "it is larger than 1 bytes, the limit."
    assert (replies[3].problem, replies[3].text) == ("", load(FILES["a.md"], "a.md").text)
    assert [reply.spent for reply in replies] == [False] * 4


@pytest.mark.parametrize("place", ["load", "split"])
def test_a_child_without_memory_says_so_and_ends(folder: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(f"modelyard.knowledge.documents.loaders.reader_process.{place}", full)
    (reply,) = served(request(folder / "a.md"), request(folder / "a.md"))
    assert reply.spent and "more memory" in reply.problem
