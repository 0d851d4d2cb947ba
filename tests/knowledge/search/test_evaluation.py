"""Judged questions, what hits fit them, and how settings are compared."""

from __future__ import annotations

import json
import random
from itertools import product
from typing import Any

import ir_measures
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ir_measures import RR, R, Success, nDCG

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.search import evaluation
from modelyard.knowledge.search.judgments import JudgedQuestion, Judgment, grade_of, parse_line, ranking, read


def hit(chunk: int, document: str = "a.md", text: str = "", page: int | None = None) -> dict[str, Any]:
    return {"chunk_id": chunk, "document": document, "text": text, "page": page}


def question(*relevant: Any) -> JudgedQuestion:
    return parse_line(json.dumps({"question": "?", "relevant": list(relevant)}), "1")


@pytest.mark.parametrize(
    ("relevant", "fits", "does_not"),
    [
        (7, hit(7), hit(8)),
        ("a.md", hit(1, "a.md"), hit(1, "b/a.md")),
        ({"document": "a.pdf", "page": 3}, hit(1, "a.pdf", page=3), hit(1, "a.pdf", page=4)),
        ({"text": "Annual  leave"}, hit(1, text="the annual\nLEAVE is"), hit(1, text="annual sleeve")),
        ({"text": "十五天年假"}, hit(1, text="员工有十五天\n年假。"), hit(1, text="十五天假")),
        ({"document": "a.md", "text": "MX-2140"}, hit(1, text="ＭＸ-2140"), hit(1, "b.md", "MX-2140")),
    ],
)
def test_a_hit_fits_a_judgment_if_every_field_agrees(
    relevant: Any, fits: dict[str, Any], does_not: dict[str, Any]
) -> None:
    assert grade_of(question(relevant), fits) == 1
    assert grade_of(question(relevant), does_not) == 0


def test_grades_stand_in_an_object_too_and_0_is_not_relevant() -> None:
    line = json.dumps({"id": 5, "question": "?", "relevant": {"a.md": 2, "b.md": 0}})
    assert parse_line(line, "1") == JudgedQuestion("5", "?", (Judgment(2, document="a.md"),))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "no JSON"),
        ("[]", "JSON object"),
        ('{"relevant": []}', "'question': it is missing"),
        ('{"question": " ", "relevant": []}', "'question': it is missing"),
        ('{"question": "?"}', "'relevant': it is missing"),
        ('{"question": "?", "relevant": "a.md"}', "must be a list"),
        ('{"question": "?", "relevant": [true]}', "a document's name"),
        ('{"question": "?", "relevant": [{"page": 3}]}', "name a 'document'"),
        ('{"question": "?", "relevant": [{"doc": "a"}]}', "'doc' is none of"),
        ('{"question": "?", "relevant": [0]}', "relevant.chunk_id"),
        ('{"question": "?", "relevant": {"a.md": -1}}', "relevant.grade"),
        ('{"question": "?", "relevant": {"a.md": 1.5}}', "relevant.grade"),
        ('{"question": "?", "relevant": [{"document": 5}]}', "relevant.document"),
        ('{"question": "?", "relevant": [], "id": []}', "'id'"),
        ("[" * 100_000, "no JSON"),
    ],
)
def test_a_wrong_line_is_refused_with_its_reason(line: str, why: str) -> None:
    with pytest.raises(InvalidParameter, match=why):
        parse_line(line, "1")


def test_wrong_lines_are_named_by_number() -> None:
    good = '{"question": "?", "relevant": []}'
    found, wrong = read([good, "", "nonsense", '{"id": "1", "question": "?", "relevant": []}'])
    assert [each.id for each in found] == ["1"]
    assert list(wrong) == [3, 4] and "'1' is the id of another question" in wrong[4]


def test_a_second_hit_of_a_document_takes_a_place_and_gains_nothing() -> None:
    judged_question = question("a.md", "b.md")
    hits = [hit(1, "a.md"), hit(2, "a.md"), hit(3, "b.md")]
    assert ranking(judged_question, hits) == ["relevant 0", "other 1", "relevant 1"]
    assert evaluation.search_measures(judged_question, hits, 3)["recall"] == 1
    assert evaluation.search_measures(judged_question, hits[:2], 3)["recall"] == 0.5


