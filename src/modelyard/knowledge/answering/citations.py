"""Citations: which sources an answer names, which it took its words from, and answers made of sources alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.knowledge.search.highlights import Span
from modelyard.knowledge.search.search import Hit, Scores

_MARK = re.compile(r"\[(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\]|【(\d{1,3})】")
_SENTENCE = re.compile(r"[^。！？!?\n]*?(?:[。！？!?]+[”』」\"')）]*|\.(?=\s|$)|\n|$)", re.DOTALL)
TAKEN = 0.3
"""Part of an answer's words that a source must have for the answer to be taken from it."""
SENTENCES = 3
LONGEST = 600
"""Characters of a sentence that is quoted."""


@dataclass(frozen=True, slots=True)
class Citation:
    """A source of an answer, and where in the documents it stands."""

    number: int
    """What stands in brackets in the answer."""
    base: str
    document: str
    chunk: int
    document_id: int
    page: int | None
    start: int | None
    """Character span in the document's text."""
    end: int | None
    heading: str
    text: str
    score: float
    scores: Scores
    highlights: Sequence[Span] = ()

    @classmethod
    def of(cls, number: int, hit: Hit) -> Citation:
        """The hit as a source."""
        row = hit.row
        place = (row.base, row.document, row.id, row.document_id, row.page, row.start, row.end, row.heading, row.text)
        return cls(number, *place, hit.score, hit.scores, hit.highlights)


def cited(answer: str, sources: int) -> list[int]:
    """Numbers of sources that an answer names, in their order, each once."""
    found: dict[int, None] = {}
    for match in _MARK.finditer(answer):
        for number in re.findall(r"\d+", match.group(0)):
            if 1 <= int(number) <= sources:
                found[int(number)] = None
    return list(found)


def marker(answer: str, hits: Sequence[Hit]) -> int | None:
    """The source that an answer without marks took its words from; None where it took them from none."""
    said = set(query_terms(answer))
    if not said:
        return None
    shares = [len(said & set(terms(hit.row.text))) / len(said) for hit in hits]
    best = max(range(len(hits)), key=lambda place: shares[place])
    return best + 1 if shares[best] >= TAKEN else None


def sentences(text: str) -> list[str]:
    """The sentences of a text, Chinese and Western, without blanks at their ends."""
    return [found.strip() for found in _SENTENCE.findall(text) if found.strip()]


def extracted(question: str, hits: Sequence[Hit]) -> tuple[str, list[int]]:
    """An answer without a model: the sentences that share most with the question, each with its source."""
    asked = set(query_terms(question))
    scored: list[tuple[float, int, int, str]] = []
    for number, hit in enumerate(hits, 1):
        for place, sentence in enumerate(sentences(hit.row.text)):
            share = len(asked & set(terms(sentence))) / (len(asked) or 1)
            scored.append((-share - 0.5 * hit.score, number, place, sentence))
    best = sorted(sorted(scored)[:SENTENCES], key=lambda each: each[1:3])
    text = " ".join(f"{sentence[:LONGEST]} [{number}]" for _, number, _, sentence in best)
    return text, list(dict.fromkeys(number for _, number, _, _ in best))
