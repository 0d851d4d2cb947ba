"""Cursors of lists: what `after` takes, which is the sort key of the last row of the page before."""

from __future__ import annotations

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import Query

from modelyard.core.errors import InvalidParameter

T = TypeVar("T")

After = Annotated[str | None, Query(max_length=1100, description="`next` of the page before.")]
Limit = Annotated[int, Query(ge=1, le=10_000)]
ShortLimit = Annotated[int, Query(ge=1, le=1000)]
LARGEST = 1 << 63


def page_of(rows: Sequence[T], limit: int, key: Callable[[T], str]) -> tuple[Sequence[T], dict[str, Any]]:
    """The first `limit` rows, of which one more was read, and the fields `has_more` and `next` of their page."""
    page = rows[:limit]
    more = len(rows) > limit
    return page, {"has_more": more, "next": key(page[-1]) if more else None}


def joined(first: float, second: int | str) -> str:
    """A cursor of a number and what decides between rows that have the same."""
    return f"{first!r}_{second}"


def numbers(after: str | None) -> tuple[int, int] | None:
    """A cursor of two whole numbers. Raises `InvalidParameter`."""
    if after is None:
        return None
    first, _, second = after.partition("_")
    if not all(each.isascii() and each.isdecimal() and int(each) < LARGEST for each in (first, second)):
        raise _refused()
    return int(first), int(second)


def time_and_id(after: str | None) -> tuple[float, str] | None:
    """A cursor of a Unix time and an id. Raises `InvalidParameter`."""
    if after is None:
        return None
    first, _, second = after.partition("_")
    try:
        at = float(first)
    except ValueError:
        raise _refused() from None
    if not math.isfinite(at) or not second.isalnum():
        raise _refused()
    return at, second


def encoded(texts: Sequence[str]) -> str:
    """A cursor of any texts."""
    return urlsafe_b64encode(msgspec.json.encode(texts)).decode().rstrip("=")


def texts_of(after: str | None, count: int) -> list[str] | None:
    """A cursor of so many texts. Raises `InvalidParameter`."""
    if after is None:
        return None
    try:
        found = msgspec.json.decode(urlsafe_b64decode(after + "=" * (-len(after) % 4)), type=list[str])
    except (ValueError, msgspec.DecodeError):
        raise _refused() from None
    if len(found) != count or any("\0" in each for each in found):
        raise _refused()
    return found


def whole_number(after: str | None) -> int:
    """A cursor of one whole number; 0 without a cursor. Raises `InvalidParameter`."""
    if after is None:
        return 0
    if not (after.isascii() and after.isdecimal() and int(after) < LARGEST):
        raise _refused()
    return int(after)


def _refused() -> InvalidParameter:
    return InvalidParameter("after", "it must be the `next` of a page of this list.")
