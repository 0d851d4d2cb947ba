"""Checks whether the sources that an answer cites say what it cites them for, by words and numbers; no model is asked."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from modelyard.knowledge.answering.citations import MARK, TAKEN, cited_numbers, sentences, share
from modelyard.knowledge.indexing.scripts import script_of
from modelyard.knowledge.indexing.words import plain, query_terms
from modelyard.protocol.hits import Hit

LONGEST_MARK: Final = 32
"""Characters of a mark, at most."""
FEW: Final = 2
"""Words below which a sentence is checked by its numbers alone."""
_NUMBER: Final = re.compile(r"\d+(?:[.,]\d+)*")
_LEADING: Final = re.compile(rf"\s*(?:(?:{MARK.pattern})\s*)+")


LONGEST_REFUSAL: Final = 400
"""Characters of an answer that says nothing but that the sources do not have it, at most."""
_NOT_THERE: Final = re.compile(
    r"(?:\b(?:not|cannot|unable to)|n['’]t) (?:be )?"
    r"(?:find|found|mention|mentioned|contain|state|stated|specify|specified|provide|provided|answer)\b"
    r"|\bno (?:information|mention|answer|evidence|details?)\b"
    "|(?:没有|没|未|未曾|并未)(?:找到|查到|提到|提及|提供|说明|记载|包含|涉及)"
    "|没有(?:相关|关于)|找不到|查不到|无法(?:回答|找到|确定|得知|从)|不(?:包含|含有|清楚)",
    re.IGNORECASE,
)


class Claim(NamedTuple):
    """A sentence of an answer without its marks, and the numbers of the sources that it cites."""

    text: str
    numbers: Sequence[int]


def unsupported(answer: str, question: str, hits: Sequence[Hit]) -> list[int]:
    """The numbers of the sources that an answer cites and that support none of the sentences for which it cites them."""
    cited: dict[int, bool] = {}
    for claim in claims(answer, len(hits)):
        for number in claim.numbers:
            cited[number] = cited.get(number, False) or supports(hits[number - 1], claim.text, question)
    return [number for number, supported in cited.items() if not supported]


def is_refusal(answer: str) -> bool:
    """Whether an answer cites nothing and says that the sources do not have it."""
    return len(answer) <= LONGEST_REFUSAL and MARK.search(answer) is None and _NOT_THERE.search(answer) is not None


def claims(answer: str, sources: int) -> Iterator[Claim]:
    """The sentences of an answer that cite sources. A mark at the beginning of a sentence belongs to the one before it."""
    text, numbers = "", list[int]()
    for sentence in sentences(answer):
        leading = _LEADING.match(sentence)
        if leading is not None:
            numbers += cited_numbers(leading.group(), sources)
            sentence = sentence[leading.end() :]
        if not sentence:
            continue
        if numbers:
            yield Claim(text, numbers)
        text, numbers = MARK.sub(" ", sentence), cited_numbers(sentence, sources)
    if numbers:
        yield Claim(text, numbers)


def supports(hit: Hit, sentence: str, question: str) -> bool:
    """Whether a source has the numbers of a sentence, except those of the question, and enough of its words.

    Words are not compared where the two are in different scripts, since an answer may be a translation.
    """
    source = f"{hit.heading}\n{hit.text}"
    if _numbers(sentence) - _numbers(question) - _numbers(source):
        return False
    words = {word for word in query_terms(sentence) if not word[0].isdigit()}
    if len(words) < FEW or script_of(sentence) is not script_of(source):
        return True
    return share(words, source) >= TAKEN


class CitedSoFar:
    """Finds, while an answer is written, the sources that its marks cite and that support the text before them."""

    def __init__(self, question: str, hits: Sequence[Hit]) -> None:
        self._question = question
        self._hits = hits
        self._text = ""
        self._cited: set[int] = set()

    def add(self, piece: str) -> list[int]:
        """The numbers of the sources that marks which end in the next piece of the answer are the first to cite."""
        before, self._text = len(self._text), self._text + piece
        if not any(bracket in piece for bracket in "]】"):
            return []
        found: list[int] = []
        for mark in MARK.finditer(self._text, max(0, before - LONGEST_MARK)):
            if mark.end() > before:
                numbers = [each for each in cited_numbers(mark.group(), len(self._hits)) if each not in self._cited]
                sentence = self._sentence_before(mark.start()) if numbers else ""
                found += [each for each in numbers if supports(self._hits[each - 1], sentence, self._question)]
                self._cited.update(found)
        return found

    def _sentence_before(self, place: int) -> str:
        """The sentence that ends, or is broken off, before a place; without marks."""
        found = [text for each in sentences(self._text[:place]) if (text := MARK.sub(" ", each).strip())]
        return found[-1] if found else ""


def _numbers(text: str) -> set[str]:
    """The numbers of a text, without the commas between thousands and zeros behind the point."""
    found = (each.replace(",", "") for each in _NUMBER.findall(plain(text)))
    return {each.rstrip("0").rstrip(".") if "." in each else each for each in found}
