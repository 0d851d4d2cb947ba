"""Plain text and logs: paragraphs between blank lines, without control sequences of terminals and printers."""

from __future__ import annotations

import re

from modelyard.knowledge.documents.loaders.base import Source
from modelyard.knowledge.documents.loaders.prose import paragraphs
from modelyard.knowledge.types import Block, LoadedDocument

ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]{0,60}[ -/]{0,10}[@-~]|\][^\x07\x1b\n]{0,500}(?:\x07|\x1b\\)|[()][A-Z0-9]|[=>78cDEHMNOZ])"
)
"""Terminal sequences for colours, window titles and cursor movements."""
STRUCK_OVER = re.compile("[^\x08\n]\x08")
"""Printer sequences for bold and underlined text."""
LINE_ENDS = re.compile("[\x0b\x85\u2028]")
PARAGRAPH_ENDS = re.compile("[\x1c\x1d\x1e\u2029]")


def load(source: Source) -> LoadedDocument:
    """Its paragraphs."""
    text, encoding = source.text()
    return LoadedDocument([Block(each) for each in paragraphs(bare(text))], {"encoding": encoding})


def bare(text: str) -> str:
    """The text as it would be printed: all line ends as `\\n`, no control characters except tabs and form feeds."""
    if "\x1b" in text:
        text = ESCAPES.sub("", text).replace("\x1b", "")
    if "\x08" in text:
        text = STRUCK_OVER.sub("", text).replace("\x08", "")
    return PARAGRAPH_ENDS.sub("\n\n", LINE_ENDS.sub("\n", text))
