"""Reads the chunks of hits from the database, and caches them: the text of a chunk never changes under one id."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import select

from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeChunk, KnowledgeDocument
from modelyard.protocol.hits import Hit

MOST_KNOWN = 50_000
_COLUMNS = [
    getattr(KnowledgeChunk, name)
    for name in ("id", "base_id", "document_id", "page", "page_breaks", "start", "end", "heading", "text")
]
"""What a hit has of a chunk; reading whole rows of the table takes twice as long."""


class ChunkCache:
    """Chunks of recent hits."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[int, Hit] = OrderedDict()
        """Chunks by id, without scores."""
        self._forgotten = 0
        """Number of invalidations. Rows that were read before the latest one are not cached."""

    def forget(self, ids: Iterable[int]) -> None:
        """Drop these chunks, because their position or details have changed."""
        self._forgotten += 1
        for each in ids:
            self._known.pop(each, None)

    def forget_all(self) -> None:
        """Drop all chunks, because a base was renamed."""
        self._forgotten += 1
        self._known.clear()

    async def read(self, ids: Sequence[int], names: Mapping[int, str]) -> dict[int, Hit]:
        """Chunks by id, without scores; `names` maps ids of bases to their names. Those that are no longer there are missing."""
        known = {number: self._known[number] for number in ids if number in self._known}
        missing = [number for number in ids if number not in known]
        if not missing:
            return known
        forgotten = self._forgotten
        statement = (
            select(*_COLUMNS, KnowledgeDocument.name)
            .join(KnowledgeDocument, KnowledgeDocument.id == KnowledgeChunk.document_id)
            .where(KnowledgeChunk.id.in_(missing))
        )
        async with self._database.session() as session:
            rows = (await session.execute(statement)).all()
        read = {row.id: _hit(row, names.get(row.base_id, "")) for row in rows}
        if forgotten == self._forgotten:
            self._known.update(read)
        while len(self._known) > MOST_KNOWN:
            self._known.popitem(last=False)
        return known | read


def _hit(row: Any, base: str) -> Hit:
    """A chunk as a hit, without scores."""
    return Hit(
        chunk_id=row.id,
        knowledge_base=base,
        document_id=row.document_id,
        document=row.name,
        page=row.page,
        page_breaks=[(offset, page) for offset, page in row.page_breaks],
        start=row.start,
        end=row.end,
        heading=row.heading,
        text=row.text,
    )
