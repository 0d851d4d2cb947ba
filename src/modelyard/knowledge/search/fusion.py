"""Turns what words and vectors say of a chunk into one score: how likely it is about the query, from 0 to 1.

Words give a share: the chunk's BM25 as a part of what BM25 approaches for this query. Vectors give a distance: how many standard
deviations the chunk's cosine lies above the cosines that are usual for this query. Both mean the same in every base, so their
weighted sum, read on a logistic curve, can be compared between queries, modes and bases. A chunk that lies behind the best one of
its search is less likely about the query than one that is the best with the same sum, as most queries are answered in few places:
so the distance to the best counts as much as the sum. `MIDDLE` and `SPREAD` were fitted on the questions in
`benchmarks/knowledge_set`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, sqrt
from operator import mul
from typing import Final, NamedTuple

from modelyard.knowledge.types import Matches
from modelyard.protocol.hits import Scores

RELEVANT: Final = 0.5
"""The score from which a chunk is more likely about the query than not."""
MIDDLE: Final = (0.09, 3.2)
"""The share of words, and the distance of vectors, of a best chunk whose score is `RELEVANT`."""
SPREAD: Final = (0.06, 0.8)
"""How much more of each moves a score from 0.5 to 0.73."""
SCALE: Final = 0.1
"""A distance of one deviation counts as much as this share of words, at a weight of 1."""
PRIOR: Final = 32
"""Chunks that the passages of the reading test count as, so that a base of few chunks has a usual cosine, too."""
ROUNDING: Final = 1e-12
"""A variance that is none but for rounding."""


@dataclass(frozen=True, slots=True)
class Weights:
    """How much words and vectors count; 0 leaves one of them out."""

    words: float = 1.0
    vectors: float = 1.0

    @property
    def middle(self) -> float:
        """The weighted sum of a best chunk whose score is `RELEVANT`."""
        return self.words * MIDDLE[0] + self.vectors * SCALE * MIDDLE[1]

    @property
    def spread(self) -> float:
        """How much more than `middle` gives a score of 0.73."""
        return self.words * SPREAD[0] + self.vectors * SCALE * SPREAD[1]


class WeighedChunk(NamedTuple):
    """What words and vectors say of a chunk."""

    lexical: float | None
    """BM25."""
    similarity: float | None
    """Cosine."""
    odds: float
    """The logarithm of the odds that a best chunk with this sum is about the query; 0 for `RELEVANT`."""

    def scores(self, best: float) -> Scores:
        """The scores, where the best chunk of the search has the odds `best`."""
        return Scores(
            lexical=self.lexical,
            similarity=self.similarity,
            fused=_logistic(self.odds + min(0.0, self.odds - best)),
        )

    def at_most(self, odds: float) -> WeighedChunk:
        """The chunk with these odds, if it has more."""
        return self._replace(odds=min(self.odds, odds))


def weighed(matches: Matches, weights: Weights, prior: Sequence[float] = ()) -> dict[int, WeighedChunk]:
    """All chunks that were found. `prior` are the cosines of the query with passages that it is not about."""
    mean, deviation = usual(matches.background, prior)
    middle, spread = weights.middle, weights.spread
    by_words = weights.words / matches.most if matches.most else 0.0
    by_vectors = weights.vectors * SCALE / deviation
    found = {}
    for number in matches.lexical.keys() | matches.similarity.keys():
        lexical, similarity = matches.lexical.get(number), matches.similarity.get(number)
        total = 0.0 if lexical is None else by_words * lexical
        if similarity is not None and similarity > mean:
            total += by_vectors * (similarity - mean)
        found[number] = WeighedChunk(lexical, similarity, (total - middle) / spread)
    return found


def behind(found: Mapping[int, WeighedChunk], first: Collection[int]) -> dict[int, WeighedChunk]:
    """The chunks, best first, of which none counts more than any of `first`."""
    least = min((found[number].odds for number in first), default=inf)
    order = sorted(found, key=lambda number: number not in first)
    capped = {number: found[number] if number in first else found[number].at_most(least) for number in order}
    return dict(sorted(capped.items(), key=lambda item: -item[1].odds))


def usual(background: Sequence[float], prior: Sequence[float]) -> tuple[float, float]:
    """The mean and the standard deviation of cosines with chunks that a query is not about. (0, 1) where nothing is known."""
    each = PRIOR / len(prior) if prior else 0.0
    total = len(background) + each * len(prior)
    if not total:
        return 0.0, 1.0
    mean = (sum(background) + each * sum(prior)) / total
    square = (sum(map(mul, background, background)) + each * sum(map(mul, prior, prior))) / total
    variance = square - mean * mean
    return mean, sqrt(variance) if variance > ROUNDING else 1.0


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-value)) if value > -500 else 0.0
