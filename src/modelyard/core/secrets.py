"""Masks secrets in launch requests before they are shown: environment values, and options that contain keys. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

MASK = "********"
ARGUMENTS = "_args"
"""Suffix of the names of options that are command lines."""
SECRET = re.compile(r"(^|_)(api_?key|key|token|secret|passw(or)?d|credentials?)$")

USER_INFO = re.compile(r"://[^/?#\s@]+@")
"""The user part of a URL, which may be a password or token."""


def mask_secrets(launch: Mapping[str, Any]) -> dict[str, Any]:
    """A launch with `MASK` in place of every secret."""
    return {name: _hidden(name, value) for name, value in launch.items()}


def restore_secrets(fields: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    """A launch from a client, in which values masked by `mask_secrets` are replaced by those in `before`."""
    return {name: _kept(name, value, before.get(name)) for name, value in fields.items()}


def holds_secrets(name: str, value: Any) -> bool:
    """Whether a value of a launch has a secret anywhere: under a name in it, in a JSON text, or in the user part of a URL."""
    if _hidden(name, value) != value:
        return True
    if isinstance(value, Mapping):
        return any(holds_secrets(str(key), each) for key, each in value.items())
    if isinstance(value, list):
        return _hidden_words([str(each) for each in value]) != [str(each) for each in value] or any(
            holds_secrets(name, each) for each in value
        )
    if not isinstance(value, str):
        return False
    if USER_INFO.search(value):
        return True
    if not value.lstrip().startswith(("{", "[")):
        return False
    try:
        return holds_secrets(name, json.loads(value))
    except (ValueError, RecursionError):
        return False


def _hidden(name: str, value: Any) -> Any:
    if name == "envs" and isinstance(value, Mapping):
        return dict.fromkeys(value, MASK)
    if isinstance(value, str) and value and is_secret(name):
        return MASK
    if name.endswith(ARGUMENTS) and isinstance(value, str):
        words = value.split()
        return value if (masked := _hidden_words(words)) == words else " ".join(masked)
    if name.endswith(ARGUMENTS) and isinstance(value, list):
        return _hidden_words([str(word) for word in value])
    return mask_secrets(value) if isinstance(value, Mapping) else value


def _hidden_words(words: Sequence[str]) -> list[str]:
    """A command line with `MASK` in place of the value of every argument whose name indicates a secret."""
    result: list[str] = []
    secret = False
    for word in words:
        flag, equals, _ = word.partition("=")
        result.append(MASK if secret and not word.startswith("-") else word)
        secret = word.startswith("-") and is_secret(flag)
        if secret and equals:
            result[-1], secret = f"{flag}={MASK}", False
    return result


def is_secret(name: str) -> bool:
    """Whether the name of an option or a variable indicates a secret."""
    return SECRET.search(name.lower().replace("-", "_")) is not None


def _kept(name: str, value: Any, before: Any) -> Any:
    if before is not None and value == _hidden(name, before):
        return before
    if isinstance(value, Mapping):
        return restore_secrets(value, before if isinstance(before, Mapping) else {})
    return before if value == MASK and before is not None else value
