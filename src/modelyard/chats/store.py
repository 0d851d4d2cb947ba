"""The store of chats: trees of messages, which their owners change and the server's answers grow in."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
from msgspec import UNSET
from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.chats import rows
from modelyard.chats.tree import Parents, branch, leaf_without, newest_leaf, path_to, siblings_of
from modelyard.chats.types import (
    ACTIVE_LEAF,
    ActiveLeaf,
    BranchPage,
    Chat,
    ChatChange,
    ChatSettings,
    ChatTree,
    Message,
    MessageChange,
    MessageState,
    NewMessage,
    Part,
)
from modelyard.core.access import Owner
from modelyard.core.errors import (
    ChangedMeanwhile,
    ChatFolderNotFound,
    ChatTooLarge,
    ConversationNotFound,
    InvalidParameter,
)
from modelyard.db.chat_tables import ChatFolderRow, ChatMessageRow, ChatRow
from modelyard.db.owners import owned
from modelyard.db.session import Database, retried
from modelyard.db.statements import batched

MOST_MESSAGES = 10_000
"""Maximum number of messages that are added to a chat."""
MOST_BYTES = 64 * 1024 * 1024
"""Maximum bytes of the messages that are added to a chat, pictures included. Answers may grow beyond it."""


class ChatStore:
    """Chats of all owners. Chats and messages of other owners raise `ConversationNotFound`, as if they did not exist.

    Each change of a tree is one transaction that holds the lock of its chat.
    """

    def __init__(self, database: Database) -> None:
        self.database = database

    async def create(
        self,
        owner: Owner,
        title: str = "",
        *,
        kind: str = "chat",
        settings: ChatSettings | None = None,
        folder: str | None = None,
        name: str | None = None,
    ) -> Chat:
        """Create an empty chat, under the id `name` if given.

        Raises `ChatFolderNotFound`, or `ChangedMeanwhile` if the id is taken.
        """
        now = time.time()
        title = rows.one_line(title, rows.LONGEST_TITLE)
        row = ChatRow(
            id=name or rows.new_id(),
            owner=owner.id,
            title=title,
            search=rows.folded(title),
            kind=kind,
            pinned=False,
            folder_id=folder,
            settings=rows.settings_value(settings or ChatSettings()),
            messages=0,
            size=0,
            created_at=now,
            updated_at=now,
        )
        async with self.database.session() as session:
            if folder is not None:
                await check_folder(session, owner, owner.id, folder)
            session.add(row)
        return rows.chat_of(row)

    async def get_or_create(self, owner: Owner, chat: str, title: str, kind: str) -> Chat:
        """Return the chat of a client's own id, or create it. Raises `ConversationNotFound` if another owner has it."""
        try:
            return await self.get(owner, chat)
        except ConversationNotFound:
            pass
        try:
            return await self.create(owner, rows.one_line(title), kind=kind, name=chat)
        except ChangedMeanwhile:
            return await self.get(owner, chat)

    async def get(self, owner: Owner, chat: str) -> Chat:
        """A chat without its messages. Raises `ConversationNotFound`."""
        async with self.database.session() as session:
            return rows.chat_of(await _chat(session, owner, chat))

    async def ids(self, owner: Owner, chats: Sequence[str] | None = None) -> list[str]:
        """The ids of all own chats of an owner, the most recently used first; or the given ones, without repetitions.

        Raises `ConversationNotFound` for one that it does not see.
        """
        query = select(ChatRow.id)
        if chats is None:
            query = query.where(ChatRow.owner == owner.id).order_by(ChatRow.updated_at.desc(), ChatRow.id.desc())
            async with self.database.session() as session:
                return list(await session.scalars(query))
        found: list[str] = []
        async with self.database.session() as session:
            for some in batched(list(dict.fromkeys(chats))):
                here = set(await session.scalars(query.where(ChatRow.id.in_(some), owned(owner, ChatRow.owner))))
                if missing := [each for each in some if each not in here]:
                    raise ConversationNotFound(missing[0])
                found += some
        return found

    async def tree(self, owner: Owner, chat: str) -> ChatTree:
        """A chat with all its messages. Raises `ConversationNotFound`."""
        query = select(ChatMessageRow).where(ChatMessageRow.chat_id == chat).order_by(ChatMessageRow.number)
        async with self.database.session() as session:
            found = rows.chat_of(await _chat(session, owner, chat))
            messages = [rows.message_of(row) for row in await session.scalars(query)]
        return ChatTree(found, messages)

    async def path(self, owner: Owner, chat: str, leaf: str | None = None, last: int | None = None) -> list[Message]:
        """The messages from the root to a leaf, or only the `last` of them; without `leaf`, to the active leaf.

        Raises `ConversationNotFound`.
        """
        async with self.database.session() as session:
            _, _, ids = await _branch(session, owner, chat, leaf)
            return await _messages(session, ids if last is None else ids[max(len(ids) - last, 0) :])

    async def branch_page(
        self, owner: Owner, chat: str, leaf: str | None = None, *, limit: int | None = None, before: str | None = None
    ) -> BranchPage:
        """The last `limit` messages of a branch, or of those before the message `before`; without `leaf`, of the active one.

        Raises `ConversationNotFound`, also if `before` is not on the branch.
        """
        async with self.database.session() as session:
            found, parents, ids = await _branch(session, owner, chat, leaf)
            if before is not None and before not in ids:
                raise ConversationNotFound(before)
            end = len(ids) if before is None else ids.index(before)
            begin = 0 if limit is None else max(end - limit, 0)
            page = ids[begin:end]
            messages = await _messages(session, page)
        return BranchPage(found, messages, siblings_of(parents, page), len(ids), begin)

    async def message(self, owner: Owner, message: str) -> Message:
        """A message. Raises `ConversationNotFound`."""
        async with self.database.session() as session:
            return rows.message_of(await _message(session, owner, message))

    async def add_message(
        self, owner: Owner, chat: str, message: NewMessage, parent: str | ActiveLeaf | None = ACTIVE_LEAF
    ) -> Message:
        """Add one message; see `add_messages`."""
        [added] = await self.add_messages(owner, chat, [message], parent)
        return added

    @retried
    async def add_messages(
        self,
        owner: Owner,
        chat: str | None,
        messages: Sequence[NewMessage],
        parent: str | ActiveLeaf | None = ACTIVE_LEAF,
    ) -> list[Message]:
        """Add messages below a parent, each as the child of the one before; the last one becomes the active leaf.

        A parent of None makes another root. The first text of a user becomes the title of a chat without one. Without a chat,
        the messages are outside of chats. Raises `ConversationNotFound`, or `ChatTooLarge`.
        """
        async with self.database.writing() as session:
            row = None if chat is None else await _chat(session, owner, chat, lock=True)
            above = None if row is None else await _parent(session, row, parent)
            added: list[ChatMessageRow] = []
            for each in messages:
                added.append(rows.row_of(each, owner.id if row is None else row.owner, chat, above))
                above = added[-1].id
            await add_rows(session, row, added)
            if row is not None:
                row.active_leaf = above
                row.updated_at = max([row.updated_at, *(each.created_at for each in added)])
                first = next((each.text for each in messages if each.role == "user" and each.text), "")
                if not row.title and first:
                    row.title = rows.one_line(first)
                    row.search = rows.folded(row.title)
        return [rows.message_of(each) for each in added]

    @retried
    async def update_message(self, message: str, change: MessageChange) -> Message | None:
        """Change a message that the server makes; None if it was deleted. Neither owner nor limits are checked."""
        async with self.database.writing() as session:
            row = await session.scalar(select(ChatMessageRow).where(ChatMessageRow.id == message).with_for_update())
            if row is None:
                return None
            before = row.size
            rows.change_row(row, change)
            if row.chat_id is not None and row.size != before:
                grown = ChatRow.size + (row.size - before)
                await session.execute(update(ChatRow).where(ChatRow.id == row.chat_id).values(size=grown))
        return rows.message_of(row)

    async def edit_message(self, owner: Owner, chat: str, message: str, content: Sequence[Part]) -> Message:
        """Add a message of the same role and parent with other content; it becomes the active leaf, and the old one stays.

        Raises `ConversationNotFound`, or `ChatTooLarge`.
        """
        old = await self.message_of(owner, chat, message)
        origin = {"edited_from": old.id}
        new = NewMessage(old.role, content, model=old.model, citations=old.citations, metadata=origin)
        return await self.add_message(owner, chat, new, old.parent)

    async def message_of(self, owner: Owner, chat: str, message: str) -> Message:
        """A message of a chat. Raises `ConversationNotFound` if it is in another one."""
        await self.get(owner, chat)
        found = await self.message(owner, message)
        if found.chat != chat:
            raise ConversationNotFound(message)
        return found

    @retried
    async def set_active_leaf(self, owner: Owner, chat: str, message: str) -> Chat:
        """Show the branch of a message: the active leaf becomes the newest one below it. Raises `ConversationNotFound`."""
        async with self.database.writing() as session:
            row = await _chat(session, owner, chat, lock=True)
            parents = await _parents(session, chat)
            if message not in parents:
                raise ConversationNotFound(message)
            row.active_leaf = newest_leaf(parents, message)
        return rows.chat_of(row)

    @retried
    async def delete_branch(self, owner: Owner, chat: str, message: str) -> list[str]:
        """Delete a message and all below it; returns their ids. Raises `ConversationNotFound`."""
        async with self.database.freeing() as session:
            row = await _chat(session, owner, chat, lock=True)
            query = select(ChatMessageRow.id, ChatMessageRow.size).where(ChatMessageRow.chat_id == chat)
            sizes = {each.id: each.size for each in await session.execute(query)}
            parents = await _parents(session, chat)
            if message not in parents:
                raise ConversationNotFound(message)
            ids = branch(parents, message)
            if row.active_leaf in set(ids):
                row.active_leaf = leaf_without(parents, message)
            for some in batched(ids):
                await session.execute(delete(ChatMessageRow).where(ChatMessageRow.id.in_(some)))
            row.messages -= len(ids)
            row.size -= sum(sizes[each] for each in ids)
        return ids

    @retried
    async def change(self, owner: Owner, chat: str, change: ChatChange) -> Chat:
        """Change the title, the pin, the folder or settings of a chat. Raises `ConversationNotFound` or `ChatFolderNotFound`."""
        async with self.database.writing() as session:
            row = await _chat(session, owner, chat, lock=True)
            if change.title is not UNSET:
                row.title = rows.one_line(change.title, rows.LONGEST_TITLE)
                row.search = rows.folded(row.title)
            if change.pinned is not UNSET:
                row.pinned = change.pinned
            if change.folder is not UNSET:
                if change.folder is not None:
                    await check_folder(session, owner, row.owner, change.folder)
                row.folder_id = change.folder
            if change.settings is not UNSET:
                changed = msgspec.convert({**row.settings, **change.settings}, ChatSettings)
                row.settings = rows.settings_value(changed)
        return rows.chat_of(row)

    async def delete(self, owner: Owner, chats: Sequence[str]) -> list[str]:
        """Delete chats with their messages, those that the owner has; returns their ids."""
        async with self.database.freeing() as session:
            found: list[str] = []
            for some in batched(list(dict.fromkeys(chats))):
                query = select(ChatRow.id).where(ChatRow.id.in_(some), owned(owner, ChatRow.owner))
                here = set(await session.scalars(query))
                found += [each for each in some if each in here]
                await session.execute(delete(ChatRow).where(ChatRow.id.in_(here)))  # messages go with their chat
        return found

    async def in_state(self, state: MessageState) -> list[Message]:
        """The messages of all owners in a state. Those that run when a server starts were broken off when it ended."""
        query = select(ChatMessageRow).where(ChatMessageRow.state == state).order_by(ChatMessageRow.number)
        async with self.database.session() as session:
            return [rows.message_of(row) for row in await session.scalars(query)]

    @retried
    async def rate(self, owner: Owner, message: str, score: int, reason: str = "") -> Message:
        """Store a person's rating of an answer. Raises `ConversationNotFound` or `InvalidParameter`."""
        if not 0 <= score <= 100:
            raise InvalidParameter("score", "between 0 and 100.")
        async with self.database.writing() as session:
            row = await _message(session, owner, message)
            row.score, row.reason = score, reason
        return rows.message_of(row)


