"""Plain text: paragraphs between blank lines."""

from __future__ import annotations

from modelyard.knowledge.loaders.base import Source
from modelyard.knowledge.loaders.prose import paragraphs
from modelyard.knowledge.types import Block, Loaded


def load(source: Source) -> Loaded:
    """Its paragraphs."""
    text, encoding = source.text()
    return Loaded([Block(each) for each in paragraphs(text)], {"encoding": encoding})
