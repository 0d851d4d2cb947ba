"""The store that needs only a folder: tantivy for words, plain files for vectors, exact vector search."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy
from numpy.typing import NDArray

from modelyard.core.errors import IndexUnavailable
from modelyard.core.wording import reason
from modelyard.knowledge.indexing.stores import checks
from modelyard.knowledge.indexing.stores.lexicon import Lexicon
from modelyard.knowledge.indexing.stores.vectors import VectorRows
from modelyard.knowledge.indexing.words import VERSION
from modelyard.knowledge.types import IndexEntry, Matches, Store

FORMAT: Final = f"1.{VERSION}"
"""Version of the files and of the terms; a store with another format is emptied."""
LOCK: Final = "lock"
T = TypeVar("T")


def open_embedded(*, folder: Path, url: str, base: int, generation: int, dimension: int | None) -> Store:
    """The embedded store in `folder`, which is its own. Raises `IndexUnavailable`."""
    return EmbeddedStore(folder, dimension)


class EmbeddedStore(Store):
    """Indexes in a folder that one process opens at a time. If files cannot be read, they are deleted, and the store is empty.

    An id is present if both halves have it. After a crash each half is consistent by itself; ids that only one of them has are
    removed when the store is opened, and `ids` then shows what is missing.
    """

    def __init__(self, folder: Path, dimension: int | None) -> None:
        self.folder = folder
        self.dimension = dimension
        self._writing = threading.Lock()
        self._closed = False
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise IndexUnavailable(str(folder), f"{reason(error)}.") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise IndexUnavailable(str(folder), "it is open in another place.") from error
        try:
            self._open()
        except (OSError, ValueError) as error:
            os.close(self._lock)
            raise IndexUnavailable(str(folder), f"{reason(error)}.") from error

    def ids(self) -> set[int]:
        with self._writing:
            self._check()
            return set(self._rows.view.live.tolist())

    def apply(self, add: Sequence[IndexEntry], remove: Sequence[int]) -> None:
        additions, removals = checks.changes(add, remove)
        vectors = checks.matrix(add, self.dimension)
        with self._writing:
            self._check()
            view = self._rows.view
            fresh = _chosen(list(additions.values()), view.rows_of(additions) < 0)
            removed = _chosen(list(removals), view.rows_of(removals) >= 0)
            if not fresh and not removed:
                return
            if vectors is not None:
                places = {entry.id: at for at, entry in reversed(list(enumerate(add)))}
                vectors = vectors[[places[entry.id] for entry in fresh]]
            try:
                self._write(fresh, removed, vectors)
            except (OSError, ValueError) as error:
                raise IndexUnavailable(str(self.folder), f"{reason(error)}.") from error

    def lexical(self, query: str, k: int, documents: frozenset[int] | None = None) -> list[tuple[int, float]]:
        self._check()
        if documents is not None and not documents:
            return []
        try:
            return self._words.search(query, k, documents)
        except (OSError, ValueError) as error:
            raise IndexUnavailable(str(self.folder), f"{reason(error)}.") from error

    def nearest(
        self, vector: Sequence[float], k: int, documents: frozenset[int] | None = None
    ) -> list[tuple[int, float]]:
        self._check()
        if self.dimension is None:
            return []
        return self._rows.view.nearest(checks.query(vector, self.dimension), k, documents)

    def matches(
        self, query: str | None, vector: Sequence[float] | None, k: int, documents: frozenset[int] | None = None
    ) -> Matches:
        lexical = {} if query is None else dict(self.lexical(query, k, documents))
        similarity = {} if vector is None else dict(self.nearest(vector, k, documents))
        most, background = 0.0, list[float]()
        if query is not None:
            try:
                scores, most = self._words.scores(query, similarity.keys() - lexical)
            except (OSError, ValueError) as error:
                raise IndexUnavailable(str(self.folder), f"{reason(error)}.") from error
            lexical |= scores
        if vector is not None and self.dimension is not None:
            unit = checks.query(vector, self.dimension)
            view = self._rows.view
            similarity |= view.products(unit, lexical.keys() - similarity)
            background = view.background(unit)
        return Matches(lexical, most, similarity, background)

    def rest(self) -> None:
        with self._writing:
            if not self._closed:
                self._words.rest()

    def close(self) -> None:
        with self._writing:
            if not self._closed:
                self._closed = True
                self._words.close()
                self._rows.close()
                os.close(self._lock)

    def drop(self) -> None:
        self.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _check(self) -> None:
        if self._closed:
            raise IndexUnavailable(str(self.folder), "it is closed.")

    def _open(self) -> None:
        """Read the files; if they are damaged or have another format, start empty."""
        about = self._about()
        if about is None:
            self._empty()
            about = self._write_about(1)
        try:
            self._read(int(about["rows"]))
        except (OSError, ValueError):
            self._empty()
            self._write_about(1)
            self._read(1)

    def _read(self, number: int) -> None:
        with contextlib.ExitStack() as undo:
            self._rows = VectorRows(self.folder, number, self.dimension)
            undo.callback(self._rows.close)
            self._words = Lexicon(self.folder / "words")
            undo.callback(self._words.close)
            self._reconcile()
            for path in self.folder.glob("*.*"):
                if path.name not in {f"rows.{number}", f"vectors.{number}", "about.json"}:
                    path.unlink()
            undo.pop_all()

    def _reconcile(self) -> None:
        """Remove chunks that only one half has."""
        ids, counts = numpy.unique(self._words.ids(), return_counts=True)
        known = set(self._rows.view.live.tolist())
        good = set(ids[counts == 1].tolist()) & known
        strange = set(ids.tolist()) - good
        if strange:
            self._words.apply((), strange)
        self._rows.publish(known - good)

    def _write(self, fresh: list[IndexEntry], removed: list[int], vectors: Any) -> None:
        """Write vectors, then ids, then words; the commit of the words completes the change."""
        try:
            self._rows.reserve([entry.id for entry in fresh], [entry.document for entry in fresh], vectors)
            self._words.apply(fresh, removed)
        except (OSError, ValueError):
            self._rows.abandon()
            raise
        self._rows.publish(removed)
        if self._rows.wasteful:
            old, new = self._rows, self._rows.compact()
            self._write_about(new.number)
            self._rows = new
            old.close(delete=True)

    def _about(self) -> dict[str, Any] | None:
        try:
            about = json.loads((self.folder / "about.json").read_bytes())
        except (OSError, ValueError):
            return None
        additions = {"format": FORMAT, "dimension": self.dimension}
        ours = isinstance(about, dict) and isinstance(about.get("rows"), int) and additions.items() <= about.items()
        return about if ours else None

    def _write_about(self, number: int) -> dict[str, Any]:
        """Write `about.json`, which names the files that are valid from now on."""
        about = {"format": FORMAT, "dimension": self.dimension, "rows": number}
        new = self.folder / "about.new"
        with new.open("w") as file:
            json.dump(about, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.folder / "about.json")
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return about

    def _empty(self) -> None:
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name != LOCK:
                path.unlink()


def _chosen(values: Sequence[T], mask: NDArray[numpy.bool]) -> list[T]:
    return [value for value, inside in zip(values, mask.tolist(), strict=True) if inside]
