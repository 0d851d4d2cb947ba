"""Reads questions and their relevant documents from the lines of a file, and matches them with search hits.

A judgment names a chunk's id, a document, a page, or a piece of text; `ranking` converts hits to ids for `metrics.py`.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.core.wording import reason

HitBody = Mapping[str, Any]
"""A hit of a search or a citation of an answer, as the server sends it."""
KEYS = ("chunk_id", "document", "page", "text", "grade")
MOST_GRADE = 1000


@dataclass(frozen=True, slots=True)
class Judgment:
    """Something relevant to a question. A hit matches if it agrees with every field that is set."""

    grade: int = 1
    """The relevance; higher is better."""
    chunk: int | None = None
    document: str | None = None
    page: int | None = None
    text: str = ""
    """Normalized by `fold`; a hit must contain it."""

    def fits(self, hit: HitBody) -> bool:
        """Whether a hit matches the judgment."""
        if self.chunk is not None and hit["chunk_id"] != self.chunk:
            return False
        if self.document is not None and hit["document"] != self.document:
            return False
        if self.page is not None and hit["page"] != self.page:
            return False
        return self.text in fold(hit["text"])


@dataclass(frozen=True, slots=True)
class JudgedQuestion:
    """A question with its judgments; without any, the base has no answer to it."""

    id: str
    text: str
    relevant: tuple[Judgment, ...]


def fold(text: str) -> str:
    """Normalize a text for comparison: without blanks and line breaks, in one case and one width."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().split())


def read(lines: Iterable[str]) -> tuple[list[JudgedQuestion], dict[int, str]]:
    """The questions of a file of JSON lines, and for each invalid line its number and the reason. Blank lines are skipped."""
    found: dict[str, JudgedQuestion] = {}
    wrong: dict[int, str] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            each = parse_line(line, str(number))
            if each.id in found:
                raise InvalidParameter("id", f"'{each.id}' is the id of another question too.")
            found[each.id] = each
        except InvalidParameter as error:
            wrong[number] = error.message
    return list(found.values()), wrong


def parse_line(line: str, usual_id: str) -> JudgedQuestion:
    """Parse a question from its line of JSON. Raises `InvalidParameter`."""
    try:
        given = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidParameter("line", f"it is no JSON: {reason(error)}.") from None
    if not isinstance(given, dict):
        raise InvalidParameter("line", "it must be a JSON object with 'question' and 'relevant'.")
    text = given.get("question")
    if not isinstance(text, str) or not text.strip():
        raise InvalidParameter("question", "it is missing or empty.")
    if "relevant" not in given:
        raise InvalidParameter("relevant", "it is missing; use [] for a question that has no answer.")
    name = given.get("id", usual_id)
    if isinstance(name, bool) or not isinstance(name, str | int) or name == "":
        raise InvalidParameter("id", "it must be a word or a number.")
    return judged(str(name), text, given["relevant"])


def judged(id: str, text: str, relevant: Any) -> JudgedQuestion:
    """A question with what is relevant to it, as JSON. Raises `InvalidParameter`."""
    judgments = dict.fromkeys(_judgment(each) for each in objects(relevant))
    return JudgedQuestion(id, text, tuple(each for each in judgments if each.grade > 0))


def objects(relevant: Any) -> list[dict[str, Any]]:
    """`relevant` as a list of objects: it is a list, or an object of documents and their grades."""
    if isinstance(relevant, dict):
        return [{"document": name, "grade": grade} for name, grade in relevant.items()]
    if not isinstance(relevant, list):
        raise InvalidParameter("relevant", "it must be a list, or an object of documents and grades.")
    return [_object(each) for each in relevant]


def _object(given: Any) -> dict[str, Any]:
    if isinstance(given, str):
        return {"document": given}
    if isinstance(given, int) and not isinstance(given, bool):
        return {"chunk_id": given}
    if not isinstance(given, dict):
        raise InvalidParameter("relevant", "each is a document's name, a chunk's id, or an object.")
    return given


def _judgment(given: Mapping[str, Any]) -> Judgment:
    if unknown := sorted(set(given) - set(KEYS)):
        raise InvalidParameter("relevant", f"'{unknown[0]}' is none of {', '.join(KEYS)}.")
    for key, kind, what in (("document", str, "a name"), ("text", str, "a text")):
        if key in given and not (isinstance(given[key], kind) and given[key].strip()):
            raise InvalidParameter(f"relevant.{key}", f"it must be {what}.")
    grade = _number(given, "grade", 0) if "grade" in given else 1
    if grade > MOST_GRADE:
        raise InvalidParameter("relevant.grade", f"it is {MOST_GRADE} at most.")
    chunk = _number(given, "chunk_id", 1) if "chunk_id" in given else None
    page = _number(given, "page", 1) if "page" in given else None
    if chunk is None and "document" not in given and "text" not in given:
        raise InvalidParameter("relevant", "name a 'document', a 'chunk_id' or a 'text'.")
    return Judgment(grade, chunk, given.get("document"), page, fold(given.get("text", "")))


def _number(given: Mapping[str, Any], key: str, least: int) -> int:
    value = given[key]
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InvalidParameter(f"relevant.{key}", f"it must be a whole number from {least}.")
    return value


def grade_of(question: JudgedQuestion, hit: HitBody) -> int:
    """The highest grade of the judgments that a hit matches; 0 if it matches none."""
    return max((each.grade for each in question.relevant if each.fits(hit)), default=0)


def grades(question: JudgedQuestion) -> dict[str, int]:
    """The grade of each judgment, by the ids of `ranking`."""
    return {f"relevant {number}": each.grade for number, each in enumerate(question.relevant)}


def ranking(question: JudgedQuestion, hits: Sequence[HitBody]) -> list[str]:
    """An id for each hit, best first: those of the judgments that it is the first to match, else a unique one.

    So a second hit of a document that counts once has a rank and no gain, and a hit that matches two judgments counts for both.
    """
    open_judgments = dict(enumerate(question.relevant))
    ids: list[str] = []
    for place, hit in enumerate(hits):
        fitting = [number for number, each in open_judgments.items() if each.fits(hit)]
        for number in sorted(fitting, key=lambda number: -open_judgments[number].grade):
            ids.append(f"relevant {number}")
        for number in fitting:
            del open_judgments[number]
        if not fitting:
            ids.append(f"other {place}")
    return ids
