"""The open indexes of all bases: which store serves which generation, and keeping it in step with the rows.

Rows are the truth. A store is compared with them when it is opened, and what differs is put right, so a crash at any moment,
a restored backup or a deleted folder cost time and nothing else.
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
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk, KnowledgeVector
from modelyard.knowledge.documents import rows
from modelyard.knowledge.indexing.stores import open_store
from modelyard.knowledge.indexing.vectors import as_vector
from modelyard.knowledge.types import Entry, Store

log = logging.getLogger(__name__)
T = TypeVar("T")

EMBEDDED = "embedded"
WRITERS = 4
"""Stores that keep what writing needs (some five threads and 10 MB each); the one that was written least recently rests."""
PORTION = 1000
"""Chunks that are read from the rows at once while a store is filled."""


@dataclass(slots=True)
class Index:
    """One generation's store, and who uses it now."""

    store: Store
    dimension: int | None = None
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Indexes:
    """Opens stores when they are needed. Everything that blocks runs in threads."""

    def __init__(self, database: Database, folder: Path, kind: str, url: str, most: int) -> None:
        """At most `most` stores stay open; the one that was used least recently is closed."""
        self._database = database
        self._folder = folder
        self._kind = kind
        self._url = url
        self._most = most
        self._writers: OrderedDict[tuple[int, int], None] = OrderedDict()
        """Stores that were written to, the last one last."""
        self._open: OrderedDict[tuple[int, int], Index] = OrderedDict()
        self._locks: defaultdict[tuple[int, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        """Held while a store is opened, closed or dropped."""
        self._gone: set[tuple[int, int]] = set()
        self.on_change: Callable[[], None] = lambda: None
        """Told that a base has another generation, or vectors of another width, than it had."""

    async def check(self) -> None:
        """Make and drop a store, where stores are elsewhere. Raises what such a store raises that cannot be used."""
        if self._kind != EMBEDDED:
            await asyncio.to_thread(lambda: self._make(0, 0, 1).drop())

    async def use(self, base: KnowledgeBase, work: Callable[[Store], T], generation: int | None = None) -> T:
        """Run `work` with the store of a base, in a thread; the store is opened and put in step first if need be."""
        index = await self._index(base, generation or base.generation)
        index.users += 1
        try:
            return await asyncio.to_thread(work, index.store)
        finally:
            index.users -= 1

    async def apply(
        self, base: KnowledgeBase, generation: int, add: Sequence[Entry], remove: Sequence[int] = ()
    ) -> None:
        """Add and remove chunks whose rows are committed; those that searches shall not find by now are not added."""
        index = await self._index(base, generation)
        index.users += 1
        try:
            async with index.writing:
                shown = await self._visible(base.id, generation, add)
                await asyncio.to_thread(index.store.apply, _filled(shown, index.dimension), remove)
            await self._rest_some((base.id, generation))
        finally:
            index.users -= 1

    async def follow(self, base: KnowledgeBase, add: Sequence[Entry], remove: Sequence[int] = ()) -> None:
        """As `apply`, of the present generation, for a change by hand, whose rows count whether the index can be written or not.

        One that cannot be written now is compared with its rows when it is opened next; one that was dropped is not needed.
        """
        if not add and not remove:
            return
        try:
            await self.apply(base, base.generation, add, remove)
        except IndexUnavailable as error:
            log.warning("the index of '%s' is read again from its rows: %s", base.name, error.message)
            await self.reopen(base.id, base.generation)

    async def _visible(self, base_id: int, generation: int, entries: Sequence[Entry]) -> list[Entry]:
        """Without chunks that were deleted or disabled between their commit and now."""
        wanted: set[int] = set()
        for first in range(0, len(entries), PORTION):
            ids = [each.id for each in entries[first : first + PORTION]]
            asked = rows.searchable(base_id, generation).where(KnowledgeChunk.id.in_(ids))
            async with self._database.session() as session:
                wanted.update(await session.scalars(asked))
        return [each for each in entries if each.id in wanted]

    async def reopen(self, base_id: int, generation: int) -> None:
        """Close a store, so that it is opened, and put in step, with what is then known of its generation."""
        self.on_change()
        key = (base_id, generation)
        async with self._locks[key]:
            if (index := self._open.pop(key, None)) is not None:
                await _unused(index)
                await asyncio.to_thread(index.store.close)

    async def drop(self, base_id: int, generation: int) -> None:
        """Delete a generation's store, open or not, for ever; who asks for it later gets `IndexUnavailable`."""
        self.on_change()
        key = (base_id, generation)
        self._gone.add(key)
        async with self._locks[key]:
            index = self._open.pop(key, None)
            if index is not None:
                await _unused(index)
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

    async def _index(self, base: KnowledgeBase, generation: int) -> Index:
        key = (base.id, generation)
        async with self._locks[key]:
            if key in self._gone:
                raise IndexUnavailable(str(self._place(*key)), "it was replaced by another one, or deleted.")
            if (index := self._open.get(key)) is None:
                index = self._open[key] = await self._opened(base, generation)
                await self._close_some(key)
        self._open.move_to_end(key)
        return index

    async def _opened(self, base: KnowledgeBase, generation: int) -> Index:
        async with self._database.session() as session:
            row, job = await session.get(KnowledgeBase, base.id), await rows.rebuilding(session, base.id)
            if row is None or generation not in (row.generation, job.generation if job else row.generation):
                raise IndexUnavailable(str(self._place(base.id, generation)), "it is of the past.")
            model, dimension = await rows.embedding_of(session, base.id, generation)
            wanted = set(await session.scalars(rows.searchable(base.id, generation)))
        store = await asyncio.to_thread(self._make, base.id, generation, dimension)
        there = await asyncio.to_thread(store.ids)
        missing, gone = sorted(wanted - there), list(there - wanted)
        if missing or gone:
            log.info("index of base %s: %d chunks to add, %d to remove", base.name, len(missing), len(gone))
        for first in range(0, len(missing), PORTION):
            entries = await self.entries(missing[first : first + PORTION], model)
            await asyncio.to_thread(store.apply, _filled(entries, dimension), gone)
            gone = []
        if gone:
            await asyncio.to_thread(store.apply, [], gone)
        return Index(store, dimension)

    async def entries(self, ids: Sequence[int], model: str | None) -> list[Entry]:
        """Chunks as a store takes them, read from their rows."""
        asked = (
            select(KnowledgeChunk.id, KnowledgeChunk.document_id, KnowledgeChunk.text, KnowledgeVector.vector)
            .outerjoin(
                KnowledgeVector,
                and_(KnowledgeVector.hash == KnowledgeChunk.hash, KnowledgeVector.model == (model or "")),
            )
            .where(KnowledgeChunk.id.in_(ids))
        )
        async with self._database.session() as session:
            found = (await session.execute(asked)).all()
        return [Entry(number, document, text, as_vector(vector)) for number, document, text, vector in found]

    async def _rest_some(self, written: tuple[int, int]) -> None:
        """Note that a store was written to, and let others rest."""
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


def _filled(entries: Sequence[Entry], dimension: int | None) -> list[Entry]:
    """With a vector that is like no other where there is none yet, so that words find the chunk."""
    if dimension is None:
        return list(entries)
    return [each if each.vector is not None else replace(each, vector=[0.0] * dimension) for each in entries]


async def _unused(index: Index) -> None:
    while index.users:  # noqa: ASYNC110
        await asyncio.sleep(0.005)  # searches end within milliseconds
