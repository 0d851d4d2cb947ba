"""Search filters: conditions on the metadata of documents.

For example `{"year": 2024, "team": {"in": ["a", "b"]}, "document": {"prefix": "hr/"}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from modelyard.core.errors import InvalidParameter

Check = Callable[[Any, Any], bool]

MOST_VALUES = 1000
"""Maximum number of values that a filter compares each document with."""

CHECKS: Mapping[str, Check] = {
    "eq": lambda have, want: bool(have == want),
    "ne": lambda have, want: bool(have != want),
    "in": lambda have, want: have in want if isinstance(want, list) else False,
    "nin": lambda have, want: have not in want if isinstance(want, list) else False,
    "gt": lambda have, want: _in_order(have, want, lambda a, b: a > b),
    "gte": lambda have, want: _in_order(have, want, lambda a, b: a >= b),
    "lt": lambda have, want: _in_order(have, want, lambda a, b: a < b),
    "lte": lambda have, want: _in_order(have, want, lambda a, b: a <= b),
    "contains": lambda have, want: isinstance(have, (str, list)) and isinstance(want, str) and want in have,
    "prefix": lambda have, want: isinstance(have, str) and isinstance(want, str) and have.startswith(want),
}
"""Operator → whether a document's value satisfies the filter's value. Of a list, one matching item suffices."""


def matching(where: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    """A test of a document's metadata, which include its name as `document`. Raises `InvalidParameter` for an invalid filter."""
    rules: list[tuple[str, str, Any]] = []
    for key, condition in where.items():
        if isinstance(condition, Mapping):
            for operator, value in condition.items():
                if operator not in CHECKS:
                    raise InvalidParameter("filter", f"'{operator}' is none of {', '.join(CHECKS)}.")
                rules.append((key, operator, value))
        else:
            rules.append((key, "in" if isinstance(condition, list) else "eq", condition))

    if sum(len(value) if isinstance(value, list) else 1 for _, _, value in rules) > MOST_VALUES:
        raise InvalidParameter("filter", f"it has more than {MOST_VALUES:,} values, the limit.")

    def matches(details: Mapping[str, Any]) -> bool:
        return all(_suits(details.get(key), operator, value) for key, operator, value in rules)

    return matches


def _suits(have: Any, operator: str, value: Any) -> bool:
    check = CHECKS[operator]
    if isinstance(have, list) and operator not in ("contains", "ne", "nin"):
        return any(check(each, value) for each in have)
    return check(have, value)


def _in_order(have: Any, want: Any, order: Callable[[Any, Any], bool]) -> bool:
    both_numbers = isinstance(have, (int, float)) and isinstance(want, (int, float))
    if both_numbers or (isinstance(have, str) and isinstance(want, str)):
        return order(have, want)
    return False
