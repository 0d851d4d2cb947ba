"""Folders of chats."""

from __future__ import annotations

import time
from collections.abc import Sequence

from sqlalchemy import delete, func, select

from modelyard.chats import rows
from modelyard.core.access import Owner
from modelyard.core.errors import ChatFolderNotFound
from modelyard.db.chat_tables import ChatFolderRow, ChatRow
from modelyard.db.owners import mine
from modelyard.db.session import Database, retried


class ChatFolders:
    """The folders of all owners. Folders of other owners raise `ChatFolderNotFound`, as if they did not exist."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def all(self, owner: Owner) -> Sequence[tuple[ChatFolderRow, int]]:
        """Folders by name, with the number of their chats."""
        count = select(func.count()).where(ChatRow.folder_id == ChatFolderRow.id).scalar_subquery()
        query = mine(select(ChatFolderRow, count), owner, ChatFolderRow.owner)
        async with self.database.session() as session:
            found = await session.execute(query.order_by(ChatFolderRow.name, ChatFolderRow.id))
            return [(row, int(number)) for row, number in found]

    async def create(self, owner: Owner, name: str) -> ChatFolderRow:
        """Make a folder."""
        row = ChatFolderRow(id=rows.new_id(), owner=owner.id, name=name, created_at=time.time())
        async with self.database.session() as session:
            session.add(row)
        return row

    @retried
    async def rename(self, owner: Owner, folder: str, name: str) -> tuple[ChatFolderRow, int]:
        """Change the name of a folder. Raises `ChatFolderNotFound`."""
        async with self.database.writing() as session:
            row = await session.get(ChatFolderRow, folder)
            if row is None or not owner.sees(row.owner):
                raise ChatFolderNotFound(folder)
            row.name = name
            count = await session.scalar(select(func.count()).where(ChatRow.folder_id == folder))
        return row, int(count or 0)

    @retried
    async def delete(self, owner: Owner, folder: str) -> None:
        """Delete a folder; its chats stay. Raises `ChatFolderNotFound`."""
        async with self.database.freeing() as session:
            row = await session.get(ChatFolderRow, folder)
            if row is None or not owner.sees(row.owner):
                raise ChatFolderNotFound(folder)
            await session.execute(delete(ChatFolderRow).where(ChatFolderRow.id == folder))
