"""Joins the lines of a paragraph; East Asian text has no spaces between them."""

from __future__ import annotations

import re

CJK = "\u2e80-\u2fdf\u3000-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff60\uffe0-\uffe6\U00020000-\U0003134f"
"""Characters between which a line break is not a space. Korean separates words by spaces and is not included."""
IS_CJK = re.compile(f"[{CJK}]")
BETWEEN = re.compile(f"(?<=[{CJK}])[ \\t]*\\n[ \\t]*(?=[{CJK}])")
SENTENCE_END = re.compile(r"[.!?。！？…；;:：][\"'”’」』）)\]]*\s*$")


def joined(before: str, after: str) -> str:
    """Join two lines of one paragraph: hyphenated words are rejoined, East Asian text has no space between."""
    if not before or not after:
        return before + after
    if before[-1] in "-\u00ad\u2010" and len(before) > 1 and before[-2].isalpha() and after[0].islower():
        return before[:-1] + after
    if IS_CJK.match(before[-1]) and IS_CJK.match(after[0]):
        return before + after
    return f"{before} {after}"


def paragraphs(text: str) -> list[str]:
    """Split at blank lines and form feeds; line breaks are kept, blanks at their ends are removed."""
    found: list[list[str]] = [[]]
    for line in text.replace("\f", "\n\n").split("\n"):
        if stripped := line.rstrip():
            found[-1].append(stripped)
        elif found[-1]:
            found.append([])
    return ["\n".join(lines) for lines in found if lines]
