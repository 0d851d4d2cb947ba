"""Formats a cell's value as Excel displays it: dates, percentages, thousands, currencies, leading zeros."""

from __future__ import annotations

import datetime
import re
from functools import lru_cache
from typing import Any, NamedTuple

QUOTED = re.compile(r'"([^"]*)"|\\(.)|\[\$([^\]-]*)(?:-[^\]]*)?\]|\[[^\]]*\]|_.|\*.')
DIGITS = re.compile(r"[#0?][#0?,]*(?:\.([#0?]+))?")
PLACES = 0xE000
"""First of the characters that stand for literal words while digits are located."""
LONGEST_CODE = 255


class Format(NamedTuple):
    """A number format, parsed."""

    before: str
    after: str
    decimals: int | None
    """None: as many as the value has."""
    thousands: bool
    percent: bool
    zeros: int
    """Minimum number of digits before the decimal point."""


@lru_cache(maxsize=1024)
def parsed(code: str) -> Format | None:
    """Parse the positive part of a number format; None for General, scientific, fractions and text."""
    code = code[:LONGEST_CODE].split(";")[0]
    words: list[str] = []

    def keep(match: re.Match[str]) -> str:
        words.append(match[1] or match[2] or match[3] or "")
        return chr(PLACES + len(words) - 1)

    bare = QUOTED.sub(keep, code)
    digits = DIGITS.search(bare)
    if not digits or "E" in bare.upper() or "/" in bare or "@" in bare:
        return None

    def literal(text: str) -> str:
        text = re.sub("[\ue000-\uf8ff]", lambda match: words[ord(match[0]) - PLACES], text.replace("%", ""))
        return text.strip()

    whole = digits[0].split(".")[0]
    decimals = digits[1] or ""
    return Format(
        before=literal(bare[: digits.start()]),
        after=literal(bare[digits.end() :]),
        decimals=len(decimals) if "#" not in decimals else None,
        thousands="," in whole.rstrip(","),
        percent="%" in bare,
        zeros=whole.count("0") if "," not in whole else 1,
    )


def display_text(value: Any, code: str) -> str:
    """The text of a value; dates as ISO 8601, whatever their format."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, (int, float)):
        return number(value, code)
    if isinstance(value, datetime.datetime):
        if value.time() == datetime.time.min:
            return value.date().isoformat()
        return (value + datetime.timedelta(milliseconds=500)).replace(microsecond=0).isoformat(" ")
    if isinstance(value, datetime.time):
        return value.replace(microsecond=0).isoformat()
    return str(value).strip()


def number(value: float, code: str) -> str:
    """A number in its format; without one, with at most 15 digits, as in Excel."""
    form = None if code in {"General", ""} else parsed(code)
    if form is None:
        return _general(value)
    scaled = value * 100 if form.percent else value
    text = _general(scaled)
    if form.decimals is not None:
        text = f"{scaled:{',' if form.thousands else ''}.{min(form.decimals, 15)}f}"
    sign = "-" if text.startswith("-") else ""
    text = text.removeprefix("-")
    whole, point, rest = text.partition(".")
    text = whole.zfill(min(form.zeros, 30)) + point + rest
    after = f"%{form.after}" if form.percent else form.after
    return f"{sign}{form.before}{text}{after}"


def _general(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return f"{value:.15g}"
