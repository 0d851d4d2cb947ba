"""Which script a text is written in: what tells languages apart without a model."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final


class Script(StrEnum):
    """A script, as far as models differ in reading it."""

    LATIN = "latin"
    HAN = "han"
    """Chinese; Japanese text with kana is `KANA`."""
    KANA = "kana"
    HANGUL = "hangul"
    CYRILLIC = "cyrillic"
    ARABIC = "arabic"
    OTHER = "other"


LANGUAGES: Final = {
    Script.LATIN: "English and other languages in Latin script",
    Script.HAN: "Chinese",
    Script.KANA: "Japanese",
    Script.HANGUL: "Korean",
    Script.CYRILLIC: "languages in Cyrillic script",
    Script.ARABIC: "languages in Arabic script",
    Script.OTHER: "other languages",
}
"""What people call the languages of a script."""

_LETTERS: Final = {
    Script.HAN: re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
    Script.KANA: re.compile("[\u3041-\u30ff]"),
    Script.HANGUL: re.compile("[\u1100-\u11ff\uac00-\ud7af]"),
    Script.CYRILLIC: re.compile("[\u0400-\u052f]"),
    Script.ARABIC: re.compile("[\u0600-\u06ff\u0750-\u077f]"),
    Script.OTHER: re.compile("[\u0370-\u03ff\u0530-\u05ff\u0700-\u074f\u0780-\u10ff\u1200-\u1fff]"),
}
_LATIN: Final = re.compile("[A-Za-z\u00c0-\u024f]+")


def script_of(text: str) -> Script:
    """The script of most words of a text; `LATIN` where there are none. A word has two characters in Chinese, five elsewhere."""
    if text.isascii():
        return Script.LATIN
    counts = {script: len(letters.findall(text)) / 5 for script, letters in _LETTERS.items()}
    for script in (Script.HAN, Script.KANA, Script.HANGUL):
        counts[script] *= 5 / 2
    if counts[Script.KANA] * 8 > counts[Script.HAN]:
        counts[Script.KANA] += counts[Script.HAN]
    best = max(counts, key=lambda script: counts[script])
    return best if counts[best] > len(_LATIN.findall(text)) / 2 else Script.LATIN
