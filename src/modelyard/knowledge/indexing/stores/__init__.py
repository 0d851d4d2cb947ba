"""The registry of stores. A store is one file, and one line here or an entry point `modelyard.stores` of another package."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from modelyard.core.registry import Registry
from modelyard.knowledge.types import Store


class Open(Protocol):
    """Opens a store, or creates it. A store that is damaged, or has terms of another version, is emptied."""

    def __call__(self, *, folder: Path, url: str, base: int, generation: int, dimension: int | None) -> Store:
        """`folder` belongs to this store; `url` is the SQLAlchemy URL of the database; `dimension` is None without vectors."""


STORES: Registry[Open] = Registry(
    "stores",
    {
        "embedded": "modelyard.knowledge.indexing.stores.embedded:open_embedded",
        "postgres": "modelyard.knowledge.indexing.stores.postgres:open_postgres",
    },
)


def open_store(kind: str, *, folder: Path, url: str, base: int, generation: int, dimension: int | None) -> Store:
    """Open the store of one generation of a base. Raises `UnknownName`, `MissingLibrary`, `Unavailable`."""
    return STORES.get(kind)(folder=folder, url=url, base=base, generation=generation, dimension=dimension)
