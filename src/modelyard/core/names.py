"""Names that people give: one rule for what can stand in an address, and one spelling of what looks the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from modelyard.core.errors import InvalidParameter

LONGEST = 100
"""Characters of the name of a key or a user."""
MODEL_ROUTES = frozenset({"estimate", "families", "instance", "instances", "prompts", "summary", "vllm-supported"})
"""Words that routes have in the place of a model's name; a test holds them against the routes."""
BEHIND_MODELS = frozenset(
    {"abort", "cancel", "config", "events", "logs", "progress", "reload", "replicas", "requests", "versions"}
)
"""Words that routes have behind a model's name."""


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC): `é` is one character, as most systems write it, and not two, as macOS does."""
    return unicodedata.normalize("NFC", name)


def spellings(names: Iterable[str]) -> list[str]:
    """Names as they were given, and composed: rows of an older version may have either."""
    return list(dict.fromkeys(each for name in names for each in (composed(name), name)))


def check_line(param: str, text: str) -> None:
    """Raises `InvalidParameter` for a text that could not stand in a column of names, a log or a terminal."""
    if not text or text != text.strip() or not text.isprintable():
        raise InvalidParameter(param, "may not be empty, hold control characters or begin or end with a space.")
    if len(text) > LONGEST:
        raise InvalidParameter(param, f"has {LONGEST} characters at most.")


def addressable(param: str, name: str, *, separated: bool = False) -> str:
    """A name as given, which can stand in an address; with `separated` it may have parts with `/` between them.

    Raises `InvalidParameter`. Browsers, proxies and clients take `.` and `..` out of an address, and an empty part.
    """
    parts = name.split("/")
    if not separated and len(parts) > 1:
        raise InvalidParameter(param, "a name has no '/': it stands in addresses.")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidParameter(param, "a name has no parts that are empty, '.' or '..': it stands in addresses.")
    return name


def checked_model_name(param: str, name: str) -> str:
    """A name that a model or an adapter can have. Raises `InvalidParameter`."""
    addressable(param, name, separated=True)
    if name != composed(name):
        raise InvalidParameter(param, "a name is written in composed characters (Unicode NFC), as most keyboards do.")
    first, *others = name.split("/")
    taken = next((each for each in others if each in BEHIND_MODELS), first if name in MODEL_ROUTES else None)
    if taken is not None:
        raise InvalidParameter(param, f"'{taken}' is a part of a route's address there; choose another name.")
    return name
