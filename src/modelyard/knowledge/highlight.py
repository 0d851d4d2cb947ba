"""Where in a chunk the words of a query stand."""

from __future__ import annotations

import re
from functools import lru_cache

Span = tuple[int, int]
"""First character, and the one behind the last."""

CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af"
_PARTS = re.compile(rf"[{CJK}]+|[^\W_{CJK}]+(?:[-_./][^\W_{CJK}]+)*")
MOST = 50


@lru_cache(maxsize=512)
def _pattern(query: str) -> re.Pattern[str] | None:
    parts: dict[str, None] = {}
    for part in _PARTS.findall(query):
        if re.match(rf"[{CJK}]", part):
            parts[re.escape(part)] = None
            parts |= dict.fromkeys(re.escape(part[i : i + 2]) for i in range(len(part) - 1))
        elif len(part) > 2 or not part.islower():
            stem = re.escape(part[:-1] if len(part) > 3 and part.endswith("s") else part)
            parts[rf"(?<![^\W_{CJK}]){stem}s?(?![^\W_{CJK}])"] = None
    return re.compile("|".join(sorted(parts, key=len, reverse=True)), re.IGNORECASE) if parts else None


def highlights(query: str, text: str) -> list[Span]:
    """Spans of the words and pairs of characters that a query and a text share, joined where they touch; `MOST` at most."""
    pattern = _pattern(query)
    spans: list[Span] = []
    for found in pattern.finditer(text) if pattern else ():
        start, end = found.span()
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
        if len(spans) >= MOST:
            break
    return spans
