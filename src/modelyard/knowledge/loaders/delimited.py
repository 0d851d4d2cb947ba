"""CSV and TSV: one table, its first row as header."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from modelyard.knowledge.loaders import tables
from modelyard.knowledge.loaders.base import Source, parsing
from modelyard.knowledge.types import Block, Kind, Loaded

SAMPLE = 64 << 10
"""Characters from which the dialect is found out."""
DELIMITERS = ",;\t|"


def load(source: Source) -> Loaded:
    """The table. Rows without any text are dropped."""
    text, encoding = source.text()
    delimiter = _delimiter(text[:SAMPLE], "\t" if source.extension in {"tsv", "tab"} else ",")
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    with parsing(source, "table", csv.Error):
        table = tables.markdown([row for row in _rows(text, delimiter) if any(map(str.strip, row))])
    return Loaded([Block(table, Kind.TABLE)], {"encoding": encoding})


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    lines = text.split("\n")
    if lines[0].lower().startswith("sep=") and len(lines[0].strip()) <= 5:
        lines = lines[1:]  # what Excel writes to say its delimiter
    return csv.reader((f"{line}\n" for line in lines), delimiter=delimiter, skipinitialspace=True)


def _delimiter(sample: str, usual: str) -> str:
    """The one that cuts most rows into the same number of cells, more than one; on a draw the usual one."""
    rows = sample.split("\n")
    if len(rows) > 1:
        rows = rows[:-1] if len(sample) == SAMPLE else rows
    if rows[0].lower().startswith("sep=") and len(rows[0].strip()) == 5:
        return rows[0].strip()[4]
    best, most = usual, 0.0
    for delimiter in usual + DELIMITERS.replace(usual, ""):
        try:
            widths = [len(row) for row in csv.reader([f"{row}\n" for row in rows], delimiter=delimiter) if row]
        except csv.Error:
            continue
        common = max(set(widths), key=widths.count, default=0)
        score = widths.count(common) / max(1, len(widths)) if common > 1 else 0.0
        if score > most + 0.05:
            best, most = delimiter, score
    return best
