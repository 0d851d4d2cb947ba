"""Detects the single-byte encoding of a text: the one whose letters match the letter frequencies of a language.

Words with non-ASCII bytes decide; some ASCII words help to recognise the language. The more frequent its letters, the more
likely a word is; unusual combinations (a capital after a small letter, two scripts in a word) make it less likely.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from modelyard.knowledge.documents.loaders.letters import FREQUENCIES

WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")
SAMPLE = 6 << 10
"""Bytes of words that are examined."""
PLAIN = re.compile(rb"(?<![A-Za-z\x80-\xff])[A-Za-z]{2,40}(?![A-Za-z\x80-\xff])")
MOST_PLAIN = 300
"""Letters of ASCII words that are examined; more may be code or markup."""
PLAIN_WEIGHT = 0.3
CENTRAL = "pl cs sk hu ro hr sl sq de"
WESTERN = "en de fr es pt it nl da sv no fi is ca ga cy eu gl"
CYRILLIC = "ru uk bg be"
SOUTHERN = "mk sr"
ENCODINGS: dict[str, tuple[str, float]] = {
    "cp1252": (WESTERN, 0.0),
    "cp1250": (CENTRAL, 1.0),
    "iso8859-2": (CENTRAL, 1.5),
    "cp1251": (f"{CYRILLIC} {SOUTHERN}", 0.5),
    "koi8-r": ("ru bg", 1.0),
    "koi8-u": ("uk", 1.0),
    "cp866": (CYRILLIC, 2.0),
    "iso8859-5": (f"{CYRILLIC} {SOUTHERN}", 2.0),
    "mac-cyrillic": (CYRILLIC, 6.0),
    "cp1253": ("el", 1.0),
    "iso8859-7": ("el", 1.0),
    "cp1254": ("tr", 1.0),
    "cp1255": ("he", 1.0),
    "cp1256": ("ar fa ur", 1.0),
    "iso8859-6": ("ar", 2.0),
    "cp1257": ("et lv lt", 1.5),
    "cp874": ("th", 1.0),
    "cp850": (WESTERN, 6.0),
    "cp852": (CENTRAL, 6.0),
    "mac-roman": (WESTERN, 7.0),
    "mac-latin2": (CENTRAL, 9.0),
    "iso8859-15": (WESTERN, 1.5),
}
"""Encoding → languages written in it, and a prior cost."""
NO_LETTER = 1e-5
"""Assumed frequency of letters that a language does not have, and of characters outside of words."""
SIGNS = frozenset("“”„‘’‚–—…«»§°№€ \xa0\u200c\u200d\u200e\u200f")
RARE_SIGNS = frozenset("©®™·•×±½¼¾²³¡¿ªº´")
SIGN, RARE_SIGN = 0.01, 5e-4
APOSTROPHES = frozenset("’´·\xa0\u200c\u200d")
"""Characters that occur between the letters of a word."""
WITHIN = re.compile("(?<=[aAlLsS])q(?=[aAlLsS])")
INSIDE = 4.0
"""Cost of any other character between letters."""
IMPOSSIBLE = 1e-9
FOREIGN = 0.002
"""Assumed part of letters of other languages with the same encoding: names and quotations."""
CASE = 4.0
"""Cost of a capital after a small letter."""
SCRIPTS = 6.0
"""Cost of a letter of another script beside an ASCII letter."""
ALONE = 2.5
"""Cost of a word in another script among mostly ASCII words."""
FEW_LETTERS = 20
"""Number of letters of another script that a Latin encoding may contain, such as π."""
OTHER_LETTERS = 2.0
"""Cost of an ASCII letter in a word that otherwise would be of another script."""
RARE = {"is": 4.0, "ga": 1.0, "cy": 1.0, "eu": 1.0, "gl": 1.0, "sq": 1.0}
"""Prior cost of less common languages."""
TOGETHER = 0.7
"""Cost of two adjacent accented letters."""


class Guess(NamedTuple):
    """The best encoding, and its fit."""

    encoding: str
    language: str
    fit: float
    """Mean logarithm of the likelihood of a letter: about -3 if the encoding is right, below -6 if it is impossible."""


def guess(data: bytes) -> Guess | None:
    """The most likely single-byte encoding; None if there are only ASCII bytes."""
    words = _words(data)
    letters = sum(map(len, words))
    if not words:
        return None
    counts, plain = Counter(b"".join(words)), _plain(data)
    among = sum(plain.values()) > 5 * len(words)
    best, most = Guess("cp1252", "", -math.inf), -math.inf
    for encoding, (languages, cost) in ENCODINGS.items():
        shape = _shape(encoding, words, ALONE if among else 0.0)
        for language in languages.split():
            table = _table(encoding, language)
            total = sum(number * table[byte] for byte, number in counts.items()) - shape
            beside = PLAIN_WEIGHT * sum(number * table[byte] for byte, number in plain.items()) - RARE.get(
                language, 0.0
            )
            if total + beside - cost > most:
                best, most = Guess(encoding, language, (total - cost) / letters), total + beside - cost
    return best


def _words(data: bytes) -> list[bytes]:
    found, size = [], 0
    for match in WORD.finditer(data):
        found.append(match[0][:200])
        size += len(found[-1])
        if size > SAMPLE:
            break
    return found


def _plain(data: bytes) -> Counter[int]:
    """Letters of ASCII words."""
    found: Counter[int] = Counter()
    size = 0
    for match in PLAIN.finditer(data[: 4 * SAMPLE]):
        found.update(match[0])
        size += len(match[0])
        if size > MOST_PLAIN:
            break
    return found


@lru_cache(maxsize=256)
def _table(encoding: str, language: str) -> tuple[float, ...]:
    """The logarithm of the likelihood of each byte."""
    shares = _shares(language)
    if "e" not in shares:
        shares = {**{letter: share for letter, share in _shares("en").items() if letter.isascii()}, **shares}
    own = _alphabet(language)
    others = frozenset().union(*(_alphabet(other) for other in ENCODINGS[encoding][0].split())) - own
    found = []
    for character in _characters(encoding):
        low = character.lower()
        if low in shares:
            share = shares[low]
        elif low in others:
            share = FOREIGN / len(others)
        elif character.isascii():
            share = NO_LETTER
        elif character in SIGNS:
            share = SIGN
        elif character in RARE_SIGNS:
            share = RARE_SIGN
        elif character == "\ufffd" or character < "\xa0" or "\ue000" <= character <= "\uf8ff":
            share = IMPOSSIBLE
        else:
            share = NO_LETTER
        found.append(math.log(share))
    return tuple(found)


@lru_cache(maxsize=64)
def _shares(language: str) -> dict[str, float]:
    return {letter: int(number) / 10_000 for letter, number in re.findall(r"(\D)(\d+)", FREQUENCIES[language])}


@lru_cache(maxsize=64)
def _alphabet(language: str) -> frozenset[str]:
    return frozenset(_shares(language))


@lru_cache(maxsize=32)
def _characters(encoding: str) -> str:
    return bytes(range(256)).decode(encoding, "replace")


@lru_cache(maxsize=32)
def _classes(encoding: str) -> bytes:
    """The class of each byte: `a` or `A` for an ASCII letter, `l` or `L` for another Latin one, `s` or `S` for one of another
    script, `q` for a character that occurs in no word, and `x` for all others."""
    found = []
    for character in _characters(encoding):
        if character in SIGNS | RARE_SIGNS or unicodedata.category(character)[0] not in "LM":
            found.append("q" if character > "\x7f" and character not in APOSTROPHES else "x")
        elif character.isascii():
            found.append("A" if character.isupper() else "a")
        else:
            kind = "l" if character < "\u0370" else "s"
            found.append(kind.upper() if character.isupper() else kind)
    return "".join(found).encode()


COSTS = {
    **{small + capital: CASE for small in "als" for capital in "ALS"},
    **{a + s: SCRIPTS for a in "aAlL" for s in "sS"},
    **{s + a: SCRIPTS for a in "aAlL" for s in "sS"},
    **{one + two: TOGETHER for one, two in ("ll", "LL", "Ll")},
    "lL": CASE + TOGETHER,
}
"""Classes of two adjacent characters → cost."""


def _shape(encoding: str, words: list[bytes], alone: float) -> float:
    """The cost of adjacent characters in all words, plus `alone` for each word of another script."""
    shapes = b" ".join(words).translate(_classes(encoding).replace(b" ", b"x")).decode()
    pairs = Counter(pairwise(f"x{shapes}"))
    begin = sum(pairs["x", letter] for letter in "sS")
    inside = INSIDE * len(WITHIN.findall(shapes))
    if _classes(encoding).count(b"s") > FEW_LETTERS:
        inside += OTHER_LETTERS * sum(map(shapes.count, "aA"))
    return alone * begin + inside + sum(number * COSTS.get(one + two, 0.0) for (one, two), number in pairs.items())
