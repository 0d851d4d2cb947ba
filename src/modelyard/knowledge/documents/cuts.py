"""Finds places to cut a text: after sentences, clauses and words, between lines of code and rows of tables.

Places are character offsets in the whole document. Only the text near the maximum end of a chunk is scanned.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import takewhile

NEAR = 200
"""Characters before the limit in which the end of a sentence is searched first."""
AHEAD = 40
"""Characters after a place that determine whether a sentence ends there."""

BLANKS = re.compile(r"\s*")
SENTENCE = re.compile(
    "[。！？；…｡.!?\n]"  # one character set first, so that the search skips to it
    "(?:(?<=[。！？；…｡])[。！？；…｡!?]*[”’」』）】》〉\"')\\]*]*"
    "|(?<=[.!?])[.!?]{0,5}[\"'”’)\\]*]{0,4}(?=\\s|[\u3400-\u9fff])"
    "|(?<=\n)(?=[ \t]*(?:\n|[-*+•·][ \t]|\\d{1,3}[.)、]|[a-zA-Z][.)][ \t]|\u3000)))"
)
"""The end of a sentence, or of a line before a blank line, a list item or an indented paragraph."""
ABBREVIATION = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Mx|Dr|Drs|Prof|St|Mt|Jr|Sr|vs|cf|al|viz|Inc|Ltd|Co|Corp|approx|dept|resp|incl|Gen|Col|Capt|Lt|Sgt|Rev|Hon|Sen"
    r"|Rep|Gov|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec|[A-Za-z])|(?:\A|\n)[ \t]*\d{1,3})\Z"
)
"""Text before a full stop that does not end a sentence; single letters are initials, `e.g.` and `U.S.`."""
NUMBERED = re.compile(r"\b(?:No|Nos|Fig|Figs|Eq|Vol|pp?|Sec|Ch|Art|Tab|Ver|ver)\Z")
"""Text before a full stop that does not end a sentence if a number follows."""
MARKS = "\u200c\u200d\u0e33\u0eb3\uff9e\uff9f"
"""Characters that combine with the previous one, although Unicode does not class them as marks."""
WORD = re.compile(r"[^\W\d_]{4}\Z")
LINE = re.compile(r"\n")
CLAUSE = re.compile(r"[、，：]|[,;:](?=\s|[\u3400-\u9fff])")
SPACE = re.compile(r"\s")
CODE_LINE = re.compile(r"\n(\s*\n)?([ \t]*)(?=([)\]}]|end\b|else\b|elif\b|except\b|finally\b|catch\b)?\S)")
RULE = re.compile(r"[ \t]*\|?[ \t|:]*-[\s|:-]*\Z")


def skip_blanks(text: str, at: int) -> int:
    """The first position from `at` on that is not blank."""
    found = BLANKS.match(text, at)
    return found.end() if found else at


def text_cut(text: str, low: int, middle: int, high: int) -> int:
    """The best place to cut prose, above `low` and up to `high`; below `middle` only if there is no better place above it."""
    for pattern, floor in (
        (SENTENCE, middle),
        (LINE, middle),
        (CLAUSE, middle),
        (SENTENCE, low),
        (CLAUSE, low),
        (SPACE, low),
    ):
        found = _last(pattern, text, floor, high)
        if found > floor:
            return found
    return hard_cut(text, middle, high)


def hard_cut(text: str, low: int, high: int) -> int:
    """`high`, or the nearest place before it that is not inside a grapheme, if there is one above `low`.

    A pair of surrogates is never split, unless there is no other place between `low` and `high`.
    """
    at = high
    while at > low and _inside(text, at):
        at -= 1
    if at > low:
        return at
    return high - 1 if high - 1 > low and _surrogates(text, high) else high


def sentence_start(text: str, low: int, high: int) -> int:
    """The first place from `low` on, before `high`, where a sentence begins; `high` if there is none."""
    for found in SENTENCE.finditer(text, max(0, low - 8), high):
        if _ends_sentence(text, found):
            at = skip_blanks(text, found.end())
            if low <= at < high and not _inside(text, at):
                return at
    return high


def code_cut(text: str, low: int, middle: int, high: int) -> int:
    """The best place to cut code, at `high` at the latest.

    In order of preference: after a blank line, before the line with the least indentation, before the last line; inside a line
    only if the line is too long.
    """
    for floor in (middle, low):
        lines = [line for line in CODE_LINE.finditer(text, floor, high + AHEAD) if low < line.start() <= high]
        if lines:
            return max(lines, key=_worth).start()
    space = _last(SPACE, text, middle, high)
    return space if space > middle else hard_cut(text, middle, high)


def header_end(text: str, start: int, end: int) -> int:
    """The position after the header row and its rule; `start` if the table has none."""
    first = text.find("\n", start, end)
    if first < 0:
        return start
    second = text.find("\n", first + 1, end)
    second = end if second < 0 else second
    return second if RULE.match(text[first + 1 : second]) else start


def row_cut(text: str, low: int, high: int, end: int, size: int) -> int:
    """The last place between rows above `low` and up to `high`; after the first row if that is longer, up to twice `size`.

    A longer row is cut at `high`.
    """
    between = text.rfind("\n", low, high + 1)
    if between > low:
        return between
    behind = first_line_end(text, low, min(end, low + 2 * size + 1))
    return behind if behind - low <= 2 * size else hard_cut(text, low, max(high, low + size // 2))


def first_line_end(text: str, start: int, end: int) -> int:
    """The position after the line that begins at `start`."""
    found = text.find("\n", start, end)
    return end if found < 0 else found


def _worth(line: re.Match[str]) -> tuple[bool, bool, int, int]:
    """How suitable a cut before this line is, as a sort key; worst before a line that closes a block."""
    return not line[3], line[1] is not None, -len(line[2]), line.start()


def _last(pattern: re.Pattern[str], text: str, low: int, high: int) -> int:
    """The end of the last match above `low` and up to `high` that may be a cut; `low` if there is none."""
    upper = high + AHEAD
    for floor in dict.fromkeys((max(low, high - NEAR), low)):
        for found in reversed(list(pattern.finditer(text, floor, upper))):
            at = found.end()
            if low < at <= high and (pattern is not SENTENCE or _ends_sentence(text, found)) and not _inside(text, at):
                return at
    return low


def _ends_sentence(text: str, found: re.Match[str]) -> bool:
    """Whether a full stop ends a sentence: not after an abbreviation or number, before small letters only after long words."""
    at = found.start()
    if text[at] != ".":
        return True
    after = text[found.end() : found.end() + AHEAD].lstrip()[:1]
    before = text[max(0, at - 12) : at]
    if after.islower() and (found.end() - at > 1 or not WORD.search(before)):
        return False
    return not (ABBREVIATION.search(before) or (after.isdigit() and NUMBERED.search(before)))


def _inside(text: str, at: int) -> bool:
    """Whether a position is inside a grapheme: an emoji sequence, a letter with its marks, a flag."""
    if at <= 0 or at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    if before <= "\u02ff" and after <= "\u02ff":
        return before == "\r" and after == "\n"
    if before == "\u200d" or after in MARKS or unicodedata.category(after)[0] == "M":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f" or _surrogates(text, at):
        return True
    if "\u1160" <= after <= "\u11ff" and "\u1100" <= before <= "\u11ff":
        return True
    if _indicator(after) and _indicator(before):
        return sum(1 for _ in takewhile(_indicator, reversed(text[max(0, at - 400) : at]))) % 2 == 1
    return unicodedata.combining(before) == 9 and unicodedata.category(after) == "Lo"


def _indicator(character: str) -> bool:
    """Whether a character is a regional indicator, half of a flag."""
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _surrogates(text: str, at: int) -> bool:
    """Whether a position is between a high surrogate and a low one."""
    return "\ud800" <= text[at - 1] <= "\udbff" and "\udc00" <= text[at] <= "\udfff"
