"""Conditions on the metadata of documents."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.search.filters import CHECKS, MOST_VALUES, matching

DETAILS = {
    "year": 2024,
    "price": 1.5,
    "team": "hr",
    "tags": ["a", "b"],
    "done": True,
    "none": None,
    "document": "hr/x.md",
}


@pytest.mark.parametrize(
    ("where", "matches"),
    [
        ({}, True),
        ({"year": 2024}, True),
        ({"year": 2023}, False),
        ({"year": "2024"}, False),
        ({"missing": None}, True),
        ({"missing": 1}, False),
        ({"team": ["it", "hr"]}, True),
        ({"team": ["it"]}, False),
        ({"team": "hr", "year": 2023}, False),
        ({"tags": "a"}, True),
        ({"tags": "c"}, False),
        ({"tags": ["c", "b"]}, True),
        ({"year": {"eq": 2024}}, True),
        ({"$or": [{"year": 2023}, {"team": "hr"}]}, True),
        ({"$or": [{"year": 2023}, {"team": "it"}]}, False),
        ({"$or": []}, False),
        ({"$and": []}, True),
        ({"$and": [{"year": {"gte": 2024}}, {"year": {"lt": 2024}}]}, False),
        ({"$and": [{"year": 2024}, {"$or": [{"team": "it"}, {"done": True}]}], "price": 1.5}, True),
        ({"$or": [{"year": 2024}], "price": 2}, False),
        ({"year": {"ne": 2024}}, False),
        ({"year": {"ne": 2023}}, True),
        ({"tags": {"ne": "a"}}, True),
        ({"tags": {"ne": ["a", "b"]}}, False),
        ({"team": {"in": ["hr"]}}, True),
        ({"team": {"in": "hr"}}, False),
        ({"team": {"nin": ["hr"]}}, False),
        ({"team": {"nin": ["it"]}}, True),
        ({"team": {"nin": "it"}}, False),
        ({"missing": {"nin": ["it"]}}, True),
        ({"year": {"gt": 2023}}, True),
        ({"year": {"gt": 2024}}, False),
        ({"year": {"gte": 2024}}, True),
        ({"year": {"gte": 2025}}, False),
        ({"year": {"lt": 2025}}, True),
        ({"year": {"lt": 2024}}, False),
        ({"year": {"lte": 2024}}, True),
        ({"year": {"lte": 2023}}, False),
        ({"year": {"gt": 2023, "lt": 2024}}, False),
        ({"year": {"gt": 2023, "lt": 2025}}, True),
        ({"price": {"gt": 1}}, True),
        ({"team": {"gt": "a"}}, True),
        ({"team": {"lt": "a"}}, False),
        ({"team": {"gt": 1}}, False),
        ({"year": {"gt": "2"}}, False),
        ({"missing": {"lt": 5}}, False),
        ({"none": {"lte": 5}}, False),
        ({"tags": {"gt": "a"}}, True),
        ({"tags": {"gt": "b"}}, False),
        ({"team": {"contains": "h"}}, True),
        ({"team": {"contains": "x"}}, False),
        ({"tags": {"contains": "a"}}, True),
        ({"tags": {"contains": "c"}}, False),
        ({"year": {"contains": "2"}}, False),
        ({"team": {"contains": 1}}, False),
        ({"document": {"prefix": "hr/"}}, True),
        ({"document": {"prefix": "it/"}}, False),
        ({"year": {"prefix": "2"}}, False),
        ({"team": {"prefix": 1}}, False),
        ({"tags": {"prefix": "b"}}, True),
        ({"team": {}}, True),
    ],
)
def test_a_filter_matches_metadata(where: dict[str, Any], matches: bool) -> None:
    assert matching(where)(DETAILS) is matches


def test_an_unknown_operator_names_the_known_ones() -> None:
    with pytest.raises(InvalidParameter, match=f"'like' is none of {', '.join(CHECKS)}") as caught:
        matching({"a": {"like": "x"}})
    assert caught.value.param == "filter"


@pytest.mark.parametrize("count", [MOST_VALUES, MOST_VALUES + 1])
@pytest.mark.parametrize("spread", [True, False])
def test_a_filter_has_a_thousand_values_at_most(count: int, spread: bool) -> None:
    where: dict[str, Any] = (
        {str(number): number for number in range(count)} if spread else {"a": {"nin": list(range(count - 1)), "ne": 1}}
    )
    if count == MOST_VALUES:
        assert matching(where)({str(number): number for number in range(count)}) is True
    else:
        with pytest.raises(InvalidParameter, match="more than 1,000 values"):
            matching(where)


@pytest.mark.parametrize("part", [{"$and": []}, {"$or": [{}]}, {}, {"a": {}}, {"a": []}])
def test_what_is_empty_counts_as_a_value(part: dict[str, Any]) -> None:
    assert matching({"$or": [part] * 400})(DETAILS) in (True, False)
    with pytest.raises(InvalidParameter, match="more than 1,000 values"):
        matching({"$and": [part] * 1000})
