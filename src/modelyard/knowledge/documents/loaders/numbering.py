"""Computes the marks of Word's list items and numbered headings: `1.2`, `(a)`, `第三条`, `•`."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
DIGITS = "零一二三四五六七八九"
PLACE = re.compile(r"%([1-9])")
CHINESE = frozenset({"chineseCounting", "chineseCountingThousand", "japaneseCounting", "taiwaneseCountingThousand"})
CHINESE |= {"taiwaneseCounting", "ideographDigital", "ideographTraditional", "ideographLegalTraditional"}


def chinese(number: int) -> str:
    """A number in Chinese characters, up to 9999."""
    if not 0 < number < 10000:
        return str(number)
    text, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            text += ("零" if gap and text else "") + DIGITS[digit] + name
        gap = digit == 0
    return text[1:] if 10 <= number < 20 else text


def roman(number: int) -> str:
    """A Roman number in capital letters, up to 3999."""
    if not 0 < number < 4000:
        return str(number)
    text = ""
    for value, sign in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ("M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"),
        strict=True,
    ):
        text += sign * (number // value)
        number %= value
    return text


def letter(number: int) -> str:
    """`A` to `Z`, then `AA`, `BB` …, as Word counts."""
    return chr(65 + (number - 1) % 26) * min(1 + (number - 1) // 26, 20) if number > 0 else str(number)


def counted(number: int, style: str) -> str:
    """A number in one of Word's styles; decimal for rare styles."""
    if style in CHINESE:
        return chinese(number)
    if style.endswith("Roman"):
        return roman(number) if style[0] == "u" else roman(number).lower()
    if style.endswith("Letter"):
        return letter(number) if style[0] == "u" else letter(number).lower()
    return f"{number:02d}" if style == "decimalZero" else str(number)


class Numbering:
    """The list definitions of a document, and the counters of each list."""

    def __init__(self, root: Any | None) -> None:
        self._levels: dict[str, dict[int, tuple[int, str, str]]] = {}
        self._counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        self._abstract: dict[str, str] = {}
        if root is None:
            return
        levels = {each.get(f"{W}abstractNumId"): _levels(each) for each in root.iterchildren(f"{W}abstractNum")}
        for each in root.iterchildren(f"{W}num"):
            name, abstract = each.get(f"{W}numId"), each.find(f"{W}abstractNumId")
            kept = abstract.get(f"{W}val") if abstract is not None else None
            self._levels[name] = levels.get(kept, {})
            restarts = each.find(f"{W}lvlOverride/{W}startOverride") is not None
            self._abstract[name] = name if restarts else f"abstract {kept}"

    def mark(self, number: str, level: int) -> str | None:
        """The mark of the next item of list `number`; `-` for bullets, None if there is no such list."""
        levels = self._levels.get(number)
        if not levels or level not in levels:
            return None
        start, style, pattern = levels[level]
        if style == "bullet":
            return "-"
        if style == "none":
            return ""
        counts = self._counts[self._abstract[number]]
        counts[level] = counts.get(level, start - 1) + 1
        for deeper in [each for each in counts if each > level]:
            del counts[deeper]

        def place(match: re.Match[str]) -> str:
            at = int(match[1]) - 1
            first, its_style, _ = levels.get(at, (1, "decimal", ""))
            return counted(counts.get(at, first), its_style)

        return PLACE.sub(place, pattern)


def _levels(abstract: Any) -> dict[int, tuple[int, str, str]]:
    """Start, style and pattern of each level."""
    found = {}
    for level in abstract.iterchildren(f"{W}lvl"):
        start, style, pattern = (_value(level, name) for name in ("start", "numFmt", "lvlText"))
        at = level.get(f"{W}ilvl", "0")
        if at.isdigit():
            found[int(at)] = (int(start) if start.isdigit() else 1, style or "decimal", pattern)
    return found


def _value(element: Any, name: str) -> str:
    child = element.find(f"{W}{name}")
    return "" if child is None else child.get(f"{W}val", "")
