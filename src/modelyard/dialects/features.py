"""What a dialect does with each field: the type of the tables that translators read and `docs/reference/dialects.md` shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import msgspec

from modelyard.core.errors import UnsupportedParameter
from modelyard.protocol.inference import ChatRequest
from modelyard.protocol.misspelled import check_spelling

CHAT_FIELDS = frozenset(each.name for each in msgspec.structs.fields(ChatRequest))
"""Fields of a chat completion, with those of all engines."""


class Fate(StrEnum):
    """What becomes of a field."""

    HONOURED = "honoured"
    TRANSLATED = "translated"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Feature:
    """What a dialect does with a field, a block or a kind of tool."""

    fate: Fate
    note: str = ""
    """How it is translated, why it has no effect, or why it is refused: the end of the error's sentence."""


Table = Mapping[str, Feature]


def honoured(note: str = "") -> Feature:
    """It means what it means in a chat completion."""
    return Feature(Fate.HONOURED, note)


def translated(note: str) -> Feature:
    """It becomes something else in a chat completion."""
    return Feature(Fate.TRANSLATED, note)


def ignored(note: str) -> Feature:
    """It is accepted and has no effect on the answer."""
    return Feature(Fate.IGNORED, note)


def refused(note: str) -> Feature:
    """It is an error, because without it the answer would be another one."""
    return Feature(Fate.REFUSED, note)


def other_fields(body: bytes, model: str, table: Table) -> dict[str, Any]:
    """The fields of a body that are in no table, as their JSON: they pass to the engine.

    Raises `UnsupportedParameter`, and `InvalidParameter` for a name that is almost one of the table or of a chat completion.
    """
    found: dict[str, Any] = {}
    for name, value in msgspec.json.decode(body, type=dict[str, msgspec.Raw]).items():
        feature = table.get(name)
        if name == "n" and bytes(value) not in (b"null", b"1"):
            raise UnsupportedParameter(name, model, "an answer of this API is one text")
        if feature is None:
            found[name] = value
        elif feature.fate is Fate.REFUSED and bytes(value) not in (b"null", b"[]", b"{}", b"false"):
            raise UnsupportedParameter(name, model, feature.note)
    check_spelling(found, table, CHAT_FIELDS)
    return found
