"""Tool calls in what models write: each format, broken ones, and that how the text is cut changes nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.protocol.tool_calls import Part, whole_calls
from modelyard.serving.calls import MARKS, Calls

NAMES = ["weather", "look_up"]
Outcome = tuple[str, list[tuple[str, str]]]


def read(format: str, pieces: list[str], most: int | None = None) -> Outcome:
    """The text, and names and arguments of the calls."""
    calls = Calls(format, NAMES, most)
    found = [calls.add(piece) for piece in pieces]
    found.append(calls.end())
    parts: list[Part] = [part for each in found for part in each.parts]
    made = [call["function"] for call in whole_calls(parts)]
    assert calls.count >= len(made)
    return "".join(each.text for each in found), [(call["name"], call["arguments"]) for call in made]


HERMES = '<tool_call>\n{"name": "weather", "arguments": {"city": "杭州", "s": "}</tool_call>\\"{"}}\n</tool_call>'
ARGUMENTS = '{"city": "杭州", "s": "}</tool_call>\\"{"}'
CASES: list[tuple[str, str, str, list[tuple[str, str]]]] = [
    ("hermes", HERMES, "", [("weather", ARGUMENTS)]),
    ("hermes", f"Let me see.\n{HERMES}\n{HERMES}\n", "Let me see.", [("weather", ARGUMENTS)] * 2),
    ("hermes", f"{HERMES} and more", " and more", [("weather", ARGUMENTS)]),
    ("hermes", "No <tool_ call, <b> nor <tool_call\n", "No <tool_ call, <b> nor <tool_call\n", []),
    ("hermes", "<tool_call>nothing</tool_call>", "<tool_call>nothing</tool_call>", []),
    ("hermes", '<tool_call>{"arguments": {"a": [1, {}]}, "name": "other"}', "", [("other", '{"a": [1, {}]}')]),
    ("hermes", '<tool_call>{"name": "weather"}</tool_call>', "", [("weather", "{}")]),
    ("hermes", '<tool_call>{"name": "weather", "arguments": "{\\"a\\": 1}"}', "", [("weather", '{"a": 1}')]),
    ("hermes", '<tool_call>{"arguments": null, "name": "weather"}', "", [("weather", "{}")]),
    ("hermes", '<tool_call>{"name": "weather", "arguments": {"city": "Ha', "", [("weather", '{"city": "Ha')]),
    ("hermes", ' \n<tool_call>{"name": "wea', ' \n<tool_call>{"name": "wea', []),
    ("hermes", f"<tool_call>\n{HERMES}", "<tool_call>\n", [("weather", ARGUMENTS)]),
    (
        "hermes",
        '<tool_call>{"name": "look_up"}\n<tool_call>{"name": "weather"}',
        "",
        [("look_up", "{}"), ("weather", "{}")],
    ),
    ("hermes", " blank ", " blank ", []),
    ("llama3_json", '{"name": "weather", "parameters": {"a": 1}}', "", [("weather", '{"a": 1}')]),
    (
        "llama3_json",
        '\n<|python_tag|>{"type": "function", "name": "weather", "parameters": {}}; '
        '{"name": "look_up", "parameters": {"q": "x;y"}}',
        "",
        [("weather", "{}"), ("look_up", '{"q": "x;y"}')],
    ),
    ("llama3_json", '{"city": "Paris", "name": "weather"}', '{"city": "Paris", "name": "weather"}', []),
    ("llama3_json", '{"name": "Bob", "parameters": {}}', '{"name": "Bob", "parameters": {}}', []),
    ("llama3_json", 'It is {"name": "weather"}', 'It is {"name": "weather"}', []),
    ("llama3_json", "<|python_tag|>print(1)", "<|python_tag|>print(1)", []),
    ("llama3_json", "  hello", "  hello", []),
    (
        "mistral",
        '[TOOL_CALLS] [{"name": "weather", "arguments": {"a": 1}}, {"name": "look_up", "arguments": {"b": []}}]',
        "",
        [("weather", '{"a": 1}'), ("look_up", '{"b": []}')],
    ),
    (
        "mistral",
        'Well.[TOOL_CALLS]weather[ARGS]{"a": 1}[TOOL_CALLS]look_up[CALL_ID]abc[ARGS]{"b": "]"}',
        "Well.",
        [("weather", '{"a": 1}'), ("look_up", '{"b": "]"}')],
    ),
    ("mistral", '[TOOL_CALLS]weather{"a": 1}', "", [("weather", '{"a": 1}')]),
    ("mistral", "[TOOL_CALLS][1, 2]", "[TOOL_CALLS][1, 2]", []),
    ("mistral", "a [list] of [TOOL", "a [list] of [TOOL", []),
]


@pytest.mark.parametrize(("format", "text", "said", "made"), CASES)
def test_calls_are_found_however_the_text_is_cut(
    format: str, text: str, said: str, made: list[tuple[str, str]]
) -> None:
    for size in (1, 2, 3, 5, 11, 1000):
        assert read(format, [text[start : start + size] for start in range(0, len(text), size)]) == (said, made)


def pieces_of(alphabet: list[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(alphabet) | st.text(max_size=3), max_size=14)


WORDS = [
    *MARKS.values(), "</tool_call>", "[ARGS]", '{"name": "weather", ', '"arguments": ', '"parameters": ', '{"a": "b\\""}',
    "}", "{", "]", "[", ",", ";", '"', "\n", " ", "null", "weather", "<tool", "_call>",
]  # fmt: skip


@given(st.sampled_from(sorted(MARKS)), pieces_of(WORDS), st.randoms(use_true_random=False))
def test_no_text_breaks_it_and_no_cut_changes_it(format: str, words: list[str], chance: Any) -> None:
    text = "".join(words)
    whole = read(format, [text])
    cuts = sorted(chance.randint(0, len(text)) for _ in range(4))
    cut = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert read(format, cut) == read(format, list(text)) == whole
    if not whole[1]:
        assert whole[0] == text


@given(st.dictionaries(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=5)))
def test_any_arguments_come_back(arguments: dict[str, Any]) -> None:
    for ascii in (True, False):
        written = json.dumps(arguments, ensure_ascii=ascii)
        call = f'{{"name": "weather", "arguments": {written}}}'
        forms = {
            "hermes": f"<tool_call>{call}</tool_call>",
            "llama3_json": call.replace('"arguments"', '"parameters"', 1),
            "mistral": f"[TOOL_CALLS][{call}]",
        }
        for format, text in forms.items():
            assert read(format, [text]) == ("", [("weather", written)])


def test_what_is_certain_is_told_at_once() -> None:
    calls = Calls("hermes", NAMES)
    assert calls.add("Yes").text == "Yes"
    assert calls.add(" <").text == ""
    assert calls.add("b>").text == " <b>"
    assert calls.add('<tool_call>{"name": "weather", "arguments": ').parts == ()
    (first,) = calls.add('{"a').parts
    assert first.delta()["function"] == {"name": "weather", "arguments": '{"a'}
    assert len(first.id) == 9
    (second,) = calls.add('": 1').parts
    assert second.delta() == {"index": 0, "function": {"arguments": '": 1'}}


def test_calls_beyond_the_first_are_left_out_where_one_is_wanted() -> None:
    assert read("hermes", [HERMES, HERMES], most=1) == ("", [("weather", ARGUMENTS)])
