"""What people write into a search box beside words: `"an exact phrase"` and `-word`."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from modelyard.knowledge.indexing.words import plain, query_terms, terms

_PHRASE: Final = re.compile('"([^"\n]{1,200})"|“([^”\n]{1,200})”|「([^」\n]{1,200})」|『([^』\n]{1,200})』')
_EXCLUDED: Final = re.compile('(?<!\\S)-(?=[^\\W\\d_])([^\\s"“”]{3,}|[\u3040-\u9fff\uac00-\ud7af][^\\s"“”]*)')
"""A word behind a hyphen that stands behind a blank. One or two Latin letters are an option of a command, such as `-v`."""
_IDENTIFIER: Final = re.compile("(?=[^a-z]*[A-Z0-9])[A-Z0-9._/#:+\\-–]+|(?=\\S*[0-9])[A-Za-z0-9._/#:+\\-–]+")
"""A word in capitals, or one of letters and digits."""
_JOINT: Final = "[-._/\u2010-\u2015\u2212]"
_CODE: Final = re.compile(f"(?=.*[0-9])[a-z0-9]+(?:{_JOINT}[a-z0-9]+)*")
"""An identifier with digits, folded."""
_PIECES: Final = re.compile("[a-z]+|[0-9]+")
_LETTERS: Final = re.compile("[a-z0-9]")


@dataclass(frozen=True, slots=True)
class ParsedQuery:
    """A query without its syntax."""

    text: str
    """What words and vectors search for: phrases without their quotation marks, and no excluded words."""
    phrases: Sequence[str] = ()
    """What a chunk must contain, each."""
    excluded: Sequence[str] = ()
    """Words that a chunk must not have."""
    _folded: Sequence[re.Pattern[str]] = field(default=(), repr=False)

    @property
    def filters(self) -> bool:
        """Whether there is anything that chunks must or must not have."""
        return bool(self.phrases or self.excluded)

    def admits(self, text: str) -> bool:
        """Whether a chunk of this text has every phrase and no excluded word."""
        folded = fold(text)
        if not all(phrase.search(folded) for phrase in self._folded):
            return False
        if not self.excluded:
            return True
        present = set(terms(text))
        return not any(present.issuperset(query_terms(word)) for word in self.excluded)

    @property
    def notes(self) -> list[str]:
        """Sentences for people about what the syntax does."""
        must = [f'Only passages that contain "{phrase}" are shown.' for phrase in self.phrases]
        return must + [
            f"Passages with '{word}' are left out; write it without the hyphen to find them." for word in self.excluded
        ]


def parse(query: str) -> ParsedQuery:
    """A query as people mean it. One of nothing but excluded words is taken word for word."""
    phrases = [next(filter(None, match.groups())).strip() for match in _PHRASE.finditer(query)]
    phrases = [phrase for phrase in phrases if query_terms(phrase)]
    bare = _PHRASE.sub(" ", query)
    excluded = [match.group(1) for match in _EXCLUDED.finditer(bare)]
    excluded = [word for word in excluded if query_terms(word)]
    text = " ".join(_EXCLUDED.sub(" ", re.sub('["“”「」『』]', " ", query)).split())
    if not text or not (phrases or excluded):
        return ParsedQuery(query)
    return ParsedQuery(text, phrases, excluded, [_pattern(phrase) for phrase in phrases])


def is_identifier(query: str) -> bool:
    """Whether a query has nothing but part numbers, codes or abbreviations, whose spelling says more than a vector of them."""
    words = query.split()
    return bool(words) and all(_IDENTIFIER.fullmatch(word) for word in words)


def codes(query: str) -> list[re.Pattern[str]]:
    """A pattern for each code of a query that has nothing else, to be found in folded texts; none for other queries.

    The letters and digits of a code may be joined in another way, such as `MX2140` for `MX-2140`; two numbers are never one.
    """
    words = fold(query).split() if is_identifier(query) else []
    return [_whole(word) for word in words] if all(_CODE.fullmatch(word) for word in words) else []


def _whole(code: str) -> re.Pattern[str]:
    """Finds a code that is no part of a longer one."""
    pieces = _PIECES.findall(code)
    joints = [
        f"{_JOINT}{'' if left.isdigit() and right.isdigit() else '?'}{right}"
        for left, right in itertools.pairwise(pieces)
    ]
    return re.compile(f"(?<![a-z0-9]){pieces[0]}{''.join(joints)}(?![a-z0-9])")


def fold(text: str) -> str:
    """A text as phrases are compared: in one case, one width and one spelling, with single blanks."""
    return " ".join(plain(text).casefold().split())


def _pattern(phrase: str) -> re.Pattern[str]:
    """Finds a phrase in a folded text; letters and digits at its ends are whole words."""
    folded = fold(phrase)
    before = r"(?<![a-z0-9])" if _LETTERS.match(folded) else ""
    behind = r"(?![a-z0-9])" if _LETTERS.match(folded[-1]) else ""
    return re.compile(f"{before}{re.escape(folded)}{behind}")
