"""Splits texts and queries into terms for lexical search, identically for all stores.

Words are folded and stemmed; compounds give themselves and their parts; scripts that are written without spaces give
characters and pairs of characters. Full and half width, traditional and simplified Chinese, and Latin letters with and without
accents are one in the terms, not in the text that is shown.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache, lru_cache
from operator import add
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import opencc
    import tantivy

VERSION: Final = 2
"""Version of the terms; an index of another version is made again."""
MAX_TERM: Final = 64
"""Maximum characters of a term. Longer words are cut; longer compounds yield only their parts."""

_SPACELESS: Final = (
    "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff"  # Thai, Lao, Burmese, Jamo, Khmer
    "\u2e80-\u2fdf\u3005-\u3007\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_MARKS: Final = "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
"""Marks inside words of Latin, Hebrew, Arabic and Indian scripts, which `\\w` does not match."""
_LETTERS: Final = rf"[^\W_{_SPACELESS}]+(?:[{_MARKS}]+[^\W_{_SPACELESS}]*)*"
_JOINT: Final = "(?:[-./'&@\u2019\u2010-\u2015\u2212]|_+)"
_TOKEN: Final = re.compile(
    rf"[{_SPACELESS}]+"
    r"|\d{1,3}(?:,\d{3})+(?:\.\d+)?(?![\d,])"
    rf"|{_LETTERS}(?:{_JOINT}{_LETTERS})*(?:\+\+|\#)?"
)
_HAN: Final = re.compile("[\u3400-\u9fff]")
_ACCENTED: Final = re.compile("[\u00c0-\u024f\u1e00-\u1eff][\u0300-\u036f]*|(?<=[A-Za-z])[\u0300-\u036f]+")
_RUN: Final = re.compile(f"[{_SPACELESS}]")
_DASHES: Final = re.compile("[\u2010-\u2015\u2212]")
_NUMBER: Final = re.compile(r"\d+\.\d+")
_BETWEEN: Final = re.compile(_JOINT)
_PIECES: Final = re.compile(r"\d+|[a-z]+")
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_STEM: Final = re.compile(r"[a-z]{3,}")

_STOP_WORDS: Final = re.compile(
    "an?|and|are|as|at|be|but|by|can|did|do|does|for|how|i|if|in|into|is|it|no|not|of|on|or|such|that|the|their|then|there"
    "|these|they|this|to|was|we|what|when|where|which|who|why|will|with|you"
)
_STOP_CHARACTERS: Final = frozenset("的了吗呢吧啊呀嘛么是在和与及或之其也都就而着把被个のはがをにでとも")
_STOP_PAIRS: Final = re.compile("什么|怎么|怎样|哪些|哪个|哪里|请问|为什|多少|什麼|怎麼|哪個")


def terms(text: str) -> list[str]:
    """The terms of a text for an index, in order and with repetitions. No term contains a space."""
    found: list[str] = []
    for token in _tokens(text):
        if token[0] >= "\u0e00" and _RUN.match(token):
            found += token
            found += map(add, token, token[1:])
        else:
            found += _of_word(token)
    return found


def query_terms(text: str) -> list[str]:
    """The terms of a query, each once. Function words are left out, unless there are no other words."""
    found: list[str] = []
    content: list[str] = []
    for token in _tokens(text):
        if token[0] >= "\u0e00" and _RUN.match(token):
            pairs = list(map(add, token, token[1:])) or [token]
            found += pairs
            content += [
                pair for pair in pairs if not _STOP_PAIRS.fullmatch(pair) and not _STOP_CHARACTERS.issuperset(pair)
            ]
        else:
            words = _of_word(token)
            found += words
            if not _STOP_WORDS.fullmatch(token.casefold()):
                content += words
    return list(dict.fromkeys(content or found))


def plain(text: str) -> str:
    """A text in one width, in simplified Chinese, and with Latin letters without accents."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text)
    if _HAN.search(text):
        text = _simplifier().convert(text)
    return _ACCENTED.sub(_without_accent, text)


def forget_words() -> None:
    """Clear the cache of words' terms, which indexing fills with about 20 MB."""
    _of_word.cache_clear()


@lru_cache(maxsize=1)
def _simplifier() -> opencc.OpenCC:
    """Converts traditional Chinese to simplified; loaded with the first Chinese text, as it takes 7 MB."""
    import opencc

    return opencc.OpenCC("t2s")


def _without_accent(match: re.Match[str]) -> str:
    """A Latin letter without its marks; others, such as ø and ß, as they are."""
    letters = unicodedata.normalize("NFD", match.group())
    return "".join(letter for letter in letters if not "\u0300" <= letter <= "\u036f")


def _tokens(text: str) -> list[str]:
    """Words, compounds, numbers and unspaced runs. A Chinese comma never groups the digits of a number."""
    if not text.isascii():
        text = text.replace("，", " ").replace("\u00ad", "").replace("\u200b", "")
        text = plain(text)
    found: list[str] = _TOKEN.findall(text)
    return found


@lru_cache(maxsize=1 << 14)  # enough for the words of most texts; each takes about 300 bytes
def _of_word(token: str) -> tuple[str, ...]:
    """The terms of one word, number or compound, the most specific first and each once."""
    word = _DASHES.sub("-", token.casefold().replace("\u2019", "'")).removesuffix("'s")
    number = word.replace(",", "")
    if _NUMBER.fullmatch(number):
        return tuple(dict.fromkeys(each[:MAX_TERM] for each in (number, number.rstrip("0").rstrip("."))))
    if "," in word:
        return (number[:MAX_TERM],)
    whole = word.rstrip("+#")
    parts = _split(token, whole)
    found = [] if len(word) > MAX_TERM and len(parts) > 1 else [_stem(word[:MAX_TERM])]
    if len(parts) > 1:
        joined = whole.replace("-", "")
        if joined.isalnum() and len(joined) <= MAX_TERM:
            found.append(_stem(joined))  # e-mail matches email, MX-2140 matches MX2140
        found += [_stem(part[:MAX_TERM]) for part in parts]
    elif whole != word:
        found.append(_stem(whole[:MAX_TERM]))
    return tuple(dict.fromkeys(found))


def _split(token: str, whole: str) -> list[str]:
    """The parts of a compound, and of these the letters and digits, and the words of camelCase."""
    if whole.isascii() and whole.isalpha():
        camel = _CAMEL.split(token) if token[1:] != token[1:].lower() else []
        return [piece.casefold() for piece in camel] if len(camel) > 1 and min(map(len, camel)) > 1 else [whole]
    parts: list[str] = []
    for part in _BETWEEN.split(whole):
        parts.append(part)
        pieces = _PIECES.findall(part) if part.isascii() else []
        if 1 < len(pieces) <= 4:
            parts += pieces
    return parts


def _stem(word: str) -> str:
    """The stem of an English word; other words unchanged."""
    if not _STEM.fullmatch(word):
        return word
    stems = _english().analyze(word)
    return stems[0] if stems else word


@cache
def _english() -> tantivy.TextAnalyzer:
    """The stemmer of English, created once. tantivy is imported here, because it takes 3 MB that a server without bases saves."""
    import tantivy

    return tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.raw()).filter(tantivy.Filter.stemmer("english")).build()
