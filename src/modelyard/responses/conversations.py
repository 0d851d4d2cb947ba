"""Conversations and their items, which their owners create, read and delete. Those of other owners appear as missing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.core.access import Owner
from modelyard.core.errors import DuplicateItem, ItemNotFound, ThreadNotFound
from modelyard.db.response_tables import ResponseItemRow, ThreadRow
from modelyard.db.session import Database, retried
from modelyard.responses import threads
from modelyard.responses.items import check_new, new_id
from modelyard.responses.quotas import ResponseQuotas
from modelyard.responses.types import Freed, ItemPage, StoredConversation, StoredItem, ThreadPlace


class ConversationStore:
    """The conversations of all owners. They stay until they are deleted."""

    def __init__(self, database: Database, quotas: ResponseQuotas) -> None:
        self.database = database
        self._quotas = quotas

    async def create(
        self, owner: Owner, metadata: Mapping[str, str], items: Sequence[StoredItem] = ()
    ) -> StoredConversation:
        """Create a conversation. Raises `DuplicateItem`, `ResponseQuotaExceeded` or `NotEnoughDisk`."""
        check_new(items, ())
        await self._check_room(owner)
        row = threads.new_thread(owner.id, new_id("conv"), conversation=True, details=metadata)
        async with self.database.writing() as session:
            session.add(row)
            await session.flush()
            await session.run_sync(threads.append, owner.id, ThreadPlace(row.id), items, join=True)
        self._quotas.add(owner.id, row.details_size + sum(item.size for item in items))
        return _conversation(row)

    async def get(self, owner: Owner, name: str) -> StoredConversation:
        """A conversation without its items. Raises `ThreadNotFound`."""
        async with self.database.session() as session:
            return _conversation(await _visible(session, owner, name))

    async def change(self, owner: Owner, name: str, metadata: Mapping[str, str]) -> StoredConversation:
        """Replace the metadata of a conversation. Raises `ThreadNotFound`, `ResponseQuotaExceeded` or `NotEnoughDisk`."""
        await self._check_room(owner)
        return await self._change(owner, name, metadata)

    @retried
    async def _change(self, owner: Owner, name: str, metadata: Mapping[str, str]) -> StoredConversation:
        async with self.database.writing() as session:
            row = await _visible(session, owner, name)
            before = row.details_size
            row.details, row.details_size = dict(metadata), threads.conversation_bytes(metadata)
        self._quotas.add(row.owner, row.details_size - before)
        return _conversation(row)

    @retried
    async def delete(self, owner: Owner, name: str) -> None:
        """Delete a conversation with the items that no response has. Raises `ThreadNotFound`."""
        async with self.database.freeing() as session:
            row = await _visible(session, owner, name)
            freed: Freed = Counter({row.owner: row.details_size})
            row.conversation, row.details, row.details_size = False, {}, 0
            await session.flush()
            freed += await threads.trim(session, name)
        self._quotas.free(freed)

    async def add_items(self, owner: Owner, name: str, items: Sequence[StoredItem]) -> None:
        """Append items. Raises `ThreadNotFound`, `DuplicateItem`, `ResponseQuotaExceeded` or `NotEnoughDisk`."""
        check_new(items, ())
        await self._check_room(owner)
        await self._append(owner, name, items)
        self._quotas.add(owner.id, sum(item.size for item in items))

    @retried
    async def _append(self, owner: Owner, name: str, items: Sequence[StoredItem]) -> None:
        query = select(ResponseItemRow.id).where(
            ResponseItemRow.thread_id == name,
            ResponseItemRow.id.in_([item.id for item in items]),
            ResponseItemRow.hidden.is_(False),
        )
        async with self.database.writing() as session:
            row = await _visible(session, owner, name)
            if (known := (await session.execute(query.limit(1))).first()) is not None:
                raise DuplicateItem(known.id)
            await session.run_sync(threads.append, row.owner, ThreadPlace(name), items, join=True)

    async def items(self, owner: Owner, name: str, after: str | None, limit: int, ascending: bool) -> ItemPage:
        """Some items of a conversation. Raises `ThreadNotFound` or `ItemNotFound`."""
        async with self.database.session() as session:
            row = await _visible(session, owner, name)
            page = await threads.page_before(session, ThreadPlace(name, row.length), after, limit, ascending)
        if page is None:
            raise ItemNotFound(after or "", f"conversation '{name}'", "after")
        return page

    async def item(self, owner: Owner, name: str, item: str) -> StoredItem:
        """One item of a conversation. Raises `ThreadNotFound` or `ItemNotFound`."""
        query = select(ResponseItemRow.json).where(
            ResponseItemRow.thread_id == name, ResponseItemRow.id == item, ResponseItemRow.hidden.is_(False)
        )
        async with self.database.session() as session:
            await _visible(session, owner, name)
            found = await session.scalar(query.limit(1))
        if found is None:
            raise ItemNotFound(item, f"conversation '{name}'")
        return StoredItem(item, found)

    @retried
    async def delete_item(self, owner: Owner, name: str, item: str) -> StoredConversation:
        """Delete an item from a conversation. Raises `ThreadNotFound` or `ItemNotFound`."""
        async with self.database.freeing() as session:
            row = await _visible(session, owner, name)
            if (size := await threads.hide(session, name, item)) is None:
                raise ItemNotFound(item, f"conversation '{name}'")
        self._quotas.add(row.owner, -size)
        return _conversation(row)

    async def _check_room(self, owner: Owner) -> None:
        self.database.check_room()
        await self._quotas.make_room(owner.id)


def _conversation(row: ThreadRow) -> StoredConversation:
    return StoredConversation(row.id, row.created_at, row.details)


async def _visible(session: AsyncSession, owner: Owner, name: str) -> ThreadRow:
    row = await session.get(ThreadRow, name)
    if row is None or not row.conversation or not owner.sees(row.owner):
        raise ThreadNotFound(name)
    return row
