"""Reading in a child: what kills the child is one document's error, and the next document is read."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from modelyard.core.errors import DocumentUnreadable
from modelyard.knowledge.documents.loaders import Limits, load, ocr
from modelyard.knowledge.documents.loaders.reader_process import TIMEOUT, Apart, Readers, time_for
from modelyard.knowledge.documents.splitter import DEFAULT, split
from modelyard.knowledge.types import Cut, Loaded
from tests.knowledge.documents.loaders import made

FILES = made.each()


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
    path.write_bytes(made.repacked(FILES["a.xlsx"], {"xl/worksheets/sheet1.xml": xml.encode()}))
    return path


def reads(apart: Apart) -> int:
    """Wait until its child reads; its process id."""
    while apart.pid is None or psutil.Process(apart.pid).cpu_times().user < 0.3:
        time.sleep(0.02)
    return apart.pid


def ends(pid: int) -> None:
    """Wait until a process has ended."""
    with suppress(psutil.NoSuchProcess):
        while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.02)


def as_cut(loaded: Loaded) -> Cut:
    return Cut(loaded.text, split(loaded), loaded.metadata, loaded.notes)


def test_the_same_as_here(folder: Path) -> None:
    async def main() -> None:
        apart = Apart()
        pids = set()
        for name, data in FILES.items():
            if not name.endswith(".png"):
                assert await apart.cut(folder / name, name) == as_cut(load(data, name))
                pids.add(apart.pid)
        assert len(pids) == 1
        await apart.close()
        assert apart.pid is None

    asyncio.run(main())


def test_errors_come_back_whole(folder: Path) -> None:
    async def main() -> None:
        apart = Apart()
        (folder / "b.docx").write_bytes(b"no")
        with pytest.raises(DocumentUnreadable) as here:
            load(b"no", "b.docx")
        with pytest.raises(DocumentUnreadable) as there:
            await apart.cut(folder / "b.docx", "b.docx")
        assert (there.value.message, there.value.problem) == (here.value.message, here.value.problem)
        bomb = made.repacked(FILES["a.docx"], {"x.bin": bytes(100 << 20)})
        (folder / "bomb.docx").write_bytes(bomb)
        with pytest.raises(DocumentUnreadable, match="bomb"):
            await apart.cut(folder / "bomb.docx", "bomb.docx")
        with pytest.raises(DocumentUnreadable, match="larger"):
            await apart.cut(folder / "a.docx", "a.docx", limits=Limits(max_bytes=5))
        with pytest.raises(DocumentUnreadable, match="cannot be opened"):
            await apart.cut(folder / "gone.txt", "gone.txt")
        assert (await apart.cut(folder / "a.txt", "a.txt")).pieces
        await apart.close()

    asyncio.run(main())


def test_a_child_that_is_killed_while_it_reads(folder: Path, slow: Path) -> None:
    async def main() -> None:
        apart = Apart()
        reading = asyncio.create_task(apart.cut(slow, "slow.xlsx"))
        pid = await asyncio.to_thread(reads, apart)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(DocumentUnreadable, match="SIGKILL"):
            await reading
        assert (await apart.cut(folder / "a.docx", "a.docx")).pieces
        assert apart.pid not in {None, pid}
        await apart.close()

    asyncio.run(main())


def test_a_child_that_is_killed_between_documents(folder: Path) -> None:
    async def main() -> None:
        apart = Apart()
        await apart.cut(folder / "a.txt", "a.txt")
        assert apart.pid is not None
        os.kill(apart.pid, signal.SIGKILL)
        assert (await apart.cut(folder / "a.txt", "a.txt")).pieces
        await apart.close()

    asyncio.run(main())


def test_what_takes_too_long_or_is_cancelled(folder: Path, slow: Path) -> None:
    async def main() -> None:
        apart = Apart(timeout=1.0)
        with pytest.raises(DocumentUnreadable, match="more than 1 s"):
            await apart.cut(slow, "slow.xlsx")
        await apart.close()
        patient = Apart()
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
        apart = Apart(memory=400 << 20)
        (folder / "big.json").write_bytes(b"[" + b"[]," * 8_000_000 + b"1]")
        with pytest.raises(DocumentUnreadable, match=r"memory|broke down"):
            await apart.cut(folder / "big.json", "big.json", limits=Limits(max_characters=1 << 30))
        assert (await apart.cut(folder / "a.pdf", "a.pdf")).pieces
        await apart.close()

    asyncio.run(main())


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
def test_the_child_dies_with_its_parent(slow: Path) -> None:
    code = f"""
import asyncio, pathlib, sys
from modelyard.knowledge.documents.loaders.reader_process import TIMEOUT, Apart, Readers, time_for
async def main():
    apart = Apart()
    reading = asyncio.create_task(apart.cut(pathlib.Path({str(slow)!r}), "slow.xlsx"))
    while apart.pid is None:
        await asyncio.sleep(0.01)
    print(apart.pid, flush=True)
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
        apart = Apart()
        assert (await apart.cut(folder / "a.png", "a.png", ocr=True)).text == "Hello world"
        await apart.close()

    asyncio.run(main())


def test_a_slow_document_does_not_hold_up_the_next(folder: Path, slow: Path) -> None:
    async def main() -> None:
        readers = Readers()
        reading = asyncio.create_task(readers.cut(slow, "slow.xlsx", DEFAULT, Limits(), False))
        await asyncio.sleep(0)
        assert (await readers.cut(folder / "a.txt", "a.txt", DEFAULT, Limits(), False)).pieces
        assert not reading.done()
        await readers.close()
        with pytest.raises(DocumentUnreadable):
            await reading

    asyncio.run(main())


def test_the_time_of_a_document_goes_by_its_size() -> None:
    assert time_for(0) < time_for(10 << 20) < TIMEOUT < time_for(200 << 20)
