"""Source code, configuration and markup: blocks of whole definitions, cut where a blank line stands before one."""

from __future__ import annotations

import re

from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.types import Block, Kind, Loaded

SMALL = 400
"""Characters up to which definitions share a block."""
LONG_LINE = 1000
"""Characters from which a line of markup is broken between its elements: code is cut between lines only."""
ENCODING = re.compile(
    rb"""\A(?:<\?xml[^>]*?encoding=["']([\w.-]+)["']|@charset\s+"([\w.-]+)"|(?:[^\n]*\n)?[^\n]*?#.*?coding[:=]\s*([-\w.]+))"""
)
CLOSING = re.compile(r"[ \t)\]}>;,]|end\b|else|elif|except|finally|catch")
BETWEEN = re.compile(r">\s*<")


def load(source: Source) -> Loaded:
    """Its definitions."""
    declared = ENCODING.match(source.data[:500])
    label = next((group.decode() for group in declared.groups() if group), None) if declared else None
    text, encoding = source.text(label)
    if source.extension in {"xml", "vue"} and any(len(line) > LONG_LINE for line in text.split("\n")):
        text = BETWEEN.sub(">\n<", text)
    return Loaded([Block(each, Kind.CODE) for each in definitions(text)], {"encoding": encoding})


def definitions(text: str) -> list[str]:
    """Pieces that begin at the margin behind a blank line; small ones together."""
    pieces: list[list[str]] = [[]]
    blank = False
    for line in text.split("\n"):
        line = line.rstrip()
        if line and blank and not CLOSING.match(line):
            pieces.append([])
        pieces[-1].append(line)
        blank = not line
    found: list[str] = []
    for piece in ("\n".join(lines).strip("\n") for lines in pieces):
        if found and len(found[-1]) + len(piece) < SMALL:
            found[-1] = f"{found[-1]}\n\n{piece}"
        elif piece:
            found.append(piece)
    return found
