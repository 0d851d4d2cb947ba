"""What stands between the cells of a table that is text: found out, because the extension does not say."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

SAMPLE = 64 << 10
"""Characters from which it is found out."""
DELIMITERS = ",;\t|"
DECLARED = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
"""What Excel writes into the first line."""
PART = re.compile(r"\d,\d|[,;|] ")
"""A decimal comma, and what punctuates a sentence: signs that cut no cells if other signs do."""


class Dialect(NamedTuple):
    """How a table is written."""

    delimiter: str
    escape: str | None
    """What stands before a quotation mark inside a cell where the mark is not doubled."""
    declared: bool
    """Whether the first line is the declaration of the delimiter and no row."""


def dialect(text: str, usual: str) -> Dialect:
    """The dialect of a table; on a draw the delimiter is the usual one."""
    sample = text[:SAMPLE]
    escape = "\\" if '\\"' in sample and '""' not in sample else None
    declared = DECLARED.match(sample.split("\n", 1)[0])
    if declared:
        return Dialect(declared[1], escape, True)
    lines = sample.split("\n")
    lines = lines[:-1] if len(lines) > 1 and len(text) > SAMPLE else lines
    best, most = usual, 0.0
    for delimiter in usual + DELIMITERS.replace(usual, ""):
        score = _score(lines, delimiter, escape)
        if score > most + 0.05:
            best, most = delimiter, score
    return Dialect(best, escape, False)


def _score(lines: list[str], delimiter: str, escape: str | None) -> float:
    """Share of rows with the usual number of cells; less where the header has another, and for signs that are parts of cells."""
    try:
        reader = csv.reader([f"{line}\n" for line in lines], delimiter=delimiter, escapechar=escape)
        rows = [row for row in reader if row]
    except csv.Error:
        return 0.0
    widths = [len(row) for row in rows]
    common = max(set(widths), key=widths.count, default=0)
    if common < 2:
        several = [width for width in widths if width > 1]
        if not several or len(several) * 3 < len(widths):
            return 0.0
        common = max(set(several), key=several.count)
    share = widths.count(common) / len(widths)
    signs = sum(line.count(delimiter) for line in lines)
    parts = sum(match[0].count(delimiter) for line in lines for match in PART.finditer(line))
    header = 1.0 if widths[0] == common else 0.7
    return share * header * (1 - 0.5 * parts / max(1, signs))
