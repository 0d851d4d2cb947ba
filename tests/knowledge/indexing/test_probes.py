"""Probes: which weight vectors get, and how sentences find their chunks."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest

from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.indexing.probes import (
    MOST_WEIGHT,
    PLACES,
    USUAL_WEIGHT,
    Probe,
    SampledChunk,
    ScriptProbe,
    found_by_vectors,
    found_by_words,
    known_items,
    probe_of,
    reading_test,
    weighed,
)
from modelyard.knowledge.indexing.scripts import Script, script_of
from modelyard.knowledge.indexing.words import query_terms, terms

TOPICS = ["otters", "beavers", "herons", "falcons", "badgers", "lizards", "salmon", "weasels", "magpies", "hamsters"]
CHUNKS = [
    f"The {name} eat number {at} daily. They sleep under the {name} tree. Every {name} likes rain."
    for at, name in enumerate(TOPICS)
]
AXES = np.eye(len(TOPICS), dtype=np.float32)


def hits(count: int, of: int) -> list[bool]:
    """So many sentences that found their chunk, of so many."""
    return [True] * count + [False] * (of - count)


@pytest.mark.parametrize(
    ("reads", "by_vectors", "by_words", "least", "most"),
    [
        (None, [], [], USUAL_WEIGHT, USUAL_WEIGHT),
        (1.0, [], [], MOST_WEIGHT, MOST_WEIGHT),
        (0.2, [], [], 0.0, 0.0),
        (0.0, [], [], 0.0, 0.0),
        (1.0, hits(40, 64), hits(10, 64), MOST_WEIGHT, MOST_WEIGHT),
        (0.0, hits(1, 64), hits(40, 64), 0.0, 0.0),
        (0.2, hits(10, 64), hits(20, 64), 0.0, 0.0),
        (None, hits(20, 64), hits(20, 64), 0.3, 0.6),
        (0.1, hits(40, 64), hits(20, 64), 1.0, MOST_WEIGHT),
        (1.0, hits(64, 64), hits(0, 64), MOST_WEIGHT, MOST_WEIGHT),
    ],
)
def test_weights(reads: float | None, by_vectors: list[bool], by_words: list[bool], least: float, most: float) -> None:
    assert least <= weighed(reads, by_vectors, by_words).weight <= most


def test_better_vectors_never_weigh_less() -> None:
    weights = [weighed(0.5, hits(found, 64), hits(20, 64)).weight for found in range(65)]
    assert weights == sorted(weights)


@pytest.mark.parametrize(
    ("chunks", "generation", "outdated"),
    [(100, 1, False), (199, 1, False), (200, 1, True), (51, 1, False), (50, 1, True), (100, 2, True), (0, 1, True)],
)
def test_a_probe_is_outdated_when_a_base_has_doubled_or_halved(chunks: int, generation: int, outdated: bool) -> None:
    assert Probe(model="m", generation=1, chunks=100).outdated(generation, chunks) is outdated


def test_a_probe_of_an_empty_base_is_outdated_by_two_chunks() -> None:
    assert [Probe(model="m").outdated(0, chunks) for chunks in (0, 1, 2)] == [False, False, True]


def test_scripts_that_were_not_measured_have_the_usual_weight() -> None:
    probe = Probe(model="m", scripts={Script.HAN: ScriptProbe(weight=0.1)})
    assert (probe.weight(Script.HAN), probe.weight(Script.KANA)) == (0.1, USUAL_WEIGHT)


def test_the_reading_test_shares_no_word_between_question_and_passage() -> None:
    counts = Counter(item.script for item in reading_test())
    assert set(counts) == {Script.LATIN, Script.HAN} and len(set(counts.values())) == 1
    for item in reading_test():
        assert script_of(item.question) is script_of(item.passage) is item.script
        shared = set(query_terms(item.question)) & set(terms(item.passage))
        assert len(shared) <= 1, (item.question, shared)


def test_known_items_are_the_same_each_time_and_leave_a_rest() -> None:
    sample = [SampledChunk(text, ()) for text in CHUNKS]
    items = known_items(sample)
    assert items == known_items(sample) and len(items) == len(CHUNKS)
    for item in items:
        text = sample[item.chunk].text
        assert item.sentence in text and item.sentence not in item.rest and item.rest


def test_short_chunks_give_no_sentence() -> None:
    assert known_items([SampledChunk(text, ()) for text in ("", "Yes.", "A chunk of only one sentence.")]) == []


def test_words_find_the_chunk_that_shares_them() -> None:
    sample = [SampledChunk(text, ()) for text in CHUNKS]
    assert all(found_by_words(sample, known_items(sample)))


def test_words_find_nothing_where_chunks_share_none() -> None:
    letters = "bcdfghjkmp"
    sample = [
        SampledChunk(f"O{each * 7} o{each * 8} o{each * 9}. A{each * 7} a{each * 8} a{each * 9}.", ())
        for each in letters
    ]
    assert len(known_items(sample)) == len(letters)
    assert not any(found_by_words(sample, known_items(sample)))


@pytest.mark.parametrize("near", [True, False])
def test_vectors_find_a_chunk_whose_rest_is_near(near: bool) -> None:
    sample = [SampledChunk(text, AXES[at].tolist()) for at, text in enumerate(CHUNKS)]
    items = known_items(sample)
    rests = AXES[[item.chunk for item in items]]
    everywhere = np.ones_like(AXES) - 2 * AXES  # a negative cosine with its own chunk, a positive one with all others
    sentences = rests if near else everywhere[[item.chunk for item in items]]
    assert len(sample) > PLACES
    assert found_by_vectors(sample, items, sentences, rests) == [near] * len(items)


def test_a_neighbour_that_repeats_the_sentence_does_not_count() -> None:
    repeated = [SampledChunk(CHUNKS[0] + f" Copy {at}.", AXES[0].tolist()) for at in range(PLACES + 2)]
    sample = [*repeated, SampledChunk(CHUNKS[1], AXES[1].tolist())]
    items = known_items(sample)[:1]
    assert found_by_words(sample, items) == [True]
    assert found_by_vectors(sample, items, AXES[:1], AXES[:1] * 0.5) == [True]


@pytest.mark.parametrize(
    ("probe", "model", "kept"),
    [(None, "m", False), ({}, "m", False), ("m", "m", True), ("m", "other", False), ("m", None, False)],
)
def test_a_probe_is_that_of_the_present_model(probe: object, model: str | None, kept: bool) -> None:
    found = Probe(model="m", generation=3, chunks=7)
    stored = msgspec.to_builtins(found) if probe == "m" else probe
    base = KnowledgeBase(name="b", embedding_model=model, probe=stored)
    assert probe_of(base) == (found if kept else None)
