"""The terms of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.knowledge.indexing.words import MAX_TERM, query_terms, terms


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("向量", ["向", "量", "向量"]),
        ("数据库", ["数", "据", "库", "数据", "据库"]),
        ("MX-2140", ["mx-2140", "mx2140", "mx", "2140"]),
        ("ＭＸ－２１４０", ["mx-2140", "mx2140", "mx", "2140"]),
        ("MX–2140", ["mx-2140", "mx2140", "mx", "2140"]),
        ("v1.2.3", ["v1.2.3", "v1", "v", "1", "2", "3"]),
        ("foo_bar", ["foo_bar", "foo", "bar"]),
        ("e-mail", ["e-mail", "email", "e", "mail"]),
        ("GB/T", ["gb/t", "gb", "t"]),
        ("iPhone15手机", ["iphone15", "iphon", "15", "手", "机", "手机"]),
        ("getUserName", ["getusernam", "get", "user", "name"]),
        ("1,234.50", ["1234.50", "1234.5"]),
        ("1234.5", ["1234.5"]),
        ("1,234", ["1234"]),
        ("12,34", ["12", "34"]),
        ("有100，200人", ["有", "100", "200", "人"]),
        ("C++ und C#", ["c++", "c", "und", "c#", "c"]),
        ("company's companies", ["compani", "compani"]),
        ("configured", ["configur"]),
        ("Straße", ["strass"]),
        ("ｶﾞｽ", ["ガ", "ス", "ガス"]),
        ("한국", ["한", "국", "한국"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("", []),
        ("?! …", []),
    ],
)
def test_terms(text: str, wanted: list[str]) -> None:
    assert terms(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("数据库", ["数据", "据库"]),
        ("库", ["库"]),
        ("的", ["的"]),
        ("什么是索引？", ["是索", "索引"]),
        ("what is the price of it", ["price"]),
        ("The Who", ["the", "who"]),
        ("price Price prices", ["price"]),
        ("iphone 15 的 手机", ["iphon", "15", "手机"]),
    ],
)
def test_query_terms(text: str, wanted: list[str]) -> None:
    assert query_terms(text) == wanted


@given(st.text(max_size=200))
def test_what_is_asked_is_what_was_indexed(text: str) -> None:
    indexed = terms(text)
    assert set(query_terms(text)) <= set(indexed)
    assert bool(query_terms(text)) == bool(indexed)
    assert all(term and len(term) <= MAX_TERM and not any(map(str.isspace, term)) for term in indexed)
    assert not {"\x00"} & set("".join(indexed))
