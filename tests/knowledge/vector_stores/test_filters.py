"""Filters of attributes in OpenAI's form: what each means, and what is no filter."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.vector_stores.filters import where_of


def compare(kind: str, key: Any = "year", value: Any = 1) -> dict[str, Any]:
    return {"type": kind, "key": key, "value": value}


def nested(depth: int) -> dict[str, Any]:
    found = compare("eq")
    for _ in range(depth - 1):
        found = {"type": "and", "filters": [found]}
    return found


@pytest.mark.parametrize("kind", ["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"])
def test_a_comparison_is_a_condition_of_its_attribute(kind: str) -> None:
    assert where_of(compare(kind, value=[1, 2])) == {"year": {kind: [1, 2]}}


def test_groups_hold_filters_and_none_is_no_filter() -> None:
    inner = {"type": "or", "filters": [compare("eq", "b"), compare("lt", "c", "x")]}
    found = where_of({"type": "and", "filters": [compare("gt", "a", 0), inner]})
    assert found == {"$and": [{"a": {"gt": 0}}, {"$or": [{"b": {"eq": 1}}, {"c": {"lt": "x"}}]}]}
    assert where_of({"type": "or", "filters": []}) == {"$or": []}
    assert where_of(None) == {}


@pytest.mark.parametrize(
    ("given", "param"),
    [
        ({}, "where.type"),
        (compare("like"), "where.type"),
        ({"type": None}, "where.type"),
        ({"type": "and"}, "where.filters"),
        ({"type": "or", "filters": {}}, "where.filters"),
        ({"type": "or", "filters": [compare("eq"), 1]}, "where.filters"),
        (compare("eq", key=None), "where.key"),
        (compare("eq", key="$and"), "where.key"),
        (compare("ne", key="$or"), "where.key"),
        (compare("in"), "where.value"),
        (compare("nin", value="ab"), "where.value"),
        ({"type": "and", "filters": [{"type": "or", "filters": [compare("in")]}]}, "where.value"),
        (nested(21), "where"),
        (compare("in", value=list(range(1001))), "where"),
    ],
)
def test_what_is_no_filter_is_refused_with_its_place(given: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        where_of(given, "where")
    assert error.value.param == param


def test_the_largest_filters() -> None:
    assert where_of(nested(20)) and where_of(compare("in", value=list(range(1000))))
    assert where_of(compare("eq", key="and")) == {"and": {"eq": 1}}, "a word of a filter may be an attribute"
    with pytest.raises(InvalidParameter) as error:
        where_of({})
    assert error.value.param == "filters.type" and "eq, gt, gte, in, lt, lte, ne, nin, and, or" in error.value.message
