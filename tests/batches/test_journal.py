"""The journal of answers, and the recorder that writes it: nothing that was written is lost, whatever happens next."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Sequence
from pathlib import Path

import pytest

from modelyard.batches import recorder as recorders
from modelyard.batches.journal import AnswerJournal, AnswerRecord, BatchTokens
from modelyard.batches.recorder import Recorder


def record(line: int, failed: bool = False, content: bytes = b"") -> AnswerRecord:
    return AnswerRecord(line, failed, BatchTokens(1, 2, 3, 4), content or b'{"line": %d}' % line)


def test_a_journal_is_opened_again_with_everything_in_it(tmp_path: Path) -> None:
    path = tmp_path / "batch" / "answers"
    journal = AnswerJournal(path, 6)
    journal.add([record(5), record(2, failed=True)])
    journal.add([record(1)])
    journal.close()
    with path.open("ab") as file:
        file.write(b"3 0 1 1")  # the kill came while this line was written
    again = AnswerJournal(path, 6)
    assert [again.answered(line) for line in range(1, 7)] == [True, True, False, False, True, False]
    assert (again.completed, again.failed, again.tokens) == (2, 1, BatchTokens(3, 6, 9, 12))
    again.add([record(3)])
    assert b"".join(again.contents(False)) == b'{"line": 1}\n{"line": 3}\n{"line": 5}\n'
    assert b"".join(again.contents(True)) == b'{"line": 2}\n'
    again.close()


def test_a_line_has_one_answer(tmp_path: Path) -> None:
    journal = AnswerJournal(tmp_path / "answers", 2)
    journal.add([record(1, content=b"first"), record(1, content=b"second")])
    assert b"".join(journal.contents(False)) == b"first\n" and journal.completed == 1
    journal.close()


def test_contents_come_in_portions(tmp_path: Path) -> None:
    journal = AnswerJournal(tmp_path / "answers", 9)
    journal.add([record(line, content=b"%d" % line * 100_000) for line in range(1, 10)])
    portions = list(journal.contents(False))
    assert len(portions) == 3
    assert [line[:1] for line in b"".join(portions).splitlines()] == [b"%d" % line for line in range(1, 10)]
    journal.close()


class FullDisk(AnswerJournal):
    """A journal whose writes fail with these errors first."""

    def __init__(self, path: Path, lines: int, *numbers: int) -> None:
        super().__init__(path, lines)
        self.numbers = list(numbers)
        self.writes = 0

    def add(self, records: Sequence[AnswerRecord]) -> None:
        if self.numbers:
            raise OSError(self.numbers.pop(0), "no")
        self.writes += 1
        super().add(records)


def test_answers_that_come_together_are_written_together(tmp_path: Path) -> None:
    async def go() -> None:
        journal = FullDisk(tmp_path / "answers", 100)
        recorder = Recorder(journal, print)
        await asyncio.gather(*{recorder.put(record(line)) for line in range(1, 101)})
        assert journal.completed == 100 and journal.writes <= 2
        await recorder.close()
        journal.close()

    asyncio.run(go())


def test_answers_wait_for_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "PAUSE_SECONDS", 0.01)

    async def go() -> None:
        reasons: list[str] = []
        journal = FullDisk(tmp_path / "answers", 1, errno.ENOSPC, errno.EDQUOT)
        recorder = Recorder(journal, reasons.append)
        await recorder.put(record(1))
        assert journal.answered(1) and len(reasons) == 2 and "full" in reasons[0]
        await recorder.close()
        journal.close()

    asyncio.run(go())


def test_a_broken_disk_is_an_error_of_the_batch(tmp_path: Path) -> None:
    async def go() -> None:
        journal = FullDisk(tmp_path / "answers", 2, errno.EIO)
        recorder = Recorder(journal, print)
        written = recorder.put(record(1))
        for call in (recorder.flush(), recorder.room(), written):
            with pytest.raises(OSError, match="no"):
                await call
        await recorder.put(record(2))
        assert [journal.answered(line) for line in (1, 2)] == [False, True]
        await recorder.close()
        journal.close()

    asyncio.run(go())


def test_closing_ends_the_wait_for_room_and_writes_what_can_be(tmp_path: Path) -> None:
    async def go() -> None:
        journal = FullDisk(tmp_path / "answers", 2, errno.ENOSPC, errno.ENOSPC)
        waits = asyncio.Event()
        recorder = Recorder(journal, lambda reason: waits.set())
        keeping = recorder.put(record(1))
        await waits.wait()
        await recorder.close()
        with pytest.raises(OSError, match="no"):
            await keeping
        other = Recorder(journal, print)
        written = other.put(record(2))
        await other.close()
        assert written.done() and journal.answered(2), "closing writes what waits"
        journal.close()

    asyncio.run(go())
