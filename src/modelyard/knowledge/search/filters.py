"""Search filters: conditions on the metadata of documents.

For example `{"year": 2024, "team": {"in": ["a", "b"]}, "document": {"prefix": "hr/"}}`. All conditions must hold.
The keys `$and` and `$or` have a list of filters, of which all or one must.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from modelyard.core.errors import InvalidParameter

Check = Callable[[Any, Any], bool]

ALL, ANY = "$and", "$or"
"""Keys whose values are lists of filters."""
MOST_VALUES = 1000
"""Maximum number of values that a filter compares each document with, and of groups."""

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
    check_size(where)
    return _matching(where)


def check_size(where: Mapping[str, Any], param: str = "filter") -> None:
    """Raise `InvalidParameter` for a filter that has too many values."""
    if _values(where) > MOST_VALUES:
        raise InvalidParameter(param, f"it has more than {MOST_VALUES:,} values, the limit.")


def _matching(where: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], bool]:
    rules: list[tuple[str, str, Any]] = []
    groups: list[tuple[Callable[[Iterable[bool]], bool], list[Callable[[Mapping[str, Any]], bool]]]] = []
    for key, condition in where.items():
        if key in (ALL, ANY):
            groups.append((all if key == ALL else any, [_matching(each) for each in _parts(key, condition)]))
        elif isinstance(condition, Mapping):
            for operator, value in condition.items():
                if operator not in CHECKS:
                    raise InvalidParameter("filter", f"'{operator}' is none of {', '.join(CHECKS)}.")
                rules.append((key, operator, value))
        else:
            rules.append((key, "in" if isinstance(condition, list) else "eq", condition))

    def matches(details: Mapping[str, Any]) -> bool:
        return all(_suits(details.get(key), operator, value) for key, operator, value in rules) and all(
            every(part(details) for part in parts) for every, parts in groups
        )

    return matches


def _parts(key: str, condition: Any) -> Sequence[Mapping[str, Any]]:
    """The filters of a group. Raises `InvalidParameter`."""
    if not isinstance(condition, list) or not all(isinstance(each, Mapping) for each in condition):
        raise InvalidParameter("filter", f"'{key}' has a list of filters.")
    return condition


def _values(condition: Any) -> int:
    """The number of values that a filter compares a document with. A group, and whatever is empty, is one more."""
    if isinstance(condition, Mapping):
        return sum(_values(each) + (key in (ALL, ANY)) for key, each in condition.items()) or 1
    return (sum(_values(each) for each in condition) or 1) if isinstance(condition, list) else 1


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
