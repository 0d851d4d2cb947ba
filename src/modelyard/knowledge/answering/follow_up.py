"""Completes a question that only makes sense after the ones before it, so that a search finds its subject. No model is asked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from modelyard.knowledge.indexing.words import query_terms

FEW: Final = 3
"""Terms below which a question says too little by itself."""
EARLIER: Final = 3
"""Questions that are looked back at most."""
LENGTH: Final = 500
"""Characters that are taken of an earlier question."""
_REFERS: Final = re.compile(
    r"\b(?:it|its|they|them|their|theirs|this|that|these|those|he|him|his|she|her|hers|one|ones|same|former|latter|then|there)\b"
    r"|\A\s*(?:and|but|or|so|also|what about|how about)\b"
    "|(?<!其)[它他她]们?|其(?!他|它|实|余|中)|[这那这该此]|上述|前者|后者|同样|\\A\\s*(?:那|那么|还有|另外|如果|要是)|呢\\s*[？?]?\\s*\\Z",
    re.IGNORECASE,
)
"""Words that stand for something that was named before."""


def search_text(question: str, history: Sequence[Mapping[str, Any]]) -> str:
    """The text to search for: the question, below the earlier questions that it and they refer to.

    `history` are earlier messages as OpenAI has them; only those of the user count.
    """
    earlier = [
        message["content"]
        for message in history
        if message.get("role") == "user" and isinstance(message.get("content"), str) and message["content"].strip()
    ]
    lines = [question]
    for before in reversed(earlier[-EARLIER:]):
        if not is_follow_up(lines[0]):
            break
        lines.insert(0, before[:LENGTH])
    return "\n".join(lines)


def is_follow_up(question: str) -> bool:
    """Whether a question refers to something before it, or has too few words of its own."""
    return len(query_terms(question)) < FEW or _REFERS.search(question) is not None
