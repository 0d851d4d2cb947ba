"""Source code, configuration and markup: blocks of whole definitions, separated at blank lines."""

from __future__ import annotations

import re
from html import unescape

from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.types import Block, BlockKind, LoadedDocument

SMALL = 400
"""Characters up to which several definitions share a block."""
LONG_LINE = 1000
"""Characters from which a line of markup is split between its elements, because code is cut only between lines."""
ENCODING = re.compile(
    rb"""\A(?:<\?xml[^>]*?encoding=["']([\w.-]+)["']|@charset\s+"([\w.-]+)"|(?:[^\n]*\n)?[^\n]*?#.*?coding[:=]\s*([-\w.]+))"""
)
CLOSING = re.compile(r"[ \t)\]}>;,]|end\b|else|elif|except|finally|catch")
REFERENCE = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]\w{1,30});")
MARKUP = frozenset("<>&\"'")
ESCAPE = re.compile(r"\\u([0-9a-fA-F]{4})")
"""Java's escapes for characters beyond Latin-1 in properties files."""
BETWEEN = re.compile(r">\s*<")


def load(source: Source) -> LoadedDocument:
    """Read the definitions."""
    declared = ENCODING.match(source.data[:500])
    label = next((group.decode() for group in declared.groups() if group), None) if declared else None
    text, encoding = source.text(label)
    if source.extension in {"xml", "vue"} and any(len(line) > LONG_LINE for line in text.split("\n")):
        text = BETWEEN.sub(">\n<", text)
    if source.extension == "xml" and "&" in text:
        text = REFERENCE.sub(_character, text)
    elif source.extension == "properties":
        text = ESCAPE.sub(lambda match: chr(int(match[1], 16)), text)
    return LoadedDocument([Block(each, BlockKind.CODE) for each in definitions(text)], {"encoding": encoding})


def _character(reference: re.Match[str]) -> str:
    """The character of a character reference, unless it would be markup, so that searches find words written with it."""
    character = unescape(reference[0])
    return reference[0] if character in MARKUP else character


def definitions(text: str) -> list[str]:
    """Pieces that begin at the margin after a blank line; small ones are joined."""
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
