"""Translates finished sentences: finds the template of one, and puts its values into the template's translation.

Commands print sentences with values in them, and so do errors, of which many come from a server. Templates are those of the code
that makes the sentences, `No model '{name}' runs.`; sentences without a template stay as they are.
So that a template does not take other texts for its own, `{count}` stands for a number, and a placeholder at the beginning for
one word, unless its name is `problem`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDER = re.compile(r"\{(\w+)\}")
BETWEEN = re.compile(r"(?<=[.?]) ")
"""What stands between two sentences."""


class SentenceTable:
    """Translations by template. Values that are sentences themselves, such as a hint, are translated, too."""

    def __init__(self, translations: Mapping[str, str]) -> None:
        self._translations = translations
        self._templates = sorted(
            (each for each in translations if PLACEHOLDER.search(each)),
            key=lambda template: len(PLACEHOLDER.sub("", template)),
            reverse=True,
        )

    def translate(self, text: str) -> str:
        """The translation of one or several sentences, with the white space around them; unknown sentences stay."""
        sentences = text.strip()
        found = self._all(sentences) if sentences else None
        return text if found is None else text.replace(sentences, found, 1)

    def _all(self, sentences: str) -> str | None:
        """The translation of sentences together, else of each; None if all of them are unknown."""
        if (whole := self._one(sentences)) is not None:
            return whole
        parts = BETWEEN.split(sentences)
        found = [self._one(part) for part in parts]
        if not any(found):
            return None
        return "".join(each or f" {part} " for each, part in zip(found, parts, strict=True)).strip()

    def _one(self, sentence: str) -> str | None:
        if sentence in self._translations:
            return self._translations[sentence]
        for template in self._templates:
            if (values := values_in(sentence, template)) is not None:
                parts = {name: self._value(value) for name, value in values.items()}
                return self._translations[template].format(**parts)
        return None

    def _value(self, value: str) -> str:
        """A value, translated if it is a sentence; a word, which may be a name, stays."""
        return (self._all(value.strip()) or value) if " " in value.strip() else value


def values_in(sentence: str, template: str) -> dict[str, str] | None:
    """The values that a template has in a sentence; None if the sentence was not made by it."""
    literals = PLACEHOLDER.split(template)
    if not (sentence.startswith(literals[0]) and sentence.endswith(literals[-1])):
        return None
    names = literals[1::2]
    pattern = re.escape(literals[0])
    for index, (name, literal) in enumerate(zip(names, literals[2::2], strict=True)):
        begins = index == 0 and not literals[0]
        pattern += (f"(?P={name})" if name in names[:index] else _group(name, begins)) + re.escape(literal)
    match = re.fullmatch(pattern, sentence, re.DOTALL)
    return match.groupdict() if match else None


def _group(name: str, begins: bool) -> str:
    """The pattern of a placeholder's values; `begins` says that the sentence begins with it."""
    word = r"\S+?" if begins and name != "problem" else ".*?"
    return f"(?P<{name}>{r'[0-9,]+' if name == 'count' else word})"
