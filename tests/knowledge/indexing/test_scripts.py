"""Scripts of texts."""

from __future__ import annotations

import pytest

from modelyard.knowledge.indexing.scripts import LANGUAGES, Script, script_of


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("", Script.LATIN),
        ("How long does it keep?", Script.LATIN),
        ("¿Dónde está la “cooperativa”?", Script.LATIN),
        ("12.5 % — 30 €", Script.LATIN),
        ("门票多少钱", Script.HAN),
        ("MX-2140 的价格", Script.HAN),
        ("iPhone 价格", Script.HAN),
        ("please explain the word 仁 in the text", Script.LATIN),
        ("營業時間", Script.HAN),
        ("お元気ですか", Script.KANA),
        ("営業時間は何時までですか", Script.KANA),
        ("영업 시간은 언제입니까", Script.HANGUL),
        ("Сколько стоит билет", Script.CYRILLIC),
        ("ما هو سعر التذكرة", Script.ARABIC),
        ("πόσο κοστίζει", Script.OTHER),
    ],
)
def test_script_of(text: str, script: Script) -> None:
    assert script_of(text) is script


def test_people_have_a_name_for_every_script() -> None:
    assert set(LANGUAGES) == set(Script)
