"""Bodies are bounded and refused over their bytes, before anything is built from them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import BodyTooComplex, MalformedBody, TooManyValues
from modelyard.protocol.json_values import DEEPEST, MOST_FIELDS, MOST_VALUES, bound_values, check_body

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner),
)


def values(found: Any) -> int:
    if isinstance(found, dict):
        return 1 + sum(values(each) for each in found.values())
    return 1 + sum(values(each) for each in found) if isinstance(found, list) else 1


@given(JSON, st.booleans())
def test_the_count_is_never_below_a_bound_that_is_met(found: Any, ascii: bool) -> None:
    body = json.dumps(found, ensure_ascii=ascii).encode()
    bound_values(body, 2 * values(found))
    if "\\u0000" not in body.decode():
        assert check_body(body) == found


@pytest.mark.parametrize(
    "body",
    [
        b"[" + b"1," * MOST_VALUES + b"1]",
        b"[" + b"[]," * MOST_VALUES + b"1]",
        b'{"a":[' + b'{"b":"c"},' * MOST_VALUES + b"1]}",
        b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1),
        json.dumps({f"k{number}": 1 for number in range(MOST_FIELDS + 1)}).encode(),
    ],
)
def test_too_much(body: bytes) -> None:
    with pytest.raises((BodyTooComplex, TooManyValues)):
        check_body(body)


def test_a_long_text_is_one_value() -> None:
    text = 'a,[{"\\' * MOST_VALUES
    assert check_body(json.dumps({"text": text}).encode()) == {"text": text}


@pytest.mark.parametrize(
    ("body", "word"),
    [
        (rb'{"a": "\ud800"}', "surrogate"),
        (rb'{"a": "\udc00\ud800"}', "surrogate"),
        (rb'{"\uD83D": 1}', "surrogate"),
        (rb'{"a": "\\\ud800"}', "surrogate"),
        (b'{"a": "\xed\xa0\x80"}', "not JSON"),
        (rb'{"a": "x\u0000"}', r"U\+0000"),
        (b'{"a": NaN}', "not JSON"),
        (b'{"a": 1e999}', "not JSON"),
        (b"{", "not JSON"),
    ],
)
def test_what_no_text_may_hold(body: bytes, word: str) -> None:
    with pytest.raises(MalformedBody, match=word):
        check_body(body)


def test_what_looks_like_it() -> None:
    assert check_body(rb'{"a": "\\ud800 \\u0000 \ud83d\ude00"}') == {"a": "\\ud800 \\u0000 \U0001f600"}
    assert check_body(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
