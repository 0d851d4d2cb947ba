"""Phrases and excluded words of a query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.knowledge.search.syntax import codes, fold, is_identifier, parse


@pytest.mark.parametrize(
    ("query", "text", "phrases", "excluded"),
    [
        ("annual leave", "annual leave", [], []),
        ('"annual leave" of drivers', "annual leave of drivers", ["annual leave"], []),
        ("“年假” 司机", "年假 司机", ["年假"], []),
        ("「年假」司机", "年假 司机", ["年假"], []),
        ("leave -drivers", "leave", [], ["drivers"]),
        ("假期 -司机", "假期", [], ["司机"]),
        ("e-mail", "e-mail", [], []),
        ("what does -v do", "what does -v do", [], []),
        ("what does --force do", "what does --force do", [], []),
        ("below -5 degrees", "below -5 degrees", [], []),
        ("a - b", "a - b", [], []),
        ("-drivers", "-drivers", [], []),
        ('""', '""', [], []),
        ('" "', '" "', [], []),
        ('5" pipe', '5" pipe', [], []),
        ('"MX-2140" -"not this"', "MX-2140 - not this", ["MX-2140", "not this"], []),
    ],
)
def test_what_a_query_means(query: str, text: str, phrases: list[str], excluded: list[str]) -> None:
    parsed = parse(query)
    assert (parsed.text, list(parsed.phrases), list(parsed.excluded)) == (text, phrases, excluded)
    assert len(parsed.notes) == len(phrases) + len(excluded)


@pytest.mark.parametrize(
    ("query", "text", "admitted"),
    [
        ('"annual leave"', "The Annual  Leave\nof drivers", True),
        ('"annual leave"', "annual paid leave", False),
        ('"cat"', "the category", False),
        ('"MX-2140"', "part MX-2140B", False),
        ('"MX-2140"', "part MX-2140, new", True),
        ('"C++"', "written in C++20", True),
        ('"營業時間"', "本店营业时间", True),
        ('"resume"', "my résumé", True),
        ("leave -drivers", "the leave of a driver", False),
        ("leave -drivers", "the leave of bakers", True),
        ("假期 -司机", "司机的假期", False),
        ("假期 -司機", "司机的假期", False),
        ("假期 -司机", "面包师的假期", True),
        ("plain words", "anything", True),
    ],
)
def test_which_texts_are_admitted(query: str, text: str, admitted: bool) -> None:
    assert parse(query).admits(text) is admitted


@pytest.mark.parametrize(
    ("query", "identifier"),
    [
        ("B72", True),
        ("OR-0431", True),
        ("MX-2140 E03", True),
        ("4027", True),
        ("v1.2.3", True),
        ("GB/T", True),
        ("API", True),
        ("error 4027", False),
        ("What is 4027?", False),
        ("价格", False),
        ("A dog", False),
        ("", False),
        ("- / .", False),
    ],
)
def test_identifiers(query: str, identifier: bool) -> None:
    assert is_identifier(query) is identifier


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("MX-2104", "The MX-2104 is a pump", True),
        ("mx2104", "用 MX‑2104 泵", True),
        ("MX-2104", "MX 2104, MX-2140, MX-2104S, AMX-2104, MX-21045", False),
        ("B72", "百分之十五的B72粘接", True),
        ("B72", "Paraloid B-72", True),
        ("B72", "rack B3 at 72", False),
        ("77-0631", "the seal 77-0631", True),
        ("77-0631", "770631", False),
        ("MX-2104 E13", "E13 of the MX-2104", True),
        ("MX-2104 E13", "E13 of the MX-2140", False),
        ("MX-2104", "The pumps > MX-2104", True),
    ],
)
def test_codes_are_found_whole(query: str, text: str, found: bool) -> None:
    assert all(code.search(fold(text)) for code in codes(query)) is found


@pytest.mark.parametrize("query", ["", "API", "C++", "the MX-2104", "/v1", "GB/T"])
def test_other_queries_have_no_codes(query: str) -> None:
    assert codes(query) == []


@given(st.text(alphabet='ab" -“”「」年', max_size=40))
def test_any_query_has_something_to_search_for(query: str) -> None:
    parsed = parse(query)
    assert parsed.text.strip() or not query.strip()
    assert not parsed.filters or parsed.text != query
