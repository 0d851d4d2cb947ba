"""Measures of rankings: what they are by hand, and that ir-measures makes the same of any run."""

from __future__ import annotations

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, P, R, Success, nDCG

from modelyard.knowledge.search import metrics

IDS = st.sampled_from([f"p{number:02}" for number in range(20)])
QUESTIONS = st.sampled_from([f"q{number}" for number in range(6)])
RANKED = st.dictionaries(QUESTIONS, st.lists(IDS, max_size=20), max_size=6)
RELEVANT = st.dictionaries(QUESTIONS, st.dictionaries(IDS, st.integers(1, 4), min_size=1, max_size=8), max_size=6)


def judged_by_ir_measures(
    measure: ir_measures.Measure, ranked: dict[str, list[str]], relevant: dict[str, dict[str, int]]
) -> dict[str, float]:
    run = {
        question: {id: -float(place) for place, id in enumerate(dict.fromkeys(ids))} for question, ids in ranked.items()
    }
    return {each.query_id: each.value for each in ir_measures.iter_calc([measure], relevant, run)}


@given(ranked=RANKED, relevant=RELEVANT, k=st.integers(1, 25))
def test_ir_measures_says_the_same(ranked: dict[str, list[str]], relevant: dict[str, dict[str, int]], k: int) -> None:
    pairs = [
        (R @ k, metrics.recall_at(ranked, relevant, k)),
        (P @ k, metrics.precision_at(ranked, relevant, k)),
        (nDCG @ k, metrics.ndcg_at(ranked, relevant, k)),
        (Success @ k, metrics.hit_at(ranked, relevant, k)),
        (RR, metrics.reciprocal_rank(ranked, relevant)),
    ]
    for measure, ours in pairs:
        theirs = judged_by_ir_measures(measure, ranked, relevant) if relevant else {}
        assert ours == pytest.approx(theirs, abs=1e-9), str(measure)


def test_the_gain_is_the_grade_itself() -> None:
    relevant = {"q": {"full": 2, "part": 1}}
    assert metrics.ndcg_at({"q": ["full", "part"]}, relevant, 2)["q"] == 1
    worse = (1 + 2 / 1.584962500721156) / (2 + 1 / 1.584962500721156)
    assert metrics.ndcg_at({"q": ["part", "full"]}, relevant, 2)["q"] == pytest.approx(worse)


def test_an_id_that_comes_twice_counts_once_and_takes_one_place() -> None:
    relevant = {"q": {"a": 1, "b": 1}}
    ranked = {"q": ["x", "x", "a", "a", "b"]}
    assert metrics.recall_at(ranked, relevant, 2) == {"q": 0.5}
    assert metrics.precision_at(ranked, relevant, 3) == {"q": 2 / 3}
    assert metrics.reciprocal_rank(ranked, relevant) == {"q": 0.5}


def test_means_are_over_questions_that_have_relevant_ids() -> None:
    relevant = {"found": {"a": 1}, "missed": {"b": 1}, "unranked": {"c": 1}, "negative": {}, "refused": {"d": 0}}
    ranked = {"found": ["a"], "missed": ["x"], "negative": ["a"], "refused": ["d"], "unknown": ["a"]}
    made = metrics.summary(ranked, relevant, ks=(1, 5))
    assert made == pytest.approx(
        {
            **{f"{name}@{k}": 1 / 3 for name in ("recall", "hit", "ndcg") for k in (1, 5)},
            "precision@1": 1 / 3,
            "precision@5": 1 / 15,
            "mrr": 1 / 3,
        }
    )


def test_nothing_to_measure_is_nought() -> None:
    assert set(metrics.summary({}, {"q": {}}).values()) == {0.0}
    assert metrics.recall_at({"q": ["a"]}, {}, 5) == {}


def test_a_cut_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="k is 0"):
        metrics.ndcg_at({"q": ["a"]}, {"q": {"a": 1}}, 0)
