"""The language of the command line: English, or Chinese by `MODELYARD_LANGUAGE` or the locale.

Texts are written in English where they are used; `chinese.json` has their translations, and is read only for Chinese.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

VARIABLE = "MODELYARD_LANGUAGE"
LOCALES = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
"""Variables of the locale, in the order in which gettext reads them; the first that is set decides."""

_translations: Mapping[str, str] = {}
_translate: Callable[[str], str] | None = None


def is_chinese(environment: Mapping[str, str], arguments: Sequence[str]) -> bool:
    """Whether a command speaks Chinese: by the environment, and not where programs read its output (`--json`)."""
    chosen = next((value for name in (VARIABLE, *LOCALES) if (value := environment.get(name, "").strip())), "")
    return chosen.lower().startswith("zh") and "--json" not in arguments and _can_print("中")


def say(text: str, **values: object) -> str:
    """A text in the language of the command line; `values` are put into its placeholders."""
    found = _translations.get(text, text)
    return found.format(**values) if values else found


def translate(sentence: str) -> str:
    """A finished English sentence, with values in it, in the language of the command line."""
    return _translate(sentence) if _translate else sentence


@contextmanager
def speaking(translations: Mapping[str, str], sentences: Callable[[str], str] | None = None) -> Iterator[None]:
    """Let `say` and `translate` use these translations of English texts in a block; none of them for English."""
    global _translations, _translate
    before = _translations, _translate
    _translations, _translate = translations, sentences
    try:
        yield
    finally:
        _translations, _translate = before


def _can_print(text: str) -> bool:
    """Whether stdout and stderr have an encoding with these characters."""
    try:
        for stream in (sys.stdout, sys.stderr):
            text.encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return False
    return True
