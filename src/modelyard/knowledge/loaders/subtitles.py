"""SubRip and WebVTT: what is said, in paragraphs, without times, numbers and tags."""

from __future__ import annotations

import re

from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.loaders.prose import SENTENCE_END, joined, paragraphs
from modelyard.knowledge.types import Block, Loaded

TIMES = re.compile(r"^\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}\s*-->\s*(?:\d+:)?\d{1,2}:\d{2}[.,]\d{1,3}.*$")
TAG = re.compile(r"</?[a-zA-Z][^>\n]{0,200}>|<\d[\d:.]{0,20}>|\{\\[^}\n]{0,200}\}")
LONG = 500
"""Characters after which a paragraph ends with the next sentence."""
LONGEST = 1500
"""Characters after which it ends anyway."""


def load(source: Source) -> Loaded:
    """Cues joined to paragraphs that end with a sentence."""
    text, encoding = source.text()
    blocks: list[Block] = []
    paragraph = last = ""
    for cue in paragraphs(text):
        for line in _said(cue.split("\n")):
            if line == last:
                continue
            last = line
            paragraph = joined(paragraph, line)
            if len(paragraph) > LONGEST or (len(paragraph) > LONG and SENTENCE_END.search(paragraph)):
                blocks.append(Block(paragraph))
                paragraph = ""
    blocks.append(Block(paragraph))
    return Loaded(blocks, {"encoding": encoding})


def _said(lines: list[str]) -> list[str]:
    """The lines below the times of a cue; none of a header, a style or a note."""
    at = next((index for index, line in enumerate(lines) if TIMES.match(line)), None)
    if at is None:
        return []
    return [said for line in lines[at + 1 :] if (said := TAG.sub("", line).strip())]
