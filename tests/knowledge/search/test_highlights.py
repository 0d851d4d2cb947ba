"""Spans that show the words of a query."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.knowledge.search.highlights import highlights


@pytest.mark.parametrize(
    ("query", "text", "shown"),
    [
        ("prices", "The price and the Prices.", ["price", "Prices"]),
        ("resume", "Send your résumé today.", ["résumé"]),
        ("Résumé", "send your resume", ["resume"]),
        ("ABC123", "型号ＡＢＣ１２３到货", ["ＡＢＣ１２３"]),
        ("营业时间", "本店營業時間如下", ["營業時間"]),
        ("營業時間", "本店营业时间如下", ["营业时间"]),
        ("MX-2140", "part MX-2140 of", ["MX-2140"]),
        ("of it", "a piece of it", []),
        ("", "text", []),
    ],
)
def test_what_is_shown(query: str, text: str, shown: list[str]) -> None:
    assert [text[start:end] for start, end in highlights(query, text)] == shown


SAMPLES = ("price", "prices", "PRICES", "s", "as", "class", "clas", "12", "12s", "x1", "x1s", "a", "ab", "_", "-", ",")


@given(
    st.lists(st.sampled_from(SAMPLES), max_size=6), st.lists(st.sampled_from(SAMPLES)), st.sampled_from(["", " ", "."])
)
def test_spans_of_ascii_are_those_of_any_text(query: list[str], text: list[str], between: str) -> None:
    words, whole = " ".join(query), between.join(text)
    assert highlights(words, whole) == highlights(words, whole + "\n文")
