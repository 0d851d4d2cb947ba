"""Values of long lists, a statement's worth at a time."""

from __future__ import annotations

import pytest

from modelyard.db.statements import MOST_VALUES, batched


@pytest.mark.parametrize(
    ("count", "size", "sizes"),
    [(0, 3, []), (2, 3, [2]), (3, 3, [3]), (7, 3, [3, 3, 1]), (2001, MOST_VALUES, [1000, 1000, 1])],
)
def test_values_come_in_their_order_and_none_is_left_out(count: int, size: int, sizes: list[int]) -> None:
    batches = list(batched(range(count), size))
    assert [len(each) for each in batches] == sizes
    assert [value for each in batches for value in each] == list(range(count))
