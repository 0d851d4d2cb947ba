"""Scores: between 0 and 1, rising with what words and vectors say, and the same in every base."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.knowledge.search.fusion import MIDDLE, RELEVANT, WeighedChunk, Weights, behind, usual, weighed
from modelyard.knowledge.types import Matches
from modelyard.protocol.hits import Scores

BACKGROUND = [0.0, 0.1, 0.2]
MEAN, DEVIATION = usual(BACKGROUND, [])
WEIGHTS = st.builds(Weights, words=st.just(1.0), vectors=st.floats(0, 3))


def score(weights: Weights, lexical: float | None = None, similarity: float | None = None) -> float:
    """The score of a best chunk, of 10 that BM25 could reach."""
    matches = Matches(
        {} if lexical is None else {1: lexical}, 10.0, {} if similarity is None else {1: similarity}, BACKGROUND
    )
    return all_scores(matches, weights)[1].fused


def all_scores(matches: Matches, weights: Weights) -> dict[int, Scores]:
    """The scores of the chunks of a search."""
    found = weighed(matches, weights)
    best = max(each.odds for each in found.values())
    return {number: each.scores(best) for number, each in found.items()}


@pytest.mark.parametrize("weights", [Weights(vectors=0), Weights(words=0), Weights(), Weights(vectors=1.6)])
def test_a_chunk_behind_the_best_has_a_lower_score_than_the_same_chunk_as_the_best(weights: Weights) -> None:
    chunk = weighed(Matches({1: 2.0}, 10.0, {1: 0.5}, BACKGROUND), weights)[1]
    alone, equal = chunk.scores(chunk.odds).fused, chunk.scores(chunk.odds - 3).fused
    behind = [chunk.scores(chunk.odds + distance).fused for distance in (0.5, 1, 5, 1000)]
    assert alone == equal > behind[0] > behind[1] > behind[2] > behind[3] >= 0


@given(WEIGHTS, st.floats(0, 10), st.floats(-1, 1))
def test_a_score_is_from_0_to_1(weights: Weights, lexical: float, similarity: float) -> None:
    assert 0 <= score(weights, lexical, similarity) <= 1


@given(WEIGHTS, st.floats(0, 9), st.floats(0.01, 1), st.floats(-1, 0.9), st.floats(0.01, 0.1))
def test_more_of_either_never_lowers_a_score(
    weights: Weights, lexical: float, words: float, similarity: float, nearer: float
) -> None:
    assert score(weights, lexical + words, similarity) >= score(weights, lexical, similarity)
    assert score(weights, lexical, similarity + nearer) >= score(weights, lexical, similarity)


@pytest.mark.parametrize(
    ("weights", "lexical", "similarity"),
    [
        (Weights(vectors=0), 10 * MIDDLE[0], None),
        (Weights(words=0), None, MEAN + MIDDLE[1] * DEVIATION),
        (Weights(vectors=1.6), 10 * MIDDLE[0], MEAN + MIDDLE[1] * DEVIATION),
    ],
)
def test_the_middle_is_relevant_in_every_mode(weights: Weights, lexical: float | None, similarity: float) -> None:
    assert score(weights, lexical, similarity) == pytest.approx(RELEVANT)


def test_chunks_behind_others_count_no_more_than_these() -> None:
    found = {number: WeighedChunk(None, None, odds) for number, odds in [(1, 3.0), (2, 0.5), (3, 1.0), (4, -2.0)]}
    ranked = behind(found, {2, 3})
    assert [(number, each.odds) for number, each in ranked.items()] == [(3, 1.0), (2, 0.5), (1, 0.5), (4, -2.0)]
    assert list(behind(found, ())) == [1, 3, 2, 4]


def test_a_weight_of_0_leaves_vectors_out() -> None:
    assert score(Weights(vectors=0), 4, 0.9) == score(Weights(vectors=0), 4, -0.9) == score(Weights(vectors=0), 4)


def test_models_whose_cosines_are_all_high_give_the_same_scores() -> None:
    near = all_scores(Matches({}, 0, {1: 0.5, 2: 0.1}, [0.0, 0.2]), Weights())
    high = all_scores(Matches({}, 0, {1: 0.9, 2: 0.82}, [0.8, 0.84]), Weights())
    assert [near[n].fused for n in (1, 2)] == pytest.approx([high[n].fused for n in (1, 2)])


def test_a_chunk_that_only_one_side_knows_has_a_score() -> None:
    found = all_scores(Matches({1: 5.0}, 10.0, {2: 0.9}, BACKGROUND), Weights())
    assert (found[1].similarity, found[2].lexical) == (None, None)
    assert 0 < found[1].fused < 1 and 0 < found[2].fused < 1


@pytest.mark.parametrize(
    ("background", "prior", "mean"),
    [
        ([], [], 0.0),
        ([0.2, 0.4], [], 0.3),
        ([], [0.1, 0.3], 0.2),
        ([1.0] * 32, [0.0], 0.5),
        ([1.0] * 32, [0.0] * 24, 0.5),
    ],
)
def test_what_is_usual(background: list[float], prior: list[float], mean: float) -> None:
    assert usual(background, prior)[0] == pytest.approx(mean)


def test_without_any_difference_nothing_is_divided_by_zero() -> None:
    assert usual([0.25, 0.25], [0.25]) == (0.25, 1.0)
