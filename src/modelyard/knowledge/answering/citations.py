"""Finds the sources that an answer cites or is taken from, and composes answers from sources alone."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.protocol.hits import Hit

MARK = re.compile(r"\[(\d{1,3}(?:\s*[,，、]\s*\d{1,3})*)\]|【(\d{1,3})】")
"""Numbers of sources in brackets."""
_SENTENCE = re.compile(r"[^。！？!?\n]*?(?:[。！？!?]+[”』」\"')）]*|\.(?=\s|$)|\n|$)", re.DOTALL)
TAKEN = 0.3
"""Part of the words of an answer, or of one sentence of it, that a source must contain to count as its source."""
SENTENCES = 3
LONGEST = 600
"""Maximum characters of a quoted sentence."""


class SourceText(Protocol):
    """What an answer may be taken from."""

    @property
    def text(self) -> str:
        """Its text."""


def cited_numbers(answer: str, sources: int) -> list[int]:
    """Numbers of the sources that an answer cites, in order, each once."""
    found: dict[int, None] = {}
    for match in MARK.finditer(answer):
        for number in re.findall(r"\d+", match.group(0)):
            if 1 <= int(number) <= sources:
                found[int(number)] = None
    return list(found)


def likely_source(answer: str, hits: Sequence[SourceText]) -> int | None:
    """The number of the source that an answer without citation marks is taken from; None if there is none."""
    words = set(query_terms(answer))
    if not words:
        return None
    shares = [share(words, hit.text) for hit in hits]
    best = max(range(len(hits)), key=lambda place: shares[place])
    return best + 1 if shares[best] >= TAKEN else None


def share(words: set[str], text: str) -> float:
    """The part of these terms that a text has, 0 to 1; 0 for no terms."""
    return len(words.intersection(terms(text))) / (len(words) or 1)


def sentences(text: str) -> list[str]:
    """The sentences of a text in any language, stripped."""
    return [found.strip() for found in _SENTENCE.findall(text) if found.strip()]


def extract(question: str, hits: Sequence[Hit]) -> tuple[str, list[int]]:
    """Compose an answer without a model: the sentences that share the most words with the question, each with its source."""
    words = set(query_terms(question))
    scored: list[tuple[float, int, int, str]] = []
    for number, hit in enumerate(hits, 1):
        for place, sentence in enumerate(sentences(hit.text)):
            scored.append((-share(words, sentence) - 0.5 * hit.score, number, place, sentence))
    best = sorted(sorted(scored)[:SENTENCES], key=lambda each: each[1:3])
    text = " ".join(f"{sentence[:LONGEST]} [{number}]" for _, number, _, sentence in best)
    return text, list(dict.fromkeys(number for _, number, _, _ in best))
