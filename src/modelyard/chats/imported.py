"""A chat of an export, whatever system made it, before it is stored."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from modelyard.chats.types import ChatSettings, NewMessage

LONGEST_ID = 32
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
PLAIN = re.compile(r"[0-9A-Za-z_.:-]{1,32}")


@dataclass(frozen=True, slots=True)
class ImportedNode:
    """A message of an export, under the ids that the export gives."""

    id: str
    parent: str | None
    message: NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedChat:
    """A chat of an export. Parents come before their children."""

    id: str
    title: str
    created_at: float
    """Unix time."""
    kind: str = "chat"
    pinned: bool = False
    folder: str | None = None
    """Name of its folder."""
    settings: ChatSettings = field(default_factory=ChatSettings)
    active_leaf: str | None = None
    nodes: list[ImportedNode]


def in_order(nodes: Iterable[ImportedNode]) -> list[ImportedNode]:
    """Nodes with parents before children, otherwise in their order; a node whose parent is missing, or that is its own
    ancestor, begins a branch."""
    by_id = {each.id: each for each in nodes}
    placed: dict[str, ImportedNode] = {}
    for node in by_id.values():
        waiting: list[str] = []
        each: str | None = node.id
        while each is not None and each in by_id and each not in placed and each not in waiting:
            waiting.append(each)
            each = by_id[each].parent
        for name in reversed(waiting):
            parent = by_id[name].parent
            placed[name] = replace(by_id[name], parent=parent if parent in placed else None)
    return list(placed.values())


def identity(name: str) -> str:
    """An id that the store accepts: the given one if it is short and plain, that of a UUID without its dashes, else a hash."""
    if UUID.fullmatch(name):
        return name.replace("-", "")
    return name if PLAIN.fullmatch(name) else derived(name)


def derived(*names: str) -> str:
    """An id that is made of names."""
    return hashlib.blake2b("\n".join(names).encode(), digest_size=LONGEST_ID // 2).hexdigest()


def text(value: Any) -> str:
    """A text of an export; empty for anything else."""
    return value if isinstance(value, str) else ""


def fields(value: Any) -> Mapping[str, Any]:
    """An object of an export; empty for anything else."""
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    """A list of an export; empty for anything else."""
    return value if isinstance(value, list) else []


def number(value: Any, otherwise: float) -> float:
    """A finite number of an export that is no boolean, else another one."""
    if not isinstance(value, int | float) or isinstance(value, bool):
        return otherwise
    try:
        found = float(value)
    except OverflowError:
        return otherwise
    return found if math.isfinite(found) else otherwise
