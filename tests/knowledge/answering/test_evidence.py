"""Evidence: which hits are about a question, by their scores and by the codes that the question names."""

from __future__ import annotations

import msgspec
import pytest

from modelyard.knowledge.answering.evidence import BESIDE, BY_BOTH, BY_ONE, RANKED, evidence, lacks_code
from modelyard.knowledge.search.search import Mode
from modelyard.protocol.hits import Hit, Scores
from tests.knowledge.answering.hits import hit


def found(scores: list[float], *, similarity: float | None = None, rerank: bool = False) -> list[Hit]:
    """Hits with these scores."""
    return [
        msgspec.structs.replace(
            hit(score=score, number=at), scores=Scores(similarity=similarity, rerank=score if rerank else None)
        )
        for at, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("mode", "similarity", "scores", "kept"),
    [
        (Mode.LEXICAL, None, [BY_ONE, BESIDE, BESIDE / 2], 2),
        (Mode.LEXICAL, None, [BY_ONE - 0.01, BESIDE], 0),
        (Mode.HYBRID, None, [BY_ONE], 1),
        (Mode.HYBRID, 0.5, [BY_BOTH, BESIDE], 2),
        (Mode.HYBRID, 0.5, [BY_BOTH - 0.01], 0),
        (Mode.VECTOR, 0.5, [BY_ONE], 1),
        (Mode.VECTOR, 0.5, [BY_ONE - 0.01], 0),
        (Mode.HYBRID, None, [], 0),
    ],
)
def test_the_best_hit_decides_and_others_need_less(
    mode: Mode, similarity: float | None, scores: list[float], kept: int
) -> None:
    assert [each.score for each in evidence(found(scores, similarity=similarity), "?", mode)] == scores[:kept]


@pytest.mark.parametrize(("scores", "kept"), [([0.9, RANKED, RANKED - 0.01], 2), ([RANKED - 0.01], 0)])
def test_each_hit_of_a_rerank_model_needs_its_own_score(scores: list[float], kept: int) -> None:
    assert [each.score for each in evidence(found(scores, rerank=True), "?")] == scores[:kept]


@pytest.mark.parametrize(
    ("question", "texts", "lacks"),
    [
        ("What does error E27 mean?", ["E26: no water. E28: too hot."], True),
        ("What does error E27 mean?", ["E26: no water.", "e-27: the lid is open."], False),
        ("What does error E27 mean?", ["Errors are shown on the display."], False),
        ("What does error E27 mean?", ["E20–E29: call the service."], False),
        ("What does error E27 mean?", ["E30 to E39: call the service."], True),
        ("E33 是什么故障", ["故障E30：缺水。", "故障E31：过热。"], True),
        ("E33 是什么故障", ["故障Ｅ３３：缺水。"], False),
        ("MX-2204 impeller", ["Impeller for MX-2140"], True),
        ("MX2204 impeller", ["Impeller for MX 2204 and MX-2140"], False),
        ("part AB-12-345", ["AB-12-346 and AB-12345"], False),
        ("E27 or E30?", ["E30: call the service."], False),
        ("Does it run on v12?", ["It runs on v11."], False),
        ("Who works in week 40?", ["In week 39, Ada."], False),
        ("invoice 20931", ["invoice 20932"], False),
        ("E27?", [], False),
    ],
)
def test_a_code_whose_series_is_there_must_be_there_too(question: str, texts: list[str], lacks: bool) -> None:
    hits = [hit(text, 0.9, number=at) for at, text in enumerate(texts)]
    assert lacks_code(question, hits) is lacks
    assert evidence(hits, question) == ([] if lacks else hits)


def test_a_code_in_the_name_or_the_headings_is_there() -> None:
    sibling = hit("Unlike the MX-2140, it floats.", 0.9)
    assert lacks_code("MX-2204", [sibling])
    assert not lacks_code("MX-2204", [msgspec.structs.replace(sibling, document="MX-2204.pdf")])
    assert not lacks_code("MX-2204", [msgspec.structs.replace(sibling, heading="Pumps > MX-2204")])
