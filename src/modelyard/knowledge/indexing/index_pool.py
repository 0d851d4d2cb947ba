"""Opens and closes the stores of all bases, and keeps each of them equal to the rows.

The rows are authoritative. A store is compared with them when it is opened, and differences are repaired. So a crash at any
moment, a restored backup or a deleted folder cost time and nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from sqlalchemy import and_, select

from modelyard.core.errors import IndexUnavailable
from modelyard.db.session import Database
from modelyard.db.statements import batched
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeVector
from modelyard.knowledge.documents import rows
from modelyard.knowledge.indexing.stores import open_store
from modelyard.knowledge.indexing.vectors import as_vector
from modelyard.knowledge.types import IndexEntry, Store, indexed_text

log = logging.getLogger(__name__)
T = TypeVar("T")

EMBEDDED = "embedded"
WRITERS = 4
"""Stores that keep their writers (about five threads and 10 MB each); the least recently written ones release them."""


@dataclass(slots=True)
class OpenIndex:
    """The open store of one generation of a base."""

    store: Store
    dimension: int | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0
    """Number of calls that use it at present; it is not closed meanwhile."""


class IndexPool:
    """Opens stores on demand. Blocking calls run in threads."""

    def __init__(self, database: Database, folder: Path, kind: str, url: str, most: int) -> None:
        """At most `most` stores stay open; the least recently used one is closed."""
        self._database = database
        self._folder = folder
        self._kind = kind
        self._url = url
        self._most = most
        self._writers: OrderedDict[tuple[int, int], None] = OrderedDict()
        """Stores with a writer, the most recently written one last."""
        self._open: OrderedDict[tuple[int, int], OpenIndex] = OrderedDict()
        self._locks: defaultdict[tuple[int, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while a store is opened, closed or deleted."""
        self._gone: set[tuple[int, int]] = set()
        self.on_change: Callable[[], None] = lambda: None
        """Called when a base has another generation, or vectors of another length."""

    async def check(self) -> None:
        """Create and delete a store, if stores are outside this process. Raises the errors of an unusable store."""
        if self._kind != EMBEDDED:
            await asyncio.to_thread(lambda: self._make(0, 0, 1).drop())

    async def use(self, base: KnowledgeBase, work: Callable[[Store], T], generation: int | None = None) -> T:
        """Run `work` with the store of a base, in a thread; the store is opened first if necessary."""
        index = await self._index(base, generation or base.generation)
        index.users += 1
        try:
            return await asyncio.to_thread(work, index.store)
        finally:
            index.users -= 1

    async def apply(
        self, base: KnowledgeBase, generation: int, add: Sequence[IndexEntry], remove: Sequence[int] = ()
    ) -> None:
        """Add and remove chunks whose rows are committed. Chunks that were disabled or deleted meanwhile are not added."""
        index = await self._index(base, generation)
        index.users += 1
        try:
            async with index.writing:
                visible = await self._visible(base.id, generation, add)
                await asyncio.to_thread(index.store.apply, _with_vectors(visible, index.dimension), remove)
            await self._rest_some((base.id, generation))
        finally:
            index.users -= 1

    async def follow(self, base: KnowledgeBase, add: Sequence[IndexEntry], remove: Sequence[int] = ()) -> None:
        """Apply a change by a user to the present generation. Does not fail if the index cannot be written.

        Such an index is compared with its rows when it is opened again.
        """
        if not add and not remove:
            return
        try:
            await self.apply(base, base.generation, add, remove)
        except IndexUnavailable as error:
            log.warning("the index of '%s' will be rebuilt from its rows: %s", base.name, error.message)
            await self.reopen(base.id, base.generation)

    async def _visible(self, base_id: int, generation: int, entries: Sequence[IndexEntry]) -> list[IndexEntry]:
        """The entries whose chunks were not deleted or disabled after their commit."""
        visible: set[int] = set()
        for ids in batched([each.id for each in entries]):
            query = rows.searchable(base_id, generation).where(KnowledgeChunk.id.in_(ids))
            async with self._database.session() as session:
                visible.update(await session.scalars(query))
        return [each for each in entries if each.id in visible]

    async def reopen(self, base_id: int, generation: int) -> None:
        """Close a store, so that the next use opens it again and compares it with the rows."""
        self.on_change()
        key = (base_id, generation)
        async with self._locks[key]:
            if (index := self._open.pop(key, None)) is not None:
                await _wait_until_unused(index)
                await asyncio.to_thread(index.store.close)

    async def drop(self, base_id: int, generation: int) -> None:
        """Delete the store of a generation permanently, open or not; later uses of it raise `IndexUnavailable`."""
        self.on_change()
        key = (base_id, generation)
        self._gone.add(key)
        async with self._locks[key]:
            index = self._open.pop(key, None)
            if index is not None:
                await _wait_until_unused(index)
                await asyncio.to_thread(index.store.drop)
            elif self._kind == EMBEDDED:
                await asyncio.to_thread(shutil.rmtree, self._place(base_id, generation), True)
            else:
                await asyncio.to_thread(lambda: self._make(base_id, generation, None).drop())

    async def drop_all(self, base_id: int, generations: Iterable[int]) -> None:
        """Delete these stores of a base, and its folder."""
        for generation in generations:
            await self.drop(base_id, generation)
        await asyncio.to_thread(shutil.rmtree, self._folder / str(base_id), True)

    async def close(self) -> None:
        """Close every store."""
        for index in self._open.values():
            await asyncio.to_thread(index.store.close)
        self._open.clear()

    def _place(self, base_id: int, generation: int) -> Path:
        return self._folder / str(base_id) / str(generation)

    def _make(self, base_id: int, generation: int, dimension: int | None) -> Store:
        return open_store(
            self._kind,
            folder=self._place(base_id, generation),
            url=self._url,
            base=base_id,
            generation=generation,
            dimension=dimension,
        )

    async def _index(self, base: KnowledgeBase, generation: int) -> OpenIndex:
        key = (base.id, generation)
        async with self._locks[key]:
            if key in self._gone:
                raise IndexUnavailable(str(self._place(*key)), "it was replaced by a newer generation, or deleted.")
            if (index := self._open.get(key)) is None:
                index = self._open[key] = await self._opened(base, generation)
                await self._close_some(key)
        self._open.move_to_end(key)
        return index

    async def _opened(self, base: KnowledgeBase, generation: int) -> OpenIndex:
        async with self._database.session() as session:
            row, job = await session.get(KnowledgeBase, base.id), await rows.rebuilding(session, base.id)
            if row is None or generation not in (row.generation, job.generation if job else row.generation):
                raise IndexUnavailable(str(self._place(base.id, generation)), "it is of the past.")
            model, dimension = await rows.embedding_of(session, base.id, generation)
            expected = set(await session.scalars(rows.searchable(base.id, generation)))
        store = await asyncio.to_thread(self._make, base.id, generation, dimension)
        try:
            await self._compare(store, base.name, expected, model, dimension)
        except BaseException:
            await asyncio.shield(asyncio.to_thread(store.close))
            raise
        return OpenIndex(store, dimension)

    async def _compare(
        self, store: Store, base: str, expected: set[int], model: str | None, dimension: int | None
    ) -> None:
        """Add the chunks that a store lacks, and remove those that it should not have."""
        present = await asyncio.to_thread(store.ids)
        missing, extra = sorted(expected - present), list(present - expected)
        if missing or extra:
            log.info("index of base %s: %d chunks to add, %d to remove", base, len(missing), len(extra))
        for ids in batched(missing):
            entries = await self.entries(ids, model)
            await asyncio.to_thread(store.apply, _with_vectors(entries, dimension), extra)
            extra = []
        if extra:
            await asyncio.to_thread(store.apply, [], extra)

    async def entries(self, ids: Sequence[int], model: str | None) -> list[IndexEntry]:
        """The entries of chunks, read from their rows."""
        query = (
            select(
                KnowledgeChunk.id,
                KnowledgeChunk.document_id,
                KnowledgeChunk.heading,
                KnowledgeChunk.text,
                KnowledgeVector.vector,
            )
            .outerjoin(
                KnowledgeVector,
                and_(KnowledgeVector.hash == KnowledgeChunk.hash, KnowledgeVector.model == (model or "")),
            )
            .where(KnowledgeChunk.id.in_(ids))
        )
        async with self._database.session() as session:
            found = (await session.execute(query)).all()
        return [
            IndexEntry(number, document, indexed_text(heading, text), as_vector(vector))
            for number, document, heading, text, vector in found
        ]

    async def rest(self) -> None:
        """Let every store release what only writing needs."""
        for key in list(self._writers):
            del self._writers[key]
            if (index := self._open.get(key)) is not None:
                await asyncio.to_thread(index.store.rest)

    async def _rest_some(self, written: tuple[int, int]) -> None:
        """Record that a store was written to, and let others release their writers."""
        self._writers[written] = None
        self._writers.move_to_end(written)
        while len(self._writers) > WRITERS:
            key, _ = self._writers.popitem(last=False)
            if (index := self._open.get(key)) is not None:
                await asyncio.to_thread(index.store.rest)

    async def _close_some(self, kept: tuple[int, int]) -> None:
        for key in list(self._open):
            if len(self._open) <= self._most:
                return
            lock = self._locks[key]
            if key != kept and not lock.locked() and key in self._open and self._open[key].users == 0:
                async with lock:
                    await asyncio.to_thread(self._open.pop(key).store.close)


def _with_vectors(entries: Sequence[IndexEntry], dimension: int | None) -> list[IndexEntry]:
    """Entries with vectors. Those that have none yet get zeros, so that they are found by words only."""
    if dimension is None:
        return list(entries)
    return [each if each.vector is not None else replace(each, vector=[0.0] * dimension) for each in entries]


async def _wait_until_unused(index: OpenIndex) -> None:
    while index.users:  # noqa: ASYNC110
        await asyncio.sleep(0.005)  # searches end within milliseconds
