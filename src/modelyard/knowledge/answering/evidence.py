"""Which hits are about a question: the best hit of a search need not be.

Most questions without an answer are near misses, whose words and meaning are in a base; only the model that answers can tell
those. Three things are seen without it: that nothing is near, that a hit is far behind the best, and that a question names a code
whose series is here while the code is not, such as E27 where there are E26 and E28.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from modelyard.knowledge.indexing.words import plain
from modelyard.knowledge.search.search import Mode
from modelyard.protocol.hits import Hit

BY_ONE: Final = 0.2
"""The least score of the best hit that words or vectors alone found. Neither can tell that nothing is there, as a question need
not share words with its answer: of the answerable questions in `benchmarks/knowledge_set`, 4 % have no evidence then."""
BY_BOTH: Final = 0.35
"""The least score of the best hit of words and vectors together: of the same questions, 2 % have no evidence then."""
RANKED: Final = 0.1
"""The least score of a rerank model.

The lowest score that a model gives a right passage of its reading test does no better: where all-MiniLM-L6-v2 ranks by its
cosines, 6 and 17 % of the answerable English questions of the two sets have no evidence then, and 5 and 44 % of the others.
"""
BESIDE: Final = 0.02
"""The least score of further hits."""

_CODE: Final = re.compile(r"(?<![a-z0-9])([a-z]{1,6})[-_./ ]?(\d[\d-]{0,24}\d)(?![a-z0-9])")
_RANGE: Final = re.compile(
    r"(?<![a-z0-9])([a-z]{1,6})[-_./ ]?(\d{2,24})\s*(?:-|–|—|~|to|through|bis|至|到)\s*(?:\1[-_./ ]?)?(\d{2,24})(?!\d)"
)
_VERSION: Final = "v"


class Code(NamedTuple):
    """A part number, an error code or the like: the letters of its series, and its digits."""

    series: str
    digits: str


def evidence(hits: Sequence[Hit], question: str, mode: Mode = Mode.HYBRID) -> list[Hit]:
    """The hits of a search in this mode that are about a question, in their order; none if the best is not."""
    ranked = [hit for hit in hits if hit.scores.rerank is not None]
    if ranked:
        found = [hit for hit in ranked if hit.score >= RANKED]
    else:
        both = mode is Mode.HYBRID and any(hit.scores.similarity is not None for hit in hits)
        best = max((hit.score for hit in hits), default=0.0)
        found = [hit for hit in hits if hit.score >= BESIDE] if best >= (BY_BOTH if both else BY_ONE) else []
    return [] if lacks_code(question, found) else found


def lacks_code(question: str, hits: Iterable[Hit]) -> bool:
    """Whether a question names codes of which no hit has any, while the hits have others of their series."""
    named = {Code(match[1], _digits(match[2])) for match in _codes(question)}
    if not named:
        return False
    series = {code.series for code in named}
    others = False
    for hit in hits:
        text = _folded(f"{hit.document}\n{hit.heading}\n{hit.text}")
        present = {Code(match[1], _digits(match[2])) for match in _CODE.finditer(text)}
        if present & named or any(_inside(code, text) for code in named):
            return False
        others = others or any(code.series in series for code in present)
    return others


def _codes(question: str) -> Iterator[re.Match[str]]:
    """The codes that a question names, whose letters and digits no blank divides; the number of a version is none."""
    for match in _CODE.finditer(_folded(question)):
        if " " not in match.group() and match[1] != _VERSION:
            yield match


def _inside(code: Code, text: str) -> bool:
    """Whether a text has a range of codes with this one in it, such as E20–E29."""
    return any(
        match[1] == code.series and int(match[2]) <= int(code.digits) <= int(match[3])
        for match in _RANGE.finditer(text)
    )


def _digits(text: str) -> str:
    return text.replace("-", "")


def _folded(text: str) -> str:
    return plain(text).casefold()
