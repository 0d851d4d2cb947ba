"""Reads the questions of an evaluation set from JSON lines or CSV, and writes them as either."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason
from modelyard.knowledge.search.judgments import KEYS, judged, objects

COLUMNS = ("question", "document", "page", "text", "chunk_id", "grade")
NUMBERS = frozenset({"page", "chunk_id", "grade"})
LONGEST_QUESTION = 10_000
MOST_RELEVANT = 100
LONGEST = {"document": 1000, "text": 20_000}
"""Characters that a name of a document, and a text that answers a question, may have."""
NUMBER = re.compile(r"[0-9]{1,18}")
UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""Characters that JSON may name by their numbers, and PostgreSQL refuses."""
MOST_LINES = 10_000
"""Lines that are read of a file: more than a set takes."""
MOST_WRONG = 100
"""Wrong lines after which reading stops."""


class QuestionFormat(StrEnum):
    """Formats of files of questions."""

    JSONL = "jsonl"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class NewQuestion:
    """A question with what answers it, checked."""

    text: str
    relevant: Sequence[Mapping[str, Any]]

    @classmethod
    def checked(cls, text: Any, relevant: Any) -> NewQuestion:
        """Check a question of JSON. Raises `InvalidParameter`."""
        if not isinstance(text, str) or not text.strip():
            raise InvalidParameter("question", "it is missing or empty.")
        if len(text) > LONGEST_QUESTION:
            raise InvalidParameter("question", f"a question has at most {LONGEST_QUESTION} characters.")
        _check_storable("question", text)
        found = objects(relevant)
        if len(found) > MOST_RELEVANT:
            raise InvalidParameter("relevant", f"a question has at most {MOST_RELEVANT} of them.")
        for each in found:
            for name, longest in LONGEST.items():
                _check_storable("relevant", str(each.get(name) or ""))
                if len(str(each.get(name) or "")) > longest:
                    raise InvalidParameter("relevant", f"'{name}' has at most {longest} characters.")
        judged("", text, found)
        return cls(text.strip(), found)


def _check_storable(param: str, text: str) -> None:
    if UNSTORABLE.search(text):
        raise InvalidParameter(param, "it has a character that no database can store: NUL, or half of a pair.")


@dataclass(slots=True)
class QuestionFile:
    """What a file of questions holds."""

    questions: list[NewQuestion] = field(default_factory=list)
    wrong: dict[int, str] = field(default_factory=dict)
    """Number of a line or row → what is wrong with it."""


def read_questions(text: str, format: QuestionFormat) -> QuestionFile:
    """Read questions. Wrong lines are counted from 1, in CSV without the header; after a hundred of them the rest is not read.

    Raises `InvalidParameter` if it is no such file, or has too many lines.
    """
    found = QuestionFile()
    rows = _json_rows(text) if format is QuestionFormat.JSONL else _csv_rows(text)
    for number, row in rows:
        if len(found.wrong) >= MOST_WRONG:
            break
        try:
            given = json.loads(row) if isinstance(row, str) else row
            if not isinstance(given, dict):
                raise InvalidParameter("line", "it must be a JSON object with 'question' and 'relevant'.")
            found.questions.append(NewQuestion.checked(given.get("question"), given.get("relevant")))
        except (ValueError, RecursionError):
            found.wrong[number] = "It is no JSON."
        except InvalidParameter as error:
            found.wrong[number] = error.message
    return found


def _json_rows(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if number > MOST_LINES:
            raise InvalidParameter("text", f"it has more than {MOST_LINES} lines.")
        if line.strip():
            yield number, line


def _csv_rows(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The questions of a CSV, rows of equal questions joined. Raises `InvalidParameter` without the column `question`."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        columns = reader.fieldnames or ()
    except csv.Error as error:
        raise InvalidParameter("text", f"it cannot be read as CSV: {reason(error)}.") from None
    if "question" not in columns:
        raise InvalidParameter("text", f"its first row must name the columns: {', '.join(COLUMNS)}.")
    joined: dict[str, tuple[int, list[dict[str, Any]]]] = {}
    for number, row in _counted(reader):
        question = (row.get("question") or "").strip()
        each: dict[str, Any] = {key: value.strip() for key in KEYS if (value := row.get(key) or "").strip()}
        for key in NUMBERS & each.keys():
            each[key] = int(each[key]) if NUMBER.fullmatch(each[key]) else each[key]
        _, relevant = joined.setdefault(question, (number, []))
        if each:
            relevant.append(each)
    for question, (number, relevant) in joined.items():
        yield number, {"question": question, "relevant": relevant}


def _counted(rows: Iterator[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a CSV with their numbers. Raises `InvalidParameter` for what is no CSV, and for too many rows."""
    try:
        for number, row in enumerate(rows, 1):
            if number > MOST_LINES:
                raise InvalidParameter("text", f"it has more than {MOST_LINES} rows.")
            yield number, row
    except csv.Error as error:
        raise InvalidParameter("text", f"it cannot be read as CSV: {reason(error)}.") from None


def written(questions: Sequence[tuple[str, Sequence[Mapping[str, Any]]]], format: QuestionFormat) -> str:
    """Questions and what answers them as text."""
    if format is QuestionFormat.JSONL:
        rows = [{"question": text, "relevant": list(relevant)} for text, relevant in questions]
        return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    file = io.StringIO()
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\r\n")
    writer.writeheader()
    for text, relevant in questions:
        for each in relevant or [{}]:
            writer.writerow({"question": text, **each})
    return file.getvalue()
