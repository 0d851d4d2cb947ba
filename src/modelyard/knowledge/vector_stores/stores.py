"""What a base says as a vector store: its id, its metadata and when it expires, and the names of new stores."""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.errors import VectorStoreExpired, VectorStoreNotFound
from modelyard.db.tables import KnowledgeBase

EXTRA = "vector_store"
"""Key in `KnowledgeBase.extra` of what only vector stores have."""
DAY = 24 * 3600
UNNAMED = "vector store"
"""The name of a base that was created as a store without one."""
LARGEST = (1 << 63) - 1
_ID = re.compile(r"vs_([0-9a-f]{24})")


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """What a base keeps for clients of vector stores."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    days: int | None = None
    """Days after its last use in which its documents are deleted; None keeps them."""

    def extra(self, base: Mapping[str, Any]) -> dict[str, Any]:
        """`KnowledgeBase.extra` with these settings, and all else that was in it."""
        return {**base, EXTRA: {"metadata": dict(self.metadata), "days": self.days}}


def store_settings(base: KnowledgeBase) -> StoreSettings:
    """The settings of a base; those of one that was not created as a store are empty."""
    kept: Any = base.extra.get(EXTRA)
    return StoreSettings(kept["metadata"], kept["days"]) if isinstance(kept, dict) else StoreSettings()


def store_id(base_id: int) -> str:
    """The id of a store: made of the base's, so that it stays when the base is renamed."""
    return f"vs_{base_id:024x}"


def base_number(name: str) -> int | None:
    """The id of the base that a store's id means; None for a text that is no such id."""
    match = _ID.fullmatch(name)
    if match is None:
        return None
    number = int(match[1], 16)
    if number > LARGEST:
        raise VectorStoreNotFound(name)
    return number


def expires_at(base: KnowledgeBase) -> float | None:
    """The Unix time at which the documents of a base are deleted; None for never."""
    days = store_settings(base).days
    return None if days is None else base.used_at + days * DAY


def has_expired(base: KnowledgeBase) -> bool:
    """Whether the time of a base is over, whether or not its documents are deleted already."""
    end = expires_at(base)
    return end is not None and end <= time.time()


def check_alive(base: KnowledgeBase) -> None:
    """Raise `VectorStoreExpired` for a base whose time is over."""
    if has_expired(base):
        raise VectorStoreExpired(store_id(base.id))


def free_name(name: str | None, taken: Collection[str]) -> str:
    """The name of a new base: the wished one, with a number behind it if there is such a base. OpenAI's names need not differ."""
    name = name or UNNAMED
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} {number}"
    return free
