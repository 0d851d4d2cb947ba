"""Where chunks are indexed. One store is one file; its name stands in one line here, or in a stranger's entry point."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from modelyard.core.registry import Registry
from modelyard.knowledge.types import Store


class Open(Protocol):
    """Opens a store, and makes it where it is not there. What is there but damaged, or of other terms, is emptied."""

    def __call__(self, *, folder: Path, url: str, base: int, generation: int, dimension: int | None) -> Store:
        """`folder` is this store's own; `url` is SQLAlchemy's of the database; `dimension` is None without vectors."""


STORES: Registry[Open] = Registry(
    "stores",
    {
        "embedded": "modelyard.knowledge.indexing.stores.embedded:open_embedded",
        "postgres": "modelyard.knowledge.indexing.stores.postgres:open_postgres",
    },
)


def open_store(kind: str, *, folder: Path, url: str, base: int, generation: int, dimension: int | None) -> Store:
    """The indexes of one generation of a base, perhaps empty. Raises `UnknownName`, `MissingLibrary`, `Unavailable`."""
    return STORES.get(kind)(folder=folder, url=url, base=base, generation=generation, dimension=dimension)
