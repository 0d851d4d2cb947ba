"""Translates OpenAI's filters of attributes to filters of documents. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modelyard.core.errors import InvalidParameter
from modelyard.knowledge.search.filters import ALL, ANY, check_size

COMPARISONS = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"})
GROUPS = {"and": ALL, "or": ANY}
DEEPEST = 20
"""Maximum depth of filters in filters."""


def where_of(given: Mapping[str, Any] | None, param: str = "filters") -> dict[str, Any]:
    """The filter of documents that OpenAI's filter means; empty for none. Raises `InvalidParameter`."""
    found = {} if given is None else _translated(given, param)
    check_size(found, param)
    return found


def _translated(given: Mapping[str, Any], param: str, depth: int = 1) -> dict[str, Any]:
    if depth > DEEPEST:
        raise InvalidParameter(param, f"filters are nested more than {DEEPEST} deep, the limit.")
    kind = given.get("type")
    if kind in GROUPS:
        parts = given.get("filters")
        if not isinstance(parts, list) or not all(isinstance(each, Mapping) for each in parts):
            raise InvalidParameter(f"{param}.filters", f"a filter '{kind}' has a list of filters.")
        return {GROUPS[kind]: [_translated(each, param, depth + 1) for each in parts]}
    if kind not in COMPARISONS:
        known = ", ".join([*sorted(COMPARISONS), *GROUPS])
        raise InvalidParameter(f"{param}.type", f"it must be one of {known}.")
    key, value = given.get("key"), given.get("value")
    if not isinstance(key, str):
        raise InvalidParameter(f"{param}.key", "it must be the name of an attribute.")
    if key in GROUPS.values():
        raise InvalidParameter(f"{param}.key", f"'{key}' is no name of an attribute; use a filter 'and' or 'or'.")
    if kind in ("in", "nin") and not isinstance(value, list):
        raise InvalidParameter(f"{param}.value", f"a filter '{kind}' has a list of values.")
    return {key: {str(kind): value}}