async def check_folder(session: AsyncSession, owner: Owner, chat_owner: str, folder: str) -> None:
    """Raise `ChatFolderNotFound` unless the owner of the chat has the folder."""
    row = await session.get(ChatFolderRow, folder)
    if row is None or not owner.sees(row.owner) or row.owner != chat_owner:
        raise ChatFolderNotFound(folder)


async def _chat(session: AsyncSession, owner: Owner, chat: str, lock: bool = False) -> ChatRow:
    row = await session.get(ChatRow, chat, with_for_update=lock or None)
    if row is None or not owner.sees(row.owner):
        raise ConversationNotFound(chat)
    return row


async def _branch(session: AsyncSession, owner: Owner, chat: str, leaf: str | None) -> tuple[Chat, Parents, list[str]]:
    """A chat, the parents of its messages, and the ids of a branch; that of the active leaf if no leaf is named."""
    row = await _chat(session, owner, chat)
    parents = await _parents(session, chat)
    if leaf is not None and leaf not in parents:
        raise ConversationNotFound(leaf)
    return rows.chat_of(row), parents, path_to(parents, leaf or row.active_leaf)


async def _messages(session: AsyncSession, ids: Sequence[str]) -> list[Message]:
    """The messages of these ids, in their order."""
    found: dict[str, Message] = {}
    for some in batched(ids):
        query = select(ChatMessageRow).where(ChatMessageRow.id.in_(some))
        found |= {row.id: rows.message_of(row) for row in await session.scalars(query)}
    return [found[each] for each in ids]


