"""Renders tables as Markdown: a header row, its delimiter row, and one line per row."""

from __future__ import annotations

from collections.abc import Sequence

WIDEST_PADDED = 64
"""Columns up to which short rows are padded; wider tables keep them short."""


def escaped(cell: str) -> str:
    """A cell's text with line breaks and column separators escaped."""
    lines = [stripped for each in cell.split("\n") if (stripped := each.strip())]
    return "<br>".join(lines).replace("|", "\\|")


def line(cells: Sequence[str]) -> str:
    """One row."""
    whole = f"| {' | '.join(cells)} |"
    if "\n" in whole or whole.count("|") != len(cells) + 1:
        whole = f"| {' | '.join(map(escaped, cells))} |"
    return whole


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """The table with its first row as header; empty without rows. The header is as wide as the widest row."""
    if not rows:
        return ""
    width = max(map(len, rows))
    padded = width if width <= WIDEST_PADDED else 0
    header = line([*rows[0], *[""] * (width - len(rows[0]))])
    body = (line(row if len(row) >= padded else [*row, *[""] * (padded - len(row))]) for row in rows[1:])
    return "\n".join([header, "|" + " --- |" * width, *body])
