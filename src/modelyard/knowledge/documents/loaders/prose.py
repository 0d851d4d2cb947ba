"""How East Asian text goes on from line to line: without a space."""

from __future__ import annotations

import re

CJK = "\u2e80-\u2fdf\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003134f"
"""Characters between which a line break is no space. Korean puts spaces between its words and is not among them."""
IS_CJK = re.compile(f"[{CJK}]")
BETWEEN = re.compile(f"(?<=[{CJK}])[ \\t]*\\n[ \\t]*(?=[{CJK}])")
SENTENCE_END = re.compile(r"[.!?。！？…；;:：][\"'”’」』）)\]]*\s*$")


def joined(before: str, after: str) -> str:
    """Two lines of one paragraph as one: a hyphenated word whole again, East Asian text without a space between."""
    if not before or not after:
        return before + after
    if before[-1] in "-\u00ad\u2010" and len(before) > 1 and before[-2].isalpha() and after[0].islower():
        return before[:-1] + after
    if IS_CJK.match(before[-1]) and IS_CJK.match(after[0]):
        return before + after
    return f"{before} {after}"


def paragraphs(text: str) -> list[str]:
    """Cut at blank lines and form feeds; lines keep their breaks and lose what is blank at their ends."""
    found: list[list[str]] = [[]]
    for line in text.replace("\f", "\n\n").split("\n"):
        if stripped := line.rstrip():
            found[-1].append(stripped)
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]