async def _message(session: AsyncSession, owner: Owner, message: str) -> ChatMessageRow:
    row = await session.scalar(select(ChatMessageRow).where(ChatMessageRow.id == message))
    if row is None or not owner.sees(row.owner):
        raise ConversationNotFound(message)
    return row


async def _parents(session: AsyncSession, chat: str) -> Parents:
    query = select(ChatMessageRow.id, ChatMessageRow.parent).where(ChatMessageRow.chat_id == chat)
    found = await session.execute(query.order_by(ChatMessageRow.number))
    return {each.id: each.parent for each in found}


async def _parent(session: AsyncSession, chat: ChatRow, parent: str | ActiveLeaf | None) -> str | None:
    """The id of a parent. Raises `ConversationNotFound` if the chat has no such message."""
    if isinstance(parent, ActiveLeaf):
        return chat.active_leaf
    if parent is not None:
        query = select(ChatMessageRow.id).where(ChatMessageRow.id == parent, ChatMessageRow.chat_id == chat.id)
        if await session.scalar(query) is None:
            raise ConversationNotFound(parent)
    return parent


async def add_rows(session: AsyncSession, chat: ChatRow | None, added: Sequence[ChatMessageRow]) -> None:
    """Write rows of messages, which the database numbers in this order, and count them in their chat. Raises `ChatTooLarge`."""
    session.add_all(added)
    await session.flush()
    if chat is None:
        return
    chat.messages += len(added)
    chat.size += sum(each.size for each in added)
    if chat.messages > MOST_MESSAGES or chat.size > MOST_BYTES:
        raise ChatTooLarge(MOST_MESSAGES, MOST_BYTES)