def test_a_hit_that_holds_two_answers_finds_both_and_is_the_best_there_is() -> None:
    judged_question = question({"text": "one"}, {"text": "two", "grade": 3})
    got = evaluation.search_measures(judged_question, [hit(1, text="one and two")], 1)
    assert got == {"recall": 1, "hit_rate": 1, "mrr": 1, "ndcg": 1}


def test_questions_that_nothing_answers_are_measured_by_silence() -> None:
    judged_question = question()
    assert evaluation.search_measures(judged_question, [], 5) == {"nothing_found": 1}
    assert evaluation.search_measures(judged_question, [hit(1)], 5) == {"nothing_found": 0}
    answer = {"evidence": True, "citations": []}
    assert evaluation.answer_measures(judged_question, answer) == {"no_evidence": 0, "nothing_cited": 1}


def test_citations_are_measured_by_what_is_relevant() -> None:
    judged_question = question("a.md", "b.md")
    answer = {"evidence": True, "citations": [hit(1, "a.md"), hit(2, "a.md"), hit(3, "c.md")]}
    assert evaluation.answer_measures(judged_question, answer) == {
        "answered": 1,
        "citation_precision": pytest.approx(2 / 3),
        "citation_recall": 0.5,
    }
    assert evaluation.answer_measures(judged_question, {"evidence": False, "citations": []}) == {
        "answered": 0,
        "citation_recall": 0,
    }


@given(data=st.data())
def test_ir_measures_says_the_same_of_hits(data: st.DataObject) -> None:
    """Where each hit is a document of its own, a search's hits are a run as trec_eval knows it."""
    names = [f"d{number}" for number in range(12)]
    found = data.draw(st.permutations(names).map(lambda order: order[: data.draw(st.integers(0, 12))]))
    marks = data.draw(st.dictionaries(st.sampled_from(names), st.integers(1, 4), min_size=1, max_size=6))
    k = max(len(found), 1)
    judged_question = parse_line(json.dumps({"question": "?", "relevant": marks}), "q")
    ours = evaluation.search_measures(judged_question, [hit(place, name) for place, name in enumerate(found)], k)
    run = {"q": {name: -float(place) for place, name in enumerate(found)}}
    pairs = {R @ k: "recall", Success @ k: "hit_rate", RR: "mrr", nDCG @ k: "ndcg"}
    theirs = {each.measure: each.value for each in ir_measures.iter_calc(list(pairs), {"q": marks}, run)}
    assert {name: theirs[measure] for measure, name in pairs.items()} == pytest.approx(ours, abs=1e-9)


def test_means_are_over_the_questions_that_have_a_measure() -> None:
    rows = [{"recall": 1.0}, {"nothing_found": 1.0}, {"recall": 0.0}]
    assert evaluation.means(rows) == {"recall": 0.5, "nothing_found": 1.0}


def test_few_questions_are_compared_exactly() -> None:
    values = [0.5, 0.25, -0.25, 1.0, 0.0, 0.5, 0.75]
    kept = [value for value in values if value]
    sums = [sum(sign * value for sign, value in zip(signs, kept, strict=True)) for signs in product((1, -1), repeat=6)]
    expected = sum(abs(each) >= abs(sum(kept)) for each in sums) / len(sums)
    result = evaluation.difference(values)
    assert result.p == expected
    assert (result.better, result.worse, result.equal) == (5, 1, 1)
    assert result.mean == pytest.approx(sum(values) / 7) and result.low < result.mean < result.high


def test_many_questions_are_compared_by_sampling_nearly_as_well() -> None:
    """Drawn signs say nearly what all 2^16 say."""
    draw = random.Random(5)
    values = [draw.gauss(0.3, 1) for _ in range(16)]
    total = abs(sum(values))
    beyond = sum(
        abs(sum(v if (bits >> n) & 1 else -v for n, v in enumerate(values))) >= total for bits in range(1 << 16)
    )
    result = evaluation.difference(values)
    assert result.p == pytest.approx(beyond / (1 << 16), abs=0.02)
    assert evaluation.difference(values) == result


def test_equal_settings_have_no_significant_difference() -> None:
    result = evaluation.difference([0.0, 0.1 + 0.2 - 0.3, 0.0])
    assert result == evaluation.Difference(0, 0, 0, 1, 0, 0, 3)
    assert evaluation.differences([{"recall": 1.0}], [{"nothing_found": 1.0}]) == {}
