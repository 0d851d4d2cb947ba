"""Tables of reStructuredText: with and without headers, cells of several lines, and drawings that are no tables."""

from __future__ import annotations

import pytest

from modelyard.knowledge.documents.loaders.rst_tables import table
from modelyard.knowledge.types import BlockKind

GRID = """
+-----+-------+
| a   | b     |
+=====+=======+
| one | two   |
|     | lines |
+-----+-------+
"""
SIMPLE = """
=====  =====
a      b
=====  =====
one    two
       lines
-----  -----
three  four
=====  =====
"""


def lines(text: str) -> list[str]:
    return text.strip("\n").splitlines()


def rows(text: str) -> list[list[str]]:
    found = table(lines(text), 0)
    assert found is not None and found[0].kind is BlockKind.TABLE and found[1] == len(lines(text))
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in found[0].text.splitlines()]


def test_a_grid_with_a_header() -> None:
    assert rows(GRID) == [["a", "b"], ["---", "---"], ["one", "two<br>lines"]]


def test_a_grid_without_a_header_has_an_empty_one() -> None:
    found = rows(GRID.replace("=", "-"))
    assert found[0] == ["", ""] and found[2] == ["a", "b"]


def test_cells_over_several_columns_stay_as_they_are_drawn() -> None:
    drawn = GRID.replace("| a   | b     |", "| both        |")
    found = table(lines(drawn), 0)
    assert found is not None and found[0].kind is BlockKind.CODE and found[0].text.splitlines()[1] == "| both        |"


def test_a_simple_table() -> None:
    assert rows(SIMPLE) == [["a", "b"], ["---", "---"], ["one", "two<br>lines"], ["three", "four"]]


def test_a_simple_table_without_a_header() -> None:
    found = rows("==  ==\na   b\nc   d\n==  ==")
    assert found[0] == ["", ""] and found[2:] == [["a", "b"], ["c", "d"]]


def test_columns_of_wide_characters_are_told_by_their_gaps() -> None:
    found = rows("======  ====\n城市    人口\n======  ====\n杭州    一千\n  以上\n======  ====")
    assert found == [["城市", "人口"], ["---", "---"], ["杭州", "一千<br>以上"]]


@pytest.mark.parametrize(
    "text",
    ["+---+", "====  ====", "====  ====\n\n", "====  ====\na     b\n", "====  ====\na     b\n====  ====\nmore", "text"],
)
def test_what_only_begins_like_a_table_is_none(text: str) -> None:
    assert table(text.split("\n"), 0) is None
