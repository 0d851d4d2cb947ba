"""Which sources an answer cites or is taken from, and answers made of sources alone."""

from __future__ import annotations

import pytest

from modelyard.knowledge.answering.citations import (
    LONGEST,
    cited_numbers,
    extract,
    likely_source,
    sentences,
    share,
)
from tests.knowledge.answering.hits import hit


@pytest.mark.parametrize(
    ("answer", "sources", "numbers"),
    [
        ("So [1].", 3, [1]),
        ("So [3] and [1], again [3].", 3, [3, 1]),
        ("So [1, 2，3、2].", 3, [1, 2, 3]),
        ("So【2】.", 3, [2]),
        ("So [0] and [4].", 3, []),
        ("So [4] and [3].", 3, [3]),
        ("So [1234] or [a] or (1).", 3, []),
        ("", 3, []),
    ],
)
def test_citations_are_read_once_in_their_order(answer: str, sources: int, numbers: list[int]) -> None:
    assert cited_numbers(answer, sources) == numbers


@pytest.mark.parametrize(
    ("answer", "source"),
    [
        ("The ferry leaves at nine.", 2),
        ("Drivers receive annual leave.", 1),
        ("The moon circles the earth.", None),
        ("", None),
    ],
)
def test_an_answer_without_marks_has_the_source_that_shares_most_words(answer: str, source: int | None) -> None:
    hits = [hit("Drivers receive 28 days of annual leave."), hit("The ferry leaves at nine and at noon.")]
    assert likely_source(answer, hits) == source


def test_a_source_shares_three_of_ten_words_at_least() -> None:
    words = "alpha bravo charlie delta echo foxtrot golf hotel india juliet"
    assert likely_source(words, [hit("alpha bravo")]) is None
    assert likely_source(words, [hit("alpha bravo charlie")]) == 1
    assert share({"a", "b"}, "") == 0.0 == share(set(), "a")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("3.5 litres. More", ["3.5 litres.", "More"]),
        ("他说：“好。”然后走了。再见", ["他说：“好。”", "然后走了。", "再见"]),
        ("a\nb\n\nc", ["a", "b", "c"]),
        ('"Really?!" he said.', ['"Really?!"', "he said."]),
        ("", []),
        (" . ", ["."]),
    ],
)
def test_sentences_end_in_any_language(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_an_answer_without_a_model_is_the_sentences_that_share_most_words() -> None:
    hits = [
        hit("The sky is blue. Drivers receive 28 days of annual leave. Grass is green.", 0.9),
        hit("The ferry leaves at nine. Annual leave of drivers is 28 days.", 0.4),
    ]
    text, used = extract("How many days of annual leave do drivers receive?", hits)
    assert text == (
        "Drivers receive 28 days of annual leave. [1] Grass is green. [1] Annual leave of drivers is 28 days. [2]"
        if "Grass" in text
        else "The sky is blue. [1] Drivers receive 28 days of annual leave. [1] Annual leave of drivers is 28 days. [2]"
    )
    assert used == [1, 2]


def test_a_good_source_precedes_a_poor_one_and_long_sentences_are_cut() -> None:
    text, used = extract("nothing shared", [hit("a " * LONGEST, 0.1), hit("One. Two. Three. Four.", 0.9)])
    assert (text, used) == ("One. [2] Three. [2] Two. [2]", [2]) or (text, used) == (
        "One. [2] Two. [2] Three. [2]",
        [2],
    )
    text, used = extract("x", [hit("y" * (LONGEST + 1))])
    assert text == "y" * LONGEST + " [1]" and used == [1]
    assert extract("x", []) == ("", [])
