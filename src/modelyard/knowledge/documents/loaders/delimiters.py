"""Detects the delimiter of a text table, because the extension does not determine it."""

from __future__ import annotations

import csv
import re
from typing import NamedTuple

SAMPLE = 64 << 10
"""Number of characters that are examined."""
DELIMITERS = ",;\t|"
DECLARED = re.compile(r'"?sep=(.)"?\s*$', re.IGNORECASE)
"""The line by which Excel declares the delimiter."""
PART = re.compile(r"\d,\d|[,;|] ")
"""Decimal commas and punctuation: characters that are not delimiters if others fit."""


class Dialect(NamedTuple):
    """The dialect of a table."""

    delimiter: str
    escape: str | None
    """The character that escapes a quotation mark in a cell, if marks are not doubled."""
    declared: bool
    """Whether the first line declares the delimiter and is not a row."""


def dialect(text: str, usual: str) -> Dialect:
    """The dialect of a table; among equals, the usual delimiter."""
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
    """Part of the rows with the most common number of cells; lower if the header differs, and for punctuation."""
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
