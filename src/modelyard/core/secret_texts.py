"""Masks secrets in lines of logs: known values, and what stands behind a name such as `api_key=`. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from modelyard.core.secrets import MASK, is_secret

SHORTEST = 8
"""Characters of a secret that is masked wherever it stands; shorter values stand in other words, too."""
NAMED = re.compile(
    r"""(?ix)
    ( (?<![a-z])
      (?: api_?key | (?:access|auth|hf|refresh)_?token | token | secret(?:_key)? | passw(?:or)?d | credentials? | signature )
      (?![a-z0-9_]) ["']? \s* [=:] \s* [\[("']* )
    (?! none\b | null\b | true\b | false\b | \*{3} | [,)\]}] ) [^\s"',;&)\]}]+
    """
)
"""A name that indicates a secret, and its value."""
BEARER = re.compile(r"(?i)\b(bearer\s+)[a-z0-9._~+/=-]{8,}")
USER = re.compile(r"(://[^\s/:@]+:)[^\s/@]+@")
"""Password in a URL."""


class SecretTexts:
    """Masks the secrets of one server."""

    def __init__(self, values: Iterable[str]) -> None:
        texts = sorted({value for value in values if len(value) >= SHORTEST}, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, texts))) if texts else None

    def masked(self, text: str) -> str:
        """The text with `MASK` in place of every secret."""
        if self._values is not None:
            text = self._values.sub(MASK, text)
        text = NAMED.sub(rf"\1{MASK}", text)
        text = BEARER.sub(rf"\1{MASK}", text)
        return USER.sub(rf"\1{MASK}@", text)


def secret_values(variables: Mapping[str, str]) -> list[str]:
    """The values of environment variables whose names indicate secrets."""
    return [value for name, value in variables.items() if is_secret(name)]
