"""Vectors of texts: each text is embedded once per model, and its vector is found by the hash of the text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, cast

from sqlalchemy import select

from modelyard.core.errors import UpstreamFailed
from modelyard.db.session import Database
from modelyard.db.statements import batched, insert_into
from modelyard.db.tables import KnowledgeVector
from modelyard.knowledge.types import Models

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Matrix = NDArray[np.float32]

KEPT_AT_ONCE = 128
"""Number of texts that are embedded and stored at a time, which a crash can lose."""


def unit(vectors: Sequence[Sequence[float]]) -> Matrix:
    """Normalize rows to length 1; a row of zeros is unchanged."""
    import numpy as np  # takes a quarter of a second, which a server without knowledge bases does not need

    rows = np.asarray(vectors, dtype="<f4")
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.where(lengths == 0, 1, lengths), dtype="<f4")


def as_vector(stored: bytes | None) -> Sequence[float] | None:
    """Decode a vector from its row."""
    import numpy as np

    return None if stored is None else cast(Sequence[float], np.frombuffer(stored, "<f4"))


class Vectors:
    """The table of vectors, and the models that fill it."""

    def __init__(self, database: Database, models: Models) -> None:
        self._database = database
        self._models = models

    async def known(self, model: str, hashes: Sequence[str]) -> dict[str, bytes]:
        """The stored vectors of these hashes."""
        found: dict[str, bytes] = {}
        for some in batched(hashes):
            query = select(KnowledgeVector.hash, KnowledgeVector.vector).where(
                KnowledgeVector.model == model, KnowledgeVector.hash.in_(some)
            )
            async with self._database.session() as session:
                found |= {name: vector for name, vector in (await session.execute(query)).all()}
        return found

    async def ensure(
        self,
        model: str,
        texts: dict[str, str],
        dimension: int | None = None,
        progress: Callable[[int], None] = lambda done: None,
    ) -> tuple[dict[str, bytes], list[str]]:
        """The vector of each text by hash, and the hashes of those that had to be embedded. Raises the errors of the model.

        `texts` maps hashes to texts. Raises `UpstreamFailed` if vectors have another length than `dimension`.
        """
        found = await self.known(model, list(texts))
        missing = [name for name in texts if name not in found]
        done = 0
        for names in batched(missing, KEPT_AT_ONCE):
            rows = unit(await self._models.embed(model, [texts[name] for name in names]))
            if dimension is not None and rows.shape[1] != dimension:
                raise UpstreamFailed(
                    model,
                    f"it returns vectors of length {rows.shape[1]} where the base has {dimension}; re-index the base.",
                )
            new = {name: row.tobytes() for name, row in zip(names, rows, strict=True)}
            await self._keep(model, new)
            found |= new
            done += len(names)
            progress(done)
        return found, missing

    async def _keep(self, model: str, new: dict[str, bytes]) -> None:
        rows = [{"model": model, "hash": name, "vector": vector} for name, vector in new.items()]
        async with self._database.session() as session:
            await session.execute(insert_into(session, KnowledgeVector).on_conflict_do_nothing(), rows)
