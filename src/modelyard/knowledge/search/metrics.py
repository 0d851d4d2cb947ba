"""Quality of rankings against judged ids: recall, precision, reciprocal rank, nDCG and hits, as trec_eval defines them.

`ranked` has ids best first for each question, `relevant` the grades above 0. Each measure returns a value from 0 to 1 for every
question with relevant ids: 0 if it has no ranking. An id that occurs twice in a ranking counts at its first place only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

Ranked = Mapping[str, Sequence[str]]
Relevant = Mapping[str, Mapping[str, int]]
Grades = Mapping[str, int]


def recall_at(ranked: Ranked, relevant: Relevant, k: int) -> dict[str, float]:
    """The part of a question's relevant ids that is among its first `k`."""
    return _each(ranked, relevant, k, lambda first, grades: _found(first, grades) / len(grades))


def precision_at(ranked: Ranked, relevant: Relevant, k: int) -> dict[str, float]:
    """The part of `k` places that relevant ids take; places after the end of a short ranking count as wrong."""
    return _each(ranked, relevant, k, lambda first, grades: _found(first, grades) / k)


def hit_at(ranked: Ranked, relevant: Relevant, k: int) -> dict[str, float]:
    """1 if any relevant id is among the first `k`, else 0."""
    return _each(ranked, relevant, k, lambda first, grades: float(_found(first, grades) > 0))


def reciprocal_rank(ranked: Ranked, relevant: Relevant) -> dict[str, float]:
    """1 divided by the place of the first relevant id in the whole ranking, 0 if there is none."""
    return _each(ranked, relevant, None, _reciprocal)


def ndcg_at(ranked: Ranked, relevant: Relevant, k: int) -> dict[str, float]:
    """Discounted cumulative gain of the first `k`, divided by that of the best order: grade / log2(place + 1), places from 1.

    The gain is the grade itself, as in `nDCG@k` of ir-measures and trec_eval, not 2^grade - 1.
    """
    return _each(ranked, relevant, k, lambda first, grades: _gain(first, grades) / _gain(_ideal(grades, k), grades))


def summary(ranked: Ranked, relevant: Relevant, ks: Sequence[int] = (1, 3, 5, 10)) -> dict[str, float]:
    """Means over the questions with relevant ids, as `recall@5`, `precision@5`, `hit@5`, `ndcg@5` … and `mrr`.

    All are 0 if no question has any.
    """
    measures = {"recall": recall_at, "precision": precision_at, "hit": hit_at, "ndcg": ndcg_at}
    means = {f"{name}@{k}": _mean(measure(ranked, relevant, k)) for name, measure in measures.items() for k in ks}
    return {**means, "mrr": _mean(reciprocal_rank(ranked, relevant))}


def _each(
    ranked: Ranked, relevant: Relevant, k: int | None, measure: Callable[[Sequence[str], Grades], float]
) -> dict[str, float]:
    """A measure of each question with relevant ids, over its first `k` ids or all. Raises `ValueError` if `k` is below 1."""
    if k is not None and k < 1:
        raise ValueError(f"k is {k}; a ranking is measured over its first 1 or more.")
    values = {}
    for question, judged in relevant.items():
        grades = {id: grade for id, grade in judged.items() if grade > 0}
        if grades:
            values[question] = measure(list(dict.fromkeys(ranked.get(question, ())))[:k], grades)
    return values


def _found(first: Collection[str], grades: Grades) -> int:
    return sum(id in grades for id in first)


def _reciprocal(ids: Sequence[str], grades: Grades) -> float:
    return next((1 / place for place, id in enumerate(ids, 1) if id in grades), 0.0)


def _ideal(grades: Grades, k: int) -> list[str]:
    return sorted(grades, key=lambda id: -grades[id])[:k]


def _gain(ids: Sequence[str], grades: Grades) -> float:
    return sum(grades.get(id, 0) / math.log2(place + 1) for place, id in enumerate(ids, 1))


def _mean(values: Mapping[str, float]) -> float:
    return sum(values.values()) / len(values) if values else 0.0
