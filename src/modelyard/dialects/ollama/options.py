"""Options of Ollama's API as fields of a chat completion. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from modelyard.core.errors import InvalidParameter, UnsupportedParameter, nearest
from modelyard.core.mismatches import reworded
from modelyard.dialects.features import CHAT_FIELDS, Fate
from modelyard.dialects.ollama.features import OPTIONS
from modelyard.protocol.ollama import OllamaOptions
from modelyard.protocol.requests import PLACE

NAMES: Mapping[str, str] = {"num_predict": "max_tokens", "repeat_penalty": "repetition_penalty"}
"""Option → field of a chat completion, where they differ."""
NOTHING: Mapping[str, tuple[Any, ...]] = {"tfs_z": (1,), "num_predict": (-1, -2), "mirostat": (0,), "typical_p": (1,)}
"""Values of options that ask for nothing."""
LONGEST = 64
"""Characters of an unknown option's name that the error repeats."""


def sampling(options: Mapping[str, Any] | None, model: str, field: str = "options") -> dict[str, Any]:
    """The fields. Raises `InvalidParameter` and `UnsupportedParameter`, which name the option in the field that has it."""
    meant = {
        name: value
        for name, value in (options or {}).items()
        if value is not None and value not in NOTHING.get(name, ())
    }
    found: dict[str, Any] = {}
    for name, value in meant.items():
        feature = OPTIONS.get(name)
        if feature is None and name not in CHAT_FIELDS:
            near = nearest(name, [*OPTIONS, *CHAT_FIELDS])
            hint = f" Did you mean '{near}'?" if near else ""
            raise UnsupportedParameter(f"{field}.{name[:LONGEST]}", model, f"there is no such option.{hint}")
        if feature is not None and feature.fate is Fate.REFUSED:
            raise UnsupportedParameter(f"{field}.{name}", model, feature.note)
        if feature is None or feature.fate is not Fate.IGNORED:
            found[NAMES.get(name, name)] = value
    try:
        msgspec.convert(meant, OllamaOptions)
    except msgspec.ValidationError as error:
        place = PLACE.search(str(error))
        name = place["place"] if place else ""
        problem = str(error)[: place.start()] if place else str(error)
        raise InvalidParameter(
            f"{field}.{name}" if name else field, f"{reworded(problem, OllamaOptions, name)}."
        ) from None
    return found
