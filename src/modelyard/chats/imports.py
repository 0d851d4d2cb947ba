"""Conversations that were kept by another system, brought in once each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from modelyard.chats.conversations import Conversations
from modelyard.core.access import Owner
from modelyard.db.tables import Conversation, Message
from modelyard.protocol.conversation_imports import Imported, ImportedConversation, ImportedMessage


async def import_conversations(kept: Conversations, owner: Owner, brought: Sequence[ImportedConversation]) -> Imported:
    """Keep them with their messages, times and feedback. What is here stays as it is: where the owner has a conversation of
    that id, only messages that are new are added; one of another owner, and a message whose id is taken, are left out.
    """
    conversations = messages = skipped = 0
    for each in brought:
        fresh, added = await _bring(kept, owner, each)
        conversations, messages = conversations + fresh, messages + added
        skipped += not fresh and not added
    return Imported(conversations=conversations, messages=messages, skipped=skipped)


async def _bring(kept: Conversations, owner: Owner, talk: ImportedConversation) -> tuple[bool, int]:
    """Whether the conversation is new, and how many messages it brought."""
    async with kept.database.session() as session:
        row = await session.get(Conversation, talk.id)
        if row is not None and not owner.sees(row.owner):
            return False, 0
        wanted = [each.id for each in talk.messages]
        seen = set((await session.scalars(select(Message.id).where(Message.id.in_(wanted)))).all())
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
            await session.flush()  # their order is the order of their numbers
        if added:
            kept_row = await session.get_one(Conversation, talk.id)
            kept_row.updated_at = max([kept_row.updated_at, *(each.created_at for each in talk.messages)])
    return row is None, added


def _message(talk: ImportedConversation, brought: ImportedMessage, owner: str) -> Message:
    row = Message(id=brought.id, conversation_id=talk.id, owner=owner, kind=talk.kind, question=brought.question)
    row.answer, row.citations, row.details = brought.answer, [], dict(brought.metadata)
    row.score, row.reason, row.created_at = brought.score, brought.reason, brought.created_at
    return row
