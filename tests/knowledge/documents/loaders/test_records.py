"""JSON that is none in some lines: what is read of it, and what the notes say."""

from __future__ import annotations

import pytest

from modelyard.knowledge.documents.loaders import load
from modelyard.knowledge.documents.loaders.records import parsed, record

GOOD = '{"a": 1}\n'


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        (GOOD * 2 + "bad\n" + GOOD, ["Line 3 is not valid JSON; it was read as text."]),
        (
            "bad\n" + GOOD * 4 + "worse\n",
            ["2 lines are not valid JSON, line 1 first; they were read as text."],
        ),
        (GOOD + "bad\n" + GOOD, ["Line 2 is not valid JSON; it was read as text."]),
        (GOOD * 3, []),
    ],
)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl"])
def test_lines_that_are_no_json_are_counted(name: str, text: str, notes: list[str]) -> None:
    loaded = load(text.encode(), name)
    assert list(loaded.notes) == notes
    assert [block.text for block in loaded.blocks] == [
        "a: 1" if line == GOOD.strip() else line for line in text.splitlines()
    ]


def test_a_text_of_which_half_is_no_json_is_a_text() -> None:
    loaded = load((GOOD + "bad\n").encode(), "a.json")
    assert len(loaded.notes) == 1 and loaded.notes[0].startswith("It is not valid JSON (line 2: ")
    assert loaded.text == GOOD + "bad"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ('{"a": 1.50, "b": null, "c": "x", "d": [1e3, {"e": true}]}', 'a: 1.50\nb: \nc: x\nd: [1e3, {"e": true}]'),
        ('{"a": 1, "a": 2, "a": 3}', "a: 1\na (2): 2\na (3): 3"),
        ('["é", -0, NaN]', '["é", -0, NaN]'),
        ("null", ""),
        ('"x"', "x"),
    ],
)
def test_values_are_written_as_they_came(text: str, written: str) -> None:
    assert record(parsed(text)) == written
