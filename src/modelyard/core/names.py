"""Names that users choose: rules for names that appear in URLs, and one spelling for names that look alike."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from modelyard.core.errors import InvalidParameter

BASE = "kb:"
"""Prefix of a knowledge base's name where a request names a model."""
LONGEST = 100
"""Maximum characters of the name of a key or a user."""
MODEL_ROUTES = frozenset(
    {"estimate", "families", "instance", "instances", "plan", "prompts", "summary", "vllm-supported"}
)
"""Path segments that routes have in the position of a model's name; a test compares them with the routes."""
BEHIND_MODELS = frozenset(
    {"abort", "cancel", "config", "events", "logs", "progress", "reload", "replicas", "requests", "versions"}
)
"""Path segments that routes have after a model's name."""


def composed(name: str) -> str:
    """A name in Unicode's composed form (NFC): `é` as one character, where macOS writes two."""
    return unicodedata.normalize("NFC", name)


def spellings(names: Iterable[str]) -> list[str]:
    """Names as given and in composed form, because rows of an older version may have either."""
    return list(dict.fromkeys(each for name in names for each in (composed(name), name)))


def check_line(param: str, text: str) -> None:
    """Raise `InvalidParameter` for a text that is not suitable for a table, a log line or a terminal."""
    if not text or text != text.strip() or not text.isprintable():
        raise InvalidParameter(param, "it may not be empty, hold control characters or begin or end with a space.")
    if len(text) > LONGEST:
        raise InvalidParameter(param, f"it has {LONGEST} characters at most.")


def addressable(param: str, name: str, *, separated: bool = False) -> str:
    """Return a name that is suitable for URLs; with `separated` it may have parts separated by `/`.

    Raises `InvalidParameter`. Browsers, proxies and clients remove `.`, `..` and empty parts from a path.
    """
    parts = name.split("/")
    if not separated and len(parts) > 1:
        raise InvalidParameter(param, "a name has no '/': it stands in addresses.")
    if any(part in ("", ".", "..") for part in parts):
        raise InvalidParameter(param, "a name has no parts that are empty, '.' or '..': it stands in addresses.")
    return name


def checked_model_name(param: str, name: str) -> str:
    """Return a name that a model or an adapter may have. Raises `InvalidParameter`."""
    addressable(param, name, separated=True)
    if name != composed(name):
        raise InvalidParameter(param, "a name is written in composed characters (Unicode NFC), as most keyboards do.")
    first, *others = name.split("/")
    reserved = next((each for each in others if each in BEHIND_MODELS), first if name in MODEL_ROUTES else None)
    if reserved is not None:
        raise InvalidParameter(param, f"'{reserved}' is a part of a route's address there; choose another name.")
    return name
