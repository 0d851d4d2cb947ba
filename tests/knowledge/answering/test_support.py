"""Whether cited sources say what they are cited for."""

from __future__ import annotations

import pytest

from modelyard.knowledge.answering.support import CitedSoFar, Claim, claims, is_refusal, supports, unsupported
from tests.knowledge.answering.hits import hit

HITS = [
    hit(text, number=number, heading=heading)
    for number, (heading, text) in enumerate(
        [
            ("Leave", "Drivers receive 28 days of annual leave a year, of which ten must be taken in one stretch."),
            ("", "The ferry carries 1,250 passengers and costs 12.50 at weekends."),
            ("假期", "司机每年享有28天年假，其中十天必须连续休。"),
        ]
    )
]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Drivers have 28 days [1].", [Claim("Drivers have 28 days  .", [1])]),
        (
            "Drivers have 28 days. [1] The ferry is big. [2]",
            [Claim("Drivers have 28 days.", [1]), Claim("The ferry is big.", [2])],
        ),
        ("Both are so [1, 2].", [Claim("Both are so  .", [1, 2])]),
        ("司机有28天年假。【1】", [Claim("司机有28天年假。", [1])]),
        ("No mark here. None here.", []),
        ("Out of range [9].", []),
        ("[1] Begins with a mark [2].", [Claim("", [1]), Claim("Begins with a mark  .", [2])]),
    ],
)
def test_claims(answer: str, expected: list[Claim]) -> None:
    assert list(claims(answer, 3)) == expected


@pytest.mark.parametrize(
    ("source", "sentence", "question", "supported"),
    [
        (1, "Drivers receive 28 days of leave.", "", True),
        (1, "Drivers receive 30 days of leave.", "", False),
        (1, "In 2024 drivers receive 28 days of leave.", "How was it in 2024?", True),
        (1, "The moon circles the earth every month.", "", False),
        (1, "Yes.", "", True),
        (1, "Annual leave of drivers: ten days in one stretch.", "", True),
        (2, "It carries 1250 passengers.", "", True),
        (2, "A ticket costs 12.5 at weekends.", "", True),
        (2, "A ticket costs 12.05 at weekends.", "", False),
        (3, "司机有28天年假。", "", True),
        (3, "司机有26天年假。", "", False),
        (3, "轮船每天早上六点开往海岛码头。", "", False),
        (3, "Drivers have 28 days of annual leave.", "", True),
        (3, "Drivers have 26 days of annual leave.", "", False),
    ],
)
def test_what_a_source_supports(source: int, sentence: str, question: str, supported: bool) -> None:
    assert supports(HITS[source - 1], sentence, question) is supported


def test_a_source_that_supports_one_of_its_sentences_stays() -> None:
    answer = "Drivers receive 28 days of leave [1]. The ferry carries 900 passengers [2]. The sky is blue and wide [1]."
    assert unsupported(answer, "", HITS) == [2]


@pytest.mark.parametrize(
    ("answer", "refuses"),
    [
        ("I did not find it in the sources.", True),
        ("The sources do not mention a parking fee.", True),
        ("The documents don’t contain this.", True),
        ("There is no information about this.", True),
        ("The fee could not be found.", True),
        ("资料中没有找到相关内容。", True),
        ("来源未提及停车费。", True),
        ("根据资料无法确定。", True),
        ("Drivers have 28 days [1]; bakers are not mentioned.", False),
        ("Drivers have 28 days of leave.", False),
        ("司机每年有28天年假。", False),
        ("Staff may not carry over more than five days.", False),
        ("Nothing was found in the till. " * 20, False),
    ],
)
def test_an_answer_that_says_that_the_sources_lack_it_is_recognised(answer: str, refuses: bool) -> None:
    assert is_refusal(answer) is refuses


def test_sources_are_found_while_an_answer_is_written() -> None:
    hits = [hit("The pump delivers 12 litres per minute."), hit("Employees have fifteen days of leave each year.")]
    found = CitedSoFar("How much?", hits)
    pieces = [
        "The pump delivers 12 litres per minute [",
        "1",
        "]. It delivers 99 litres per minute [1]. ",
        "Employees have ",
    ]
    assert [found.add(piece) for piece in pieces] == [[], [], [1], []]
    assert found.add("fifteen days of leave.[2][1] The pump delivers 77 litres 【2】 [7]") == [2]


def test_a_source_without_support_is_not_cited_while_an_answer_is_written() -> None:
    found = CitedSoFar("How much?", [hit("The pump delivers 12 litres per minute.")])
    assert found.add("The pump delivers 77 litres per minute [1].") == []
    assert found.add(" The pump delivers 12 litres per minute [1].") == [1]
