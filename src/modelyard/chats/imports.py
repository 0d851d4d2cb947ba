"""Import of conversations that are questions with answers, such as Chatchat's. Importing again adds only new ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from modelyard.chats import rows
from modelyard.chats.linear import question_id
from modelyard.chats.store import ChatStore
from modelyard.chats.types import MessageState, NewMessage, text_content
from modelyard.core.access import Owner
from modelyard.db.chat_tables import ChatMessageRow, ChatRow
from modelyard.db.statements import batched
from modelyard.protocol.chat_imports import Imported, ImportedConversation, ImportedMessage


async def import_conversations(
    store: ChatStore, owner: Owner, conversations: Sequence[ImportedConversation]
) -> Imported:
    """Store conversations with their messages, times and ratings. What is stored already is not changed.

    If the owner has a chat of the same id, its new messages are added. A chat of another owner, and a message whose id exists
    already, are skipped.
    """
    created = messages = skipped = 0
    for each in conversations:
        async with store.database.writing() as session:
            is_new, added = await _import(session, owner, each)
        created, messages = created + is_new, messages + added
        skipped += not is_new and not added
    return Imported(conversations=created, messages=messages, skipped=skipped)


async def _import(session: AsyncSession, owner: Owner, talk: ImportedConversation) -> tuple[bool, int]:
    """Import one conversation. Returns whether it is new, and how many questions were added."""
    row = await session.get(ChatRow, talk.id, with_for_update=True)
    is_new = row is None
    if row is not None and not owner.sees(row.owner):
        return False, 0
    if row is None:
        row = new_chat(talk, owner)
        session.add(row)
        await session.flush()
    seen = await known_ids(session, [each.id for each in talk.messages])
    added = 0
    for each in talk.messages:
        if each.id in seen:
            continue
        seen.add(each.id)
        added += 1
        for message in _exchange(talk, each):
            stored = rows.row_of(message, row.owner, row.id, row.active_leaf)
            session.add(stored)
            await session.flush()  # the database numbers messages in this order
            row.active_leaf = stored.id
            row.messages += 1
            row.size += stored.size
        row.updated_at = max(row.updated_at, each.created_at)
    return is_new, added


def new_chat(talk: ImportedConversation, owner: Owner) -> ChatRow:
    """The row of an imported conversation, without messages."""
    return ChatRow(
        id=talk.id,
        owner=owner.id,
        title=talk.title,
        search=rows.folded(talk.title),
        kind=talk.kind,
        messages=0,
        size=0,
        created_at=talk.created_at,
        updated_at=talk.created_at,
    )


async def known_ids(session: AsyncSession, ids: Sequence[str]) -> set[str]:
    """Those of the ids that messages have."""
    found: set[str] = set()
    for some in batched(ids):
        found |= set(await session.scalars(select(ChatMessageRow.id).where(ChatMessageRow.id.in_(some))))
    return found


def _exchange(talk: ImportedConversation, message: ImportedMessage) -> list[NewMessage]:
    """A question and its answer. The answer keeps the id, by which it is recognized and rated."""
    question = NewMessage(
        "user", text_content(message.question), id=question_id(message.id), created_at=message.created_at
    )
    answer = NewMessage(
        "assistant",
        text_content(message.answer),
        state=MessageState.COMPLETE if message.answer else MessageState.STOPPED,
        metadata=message.metadata,
        id=message.id,
        score=message.score,
        reason=message.reason,
        created_at=message.created_at,
    )
    return [question, answer]
