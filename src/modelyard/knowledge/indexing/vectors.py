"""Vectors of texts: embedded once for each model, then found by the text's hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from modelyard.core.errors import UpstreamFailed
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeVector
from modelyard.knowledge.types import Models

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

PORTION = 500
"""Hashes of one query; SQLite takes some ten thousand parameters, others less."""
BATCH = 128
"""Texts that are embedded, and kept, at a time: what a crash can lose."""


def text_hash(text: str) -> str:
    """What a text's vector is found by."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def unit(vectors: Sequence[Sequence[float]]) -> Matrix:
    """Rows of length one; a row of zeros stays."""
    import numpy as np  # a quarter of a second that a server without knowledge bases need not wait

    rows = np.asarray(vectors, dtype="<f4")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype="<f4")


def as_vector(stored: bytes | None) -> Sequence[float] | None:
    """A vector as it is kept in its row."""
    import numpy as np

    return None if stored is None else cast(Sequence[float], np.frombuffer(stored, "<f4"))


class Vectors:
    """The table of vectors, and the model that fills it."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database = database
        self._models = models

    async def known(self, model: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """Those of these texts that were embedded before."""
        found: dict[str, bytes] = {}
        for first in range(0, len(hashes), PORTION):
            asked = select(KnowledgeVector.hash, KnowledgeVector.vector).where(
                KnowledgeVector.model == model, KnowledgeVector.hash.in_(hashes[first : first + PORTION])
            )
            async with self._database.session() as session:
                found |= {name: vector for name, vector in (await session.execute(asked)).all()}
        return found

    async def ensure(
        self,
        model: str,
        texts: dict[str, str],
        dimension: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> tuple[dict[str, bytes], list[str]]:
        """The vector of each text, by hash, and which had to be made. Raises what the model's server raises.

        `texts` has a text for each hash. Raises `UpstreamFailed` where vectors have another length than `dimension`.
        """
        found = await self.known(model, list(texts))
        missing = [name for name in texts if name not in found]
        for first in range(0, len(missing), BATCH):
            names = missing[first : first + BATCH]
            rows = unit(await self._models.embed(model, [texts[name] for name in names]))
            if dimension is not None and rows.shape[1] != dimension:
                raise UpstreamFailed(
                    model,
                    f"it gives vectors of length {rows.shape[1]} where the base has {dimension}; index the base anew.",
                )
            made = {name: row.tobytes() for name, row in zip(names, rows, strict=True)}
            await self._keep(model, made)
            found |= made
            progress(first + len(names))
        return found, missing

    async def _keep(self, model: str, made: dict[str, bytes]) -> None:
        rows = [{"model": model, "hash": name, "vector": vector} for name, vector in made.items()]
        async with self._database.session() as session:
            dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
            await session.execute(dialect.insert(KnowledgeVector).on_conflict_do_nothing(), rows)
