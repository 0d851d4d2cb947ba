"""Import of conversations from another system. Importing a conversation again adds only its new messages."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from modelyard.chats.conversations import Conversations
from modelyard.core.access import Owner
from modelyard.db.tables import Conversation, Message
from modelyard.protocol.conversation_imports import Imported, ImportedConversation, ImportedMessage


async def import_conversations(
    store: Conversations, owner: Owner, conversations: Sequence[ImportedConversation]
) -> Imported:
    """Store conversations with their messages, times and ratings. What is stored already is not changed.

    If the owner has a conversation of the same id, its new messages are added. A conversation of another owner, and a
    message whose id exists already, are skipped.
    """
    created = messages = skipped = 0
    for each in conversations:
        is_new, added = await _import(store, owner, each)
        created, messages = created + is_new, messages + added
        skipped += not is_new and not added
    return Imported(conversations=created, messages=messages, skipped=skipped)


async def _import(store: Conversations, owner: Owner, talk: ImportedConversation) -> tuple[bool, int]:
    """Import one conversation. Returns whether it is new, and how many messages were added."""
    async with store.database.session() as session:
        row = await session.get(Conversation, talk.id)
        if row is not None and not owner.sees(row.owner):
            return False, 0
        ids = [each.id for each in talk.messages]
        seen = set((await session.scalars(select(Message.id).where(Message.id.in_(ids)))).all())
        if row is None:
            times = {"created_at": talk.created_at, "updated_at": talk.created_at}
            session.add(Conversation(id=talk.id, owner=owner.id, title=talk.title, kind=talk.kind, **times))
            await session.flush()
        added = 0
        for each in talk.messages:
            if each.id in seen:
                continue
            seen.add(each.id)
            added += 1
            session.add(_message(talk, each, owner.id if row is None else row.owner))
            await session.flush()  # messages are read in the order of their numbers, which the database assigns here
        if added:
            stored = await session.get_one(Conversation, talk.id)
            stored.updated_at = max([stored.updated_at, *(each.created_at for each in talk.messages)])
    return row is None, added


def _message(talk: ImportedConversation, message: ImportedMessage, owner: str) -> Message:
    row = Message(id=message.id, conversation_id=talk.id, owner=owner, kind=talk.kind, question=message.question)
    row.answer, row.citations, row.details = message.answer, [], dict(message.metadata)
    row.score, row.reason, row.created_at = message.score, message.reason, message.created_at
    return row
