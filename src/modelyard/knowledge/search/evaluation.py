"""Measures of a base's search results and answers for judged questions, and of the difference between two settings.

The measures of a question are a mapping from name to value, 0 to 1, without those that do not apply to it.
`MEASURES` lists all. Nothing here accesses a server.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

from modelyard.knowledge.search import metrics
from modelyard.knowledge.search.judgments import HitBody, JudgedQuestion, grade_of, grades, ranking

if TYPE_CHECKING:
    import numpy as np

Measures = Mapping[str, float]

MEASURES: Mapping[str, str] = {
    "recall": "part of what is relevant that is among the first k hits",
    "hit_rate": "questions with anything relevant among the first k",
    "mrr": "1 / place of the first relevant hit, 0 where none of the k is",
    "ndcg": "discounted gain of the first k against that of the best order",
    "nothing_found": "of questions that nothing answers, those for which no hit came",
    "answered": "of questions that something answers, those with evidence",
    "citation_precision": "part of an answer's citations that are relevant, where it has any",
    "citation_recall": "part of what is relevant that an answer cites",
    "no_evidence": "of questions that nothing answers, those answered by saying that nothing was found",
    "nothing_cited": "of questions that nothing answers, those whose answer cites nothing",
}
"""Name → meaning, in the order of the output."""

RESAMPLES = 10_000
EXACT = 13
"""Maximum number of questions for which all sign combinations are tried instead of a sample."""
SEED = 20_070_611
CONFIDENCE = 0.95
NUMBERS_AT_ONCE = 2_000_000
"""Random numbers that are drawn at a time."""
ROUNDING = 1e-12


def search_measures(question: JudgedQuestion, hits: Sequence[HitBody], k: int) -> dict[str, float]:
    """Measure the hits of a search, best first, of which there are at most `k`."""
    if not question.relevant:
        return {"nothing_found": float(not hits)}
    ids = ranking(question, hits)
    ranked, relevant = {question.id: ids}, {question.id: grades(question)}
    depth = max(k, len(ids))  # a hit that fits two judgments has two ids
    each = {
        "recall": metrics.recall_at(ranked, relevant, depth),
        "hit_rate": metrics.hit_at(ranked, relevant, depth),
        "mrr": metrics.reciprocal_rank(ranked, relevant),
        "ndcg": metrics.ndcg_at(ranked, relevant, depth),
    }
    return {name: values[question.id] for name, values in each.items()}


def answer_measures(question: JudgedQuestion, answer: Mapping[str, Any]) -> dict[str, float]:
    """Measure an answer of the server by the sources that it cites."""
    cites: Sequence[HitBody] = answer["citations"]
    if not question.relevant:
        return {"no_evidence": float(not answer["evidence"]), "nothing_cited": float(not cites)}
    found = {"answered": float(answer["evidence"])}
    if cites:
        found["citation_precision"] = sum(grade_of(question, each) > 0 for each in cites) / len(cites)
    cited = sum(any(each.fits(cite) for cite in cites) for each in question.relevant)
    return {**found, "citation_recall": cited / len(question.relevant)}


def means(rows: Sequence[Measures]) -> dict[str, float]:
    """Each measure's mean over the questions that have it, in the order of `MEASURES`."""
    found = {}
    for name in MEASURES:
        values = [row[name] for row in rows if name in row]
        if values:
            found[name] = sum(values) / len(values)
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """The difference of one measure between two settings, over the questions that have a value for both."""

    mean: float
    low: float
    """Lower end of the 95 % interval, by bootstrap over questions."""
    high: float
    p: float
    """Two-sided p-value of the paired randomization test: the probability of a difference this large by chance."""
    better: int
    """Number of questions with a higher value."""
    worse: int
    equal: int


def differences(first: Sequence[Measures], second: Sequence[Measures]) -> dict[str, Difference]:
    """The difference in each measure, second minus first; both lists have equal questions in equal order."""
    found = {}
    for name in MEASURES:
        pairs = [(a[name], b[name]) for a, b in zip(first, second, strict=True) if name in a and name in b]
        if pairs:
            found[name] = difference([after - before for before, after in pairs])
    return found


def difference(values: Sequence[float]) -> Difference:
    """The difference in one measure, from that of each question. Deterministic."""
    import numpy as np  # imported here, because only comparisons need it

    differences = np.asarray(values, dtype=np.float64)
    differences[np.abs(differences) < ROUNDING] = 0.0
    low, high = _interval(differences)
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    return Difference(
        float(differences.mean()),
        low,
        high,
        randomization(differences[differences != 0]),
        better,
        worse,
        len(differences) - better - worse,
    )


def randomization(differences: np.ndarray[Any, Any]) -> float:
    """Two-sided p-value of the paired randomization test (Smucker, Allan and Carterette, 2007) for non-zero differences.

    Tries all sign combinations for at most 13 questions, else 10,000 random ones, among which the observed one counts.
    """
    import numpy as np

    if not len(differences):
        return 1.0
    observed = abs(differences.sum()) - ROUNDING * max(len(differences), 1)
    if len(differences) <= EXACT:
        signs = np.array(list(product((1.0, -1.0), repeat=len(differences)))).reshape(-1, len(differences))
        return float((np.abs(signs @ differences) >= observed).mean())
    random = np.random.default_rng(SEED)
    beyond, remaining = 0, RESAMPLES
    while remaining:
        count = min(remaining, max(1, NUMBERS_AT_ONCE // len(differences)))
        signs = random.integers(0, 2, (count, len(differences)), dtype=np.int8) * 2.0 - 1.0
        beyond += int((np.abs(signs @ differences) >= observed).sum())
        remaining -= count
    return (beyond + 1) / (RESAMPLES + 1)


def _interval(differences: np.ndarray[Any, Any]) -> tuple[float, float]:
    """The 95 % interval of the mean, by the percentiles of resampled means."""
    import numpy as np

    random = np.random.default_rng(SEED)
    means, remaining = [], RESAMPLES
    while remaining:
        count = min(remaining, max(1, NUMBERS_AT_ONCE // len(differences)))
        means.append(differences[random.integers(0, len(differences), (count, len(differences)))].mean(axis=1))
        remaining -= count
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(np.concatenate(means), [outside, 1 - outside])
    return float(low), float(high)
