"""Tables of reStructuredText: grid tables, and simple tables between lines of `=`."""

from __future__ import annotations

import re

from modelyard.knowledge.documents.loaders import tables
from modelyard.knowledge.types import Block, BlockKind

GRID = re.compile(r"\s*\+(?:[-=]+\+)+\s*$")
HEADED = re.compile(r"\s*\+(?:=+\+)+\s*$")
SIMPLE = re.compile(r"\s*=+(?: +=+)+\s*$")
SPANS = re.compile(r"\s*-+(?: +-+)*\s*$")
GAP = re.compile(r"\s{2,}")


def table(lines: list[str], at: int) -> tuple[Block, int] | None:
    """The table that begins at a line, and its end; None if none does. With cells that span columns it is kept as drawn."""
    if GRID.match(lines[at]):
        return _grid(lines, at)
    return _simple(lines, at) if SIMPLE.match(lines[at]) else None


def _grid(lines: list[str], at: int) -> tuple[Block, int] | None:
    end = at + 1
    while end < len(lines) and lines[end].lstrip()[:1] in {"+", "|"}:
        end += 1
    if end == at + 1:
        return None
    width = lines[at].count("+") - 1
    rows: list[list[str]] = [[""] * width]
    headed = False
    for line in lines[at + 1 : end]:
        if GRID.match(line):
            headed = headed or HEADED.match(line) is not None
            rows.append([""] * width)
            continue
        cells = line.strip().strip("|").split("|")
        if len(cells) != width or "+" in line.strip()[:1]:
            return Block("\n".join(each.rstrip() for each in lines[at:end]), BlockKind.CODE), end
        rows[-1] = [f"{before}\n{cell.strip()}".strip("\n") for before, cell in zip(rows[-1], cells, strict=True)]
    found = [row for row in rows if any(row)]
    return Block(tables.markdown(found if headed else [[""] * width, *found]), BlockKind.TABLE), end


def _simple(lines: list[str], at: int) -> tuple[Block, int] | None:
    """Read up to the border that a blank line follows; rows above a border in between are the header."""
    borders = [at]
    end = at + 1
    while end < len(lines) and (lines[end].strip() or len(borders) < 2):
        if SIMPLE.match(lines[end]):
            borders.append(end)
            if end + 1 >= len(lines) or not lines[end + 1].strip():
                break
        end += 1
    if len(borders) < 2 or borders[-1] != end:
        return None
    starts = [match.start() for match in re.finditer("=+", lines[at])]
    rows: list[list[str]] = []
    for line in lines[at + 1 : end]:
        if SIMPLE.match(line) or SPANS.match(line) or not line.strip():
            continue
        cells = _cells(line, starts)
        if cells[0] or not rows:
            rows.append(cells)
        else:
            rows[-1] = [f"{before}\n{cell}".strip("\n") for before, cell in zip(rows[-1], cells, strict=True)]
    headed = len(borders) > 2
    return Block(tables.markdown(rows if headed else [[""] * len(starts), *rows]), BlockKind.TABLE), end + 1


def _cells(line: str, starts: list[int]) -> list[str]:
    """The cells of a line, by the start of each column; by gaps if wide characters shift the columns."""
    if line.isascii():
        return [line[start:end].strip() for start, end in zip(starts, [*starts[1:], None], strict=True)]
    cells = GAP.split(line.strip(), len(starts) - 1)
    lead = [""] if line.startswith("  ") and len(cells) < len(starts) else []
    return [*lead, *cells, *[""] * (len(starts) - len(cells) - len(lead))]
