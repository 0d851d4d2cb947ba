"""The terms of a text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.knowledge.indexing.words import MAX_TERM, query_terms, terms


@pytest.mark.parametrize(
    ("text", "expected"),
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
        ("café Ångström", ["cafe", "angstrom"]),
        ("naïve résumés", ["naiv", "resum"]),
        ("cafe\u0301", ["cafe"]),
        ("йод", ["йод"]),
        ("營業時間", ["营", "业", "时", "间", "营业", "业时", "时间"]),
        ("ｶﾞｽ", ["ガ", "ス", "ガス"]),
        ("한국", ["한", "국", "한국"]),
        ("हिन्दी भाषा", ["हिन्दी", "भाषा"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("", []),
        ("?! …", []),
    ],
)
def test_a_text_has_these_terms(text: str, expected: list[str]) -> None:
    assert terms(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
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
def test_a_query_has_these_terms_without_function_words(text: str, expected: list[str]) -> None:
    assert query_terms(text) == expected


@given(st.text(max_size=200))
def test_terms_of_a_query_are_terms_of_the_same_text(text: str) -> None:
    indexed = terms(text)
    assert set(query_terms(text)) <= set(indexed)
    assert bool(query_terms(text)) == bool(indexed)
    assert all(term and len(term) <= MAX_TERM and not any(map(str.isspace, term)) for term in indexed)
    assert not {"\x00"} & set("".join(indexed))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("營業時間", "营业时间"),
        ("國務院發佈規定", "国务院发布规定"),
        ("ＡＢＣ１２３", "abc123"),
        ("résumé", "Resume"),
        ("１２５ｋｇ", "125kg"),
        ("prices", "Price"),
        ("1,250", "1250"),
        ("El Niño", "el nino"),
    ],
)
def test_spellings_of_one_word_are_one(one: str, other: str) -> None:
    assert query_terms(one) == query_terms(other)


@pytest.mark.parametrize(
    ("amount", "text"), [("10kg", "it weighs 10 kg"), ("10 kg", "it weighs 10kg"), ("10公斤", "重10 公斤")]
)
def test_an_amount_is_found_with_and_without_a_blank_before_its_unit(amount: str, text: str) -> None:
    assert {"10"} < set(query_terms(amount)) & set(terms(text))
