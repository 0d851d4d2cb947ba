"""The marks that Word computes: numbers in its styles, levels that count on or begin anew, and lists that are not there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from modelyard.knowledge.documents.loaders.numbering import DIGITS, Numbering, W, chinese, counted, letter, roman

ROMAN = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100, "D": 500, "M": 1000}
UNITS = {"十": 10, "百": 100, "千": 1000}


def from_roman(text: str) -> int:
    values = [ROMAN[sign] for sign in text]
    return sum(-each if each < next_ else each for each, next_ in zip(values, [*values[1:], 0], strict=True))


def from_chinese(text: str) -> int:
    total, digit = 0, 1 if text.startswith("十") else 0
    for sign in text:
        if sign in UNITS:
            total, digit = total + digit * UNITS[sign], 0
        else:
            digit = DIGITS.index(sign)
    return total + digit


@given(st.integers(1, 3999))
def test_roman_numbers_say_what_they_mean(number: int) -> None:
    assert from_roman(roman(number)) == number


@given(st.integers(1, 9999))
def test_chinese_numbers_say_what_they_mean(number: int) -> None:
    assert from_chinese(chinese(number)) == number


@pytest.mark.parametrize(
    ("number", "style", "text"),
    [
        (14, "chineseCounting", "十四"),
        (105, "chineseCountingThousand", "一百零五"),
        (2010, "ideographDigital", "二千零一十"),
        (0, "chineseCounting", "0"),
        (10_000, "chineseCounting", "10000"),
        (9, "upperRoman", "IX"),
        (9, "lowerRoman", "ix"),
        (4000, "upperRoman", "4000"),
        (0, "lowerRoman", "0"),
        (26, "upperLetter", "Z"),
        (28, "lowerLetter", "bb"),
        (0, "upperLetter", "0"),
        (26 * 500, "upperLetter", "Z" * 20),
        (7, "decimalZero", "07"),
        (7, "hex", "7"),
    ],
)
def test_numbers_in_words_styles(number: int, style: str, text: str) -> None:
    assert counted(number, style) == text


@given(st.integers(1, 26 * 20))
def test_letters_are_repeated_as_word_repeats_them(number: int) -> None:
    text = letter(number)
    assert len(set(text)) == 1 and (ord(text[0]) - 65) + 26 * (len(text) - 1) == number - 1


def level(at: str, style: str, pattern: str, start: str = "1") -> str:
    values = {"start": start, "numFmt": style, "lvlText": pattern}
    return f'<w:lvl w:ilvl="{at}">{"".join(f"<w:{name} w:val={value!r}/>" for name, value in values.items())}</w:lvl>'


def numbering(inner: str) -> Numbering:
    return Numbering(etree.fromstring(f'<w:numbering xmlns:w="{W[1:-1]}">{inner}</w:numbering>'))


LEVELS = (
    level("0", "decimal", "%1.", start="3")
    + level("1", "lowerLetter", "%1.%2)", start="x")
    + level("2", "bullet", "•")
    + level("3", "none", "")
    + level("4", "", "%1-%9")
    + level("far", "decimal", "%1")
)
LISTS = f"""<w:abstractNum w:abstractNumId="7">{LEVELS}</w:abstractNum>
<w:num w:numId="1"><w:abstractNumId w:val="7"/></w:num>
<w:num w:numId="2"><w:abstractNumId w:val="7"/></w:num>
<w:num w:numId="3"><w:abstractNumId w:val="7"/><w:lvlOverride><w:startOverride w:val="1"/></w:lvlOverride></w:num>
<w:num w:numId="4"/>"""


def test_items_count_on_and_deeper_levels_begin_anew() -> None:
    found = numbering(LISTS)
    marks = [found.mark("1", at) for at in (0, 1, 1, 0, 1)]
    assert marks == ["3.", "3.a)", "3.b)", "4.", "4.a)"]


def test_lists_of_one_definition_count_together_unless_one_restarts() -> None:
    found = numbering(LISTS)
    assert [found.mark(number, 0) for number in ("1", "2", "3", "1")] == ["3.", "4.", "3.", "5."]


def test_bullets_silent_levels_and_places_of_levels_that_are_not_there() -> None:
    found = numbering(LISTS)
    assert [found.mark("1", at) for at in (2, 3, 4)] == ["-", "", "3-1"]


@pytest.mark.parametrize(("number", "at"), [("9", 0), ("1", 8), ("4", 0)])
def test_a_list_or_level_that_is_not_defined_has_no_mark(number: str, at: int) -> None:
    assert numbering(LISTS).mark(number, at) is None
    assert Numbering(None).mark(number, at) is None
