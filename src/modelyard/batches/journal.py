"""The answers of a batch, in a file to which they are appended: what was written survives a kill, and is never asked again."""

from __future__ import annotations

from array import array
from collections.abc import Generator, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from modelyard.core.line_log import LineLog

PORTION = 256 * 1024
"""Bytes of output that are read at a time."""


@dataclass(slots=True)
class BatchTokens:
    """Tokens that a model counted."""

    prompt: int = 0
    cached: int = 0
    """Those of `prompt` that were in a cache."""
    answer: int = 0
    reasoning: int = 0
    """Those of `answer` that are reasoning."""

    def add(self, other: BatchTokens) -> None:
        """Add the tokens of another answer."""
        self.prompt += other.prompt
        self.cached += other.cached
        self.answer += other.answer
        self.reasoning += other.reasoning


@dataclass(frozen=True, slots=True)
class AnswerRecord:
    """The answer to one line."""

    line: int
    failed: bool
    """Whether it is an error."""
    tokens: BatchTokens
    content: bytes
    """The line of the output file or of the error file, without its end."""

    def encoded(self) -> bytes:
        """As a line of the journal."""
        return b"%d %d %d %d %d %d " % (self.line, self.failed, *astuple(self.tokens)) + self.content

    @classmethod
    def decoded(cls, data: bytes) -> AnswerRecord:
        """Of a line of the journal."""
        *numbers, content = data.split(b" ", 6)
        line, failed, *tokens = map(int, numbers)
        return cls(line, bool(failed), BatchTokens(*tokens), content)


class AnswerJournal:
    """One batch's answers. One thread at a time; everything here blocks. Raises `OSError`, also for a full disk."""

    def __init__(self, path: Path, lines: int) -> None:
        """Open the journal of a batch with so many lines of input, or begin one."""
        self.path = path
        self.completed = self.failed = 0
        self.tokens = BatchTokens()
        self._places = array("q", bytes(8 * (lines + 1)))
        """Line → its place in the file, plus 1; negative for an error, 0 if it is not answered."""
        self._log = LineLog(path)
        place = 0
        for data in self._log.lines():
            self._note(AnswerRecord.decoded(data), place)
            place += len(data) + 1

    def _note(self, record: AnswerRecord, place: int) -> None:
        if self._places[record.line]:
            return
        self._places[record.line] = -(place + 1) if record.failed else place + 1
        self.tokens.add(record.tokens)
        if record.failed:
            self.failed += 1
        else:
            self.completed += 1

    def answered(self, line: int) -> bool:
        """Whether a line was answered, with whatever result."""
        return self._places[line] != 0

    def add(self, records: Sequence[AnswerRecord]) -> None:
        """Keep answers: all of them or, with an error, none."""
        lines = [record.encoded() for record in records]
        place = self._log.size
        self._log.append(*lines)
        for record, line in zip(records, lines, strict=True):
            self._note(record, place)
            place += len(line) + 1

    def contents(self, failed: bool) -> Generator[bytes]:
        """The lines of the output file, or those of the error file, in the order of the input; several at a time."""
        with self.path.open("rb") as file:
            waiting = bytearray()
            for place in self._places:
                if not place or (place < 0) is not failed:
                    continue
                file.seek(abs(place) - 1)
                waiting += AnswerRecord.decoded(file.readline()).content  # with its end
                if len(waiting) >= PORTION:
                    yield bytes(waiting)
                    waiting.clear()
            if waiting:
                yield bytes(waiting)

    def close(self) -> None:
        """Close the file; it stays."""
        self._log.close()
