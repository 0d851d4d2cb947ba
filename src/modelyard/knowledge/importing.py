"""Conversations that were kept by another system, brought in once each."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select

from modelyard.db.tables import Conversation, Message
from modelyard.knowledge.conversations import Conversations
from modelyard.protocol.conversation_imports import Imported, ImportedConversation


async def import_conversations(kept: Conversations, owner: str, brought: Sequence[ImportedConversation]) -> Imported:
    """Keep those whose id is free, with their messages, times and feedback. A message whose id is taken is left out."""
    conversations = messages = skipped = 0
    for each in brought:
        added = await _bring(kept, owner, each)
        if added is None:
            skipped += 1
        else:
            conversations, messages = conversations + 1, messages + added
    return Imported(conversations=conversations, messages=messages, skipped=skipped)


async def _bring(kept: Conversations, owner: str, talk: ImportedConversation) -> int | None:
    """How many messages it brought; None if its id is taken."""
    async with kept.database.session() as session:
        if await session.get(Conversation, talk.id) is not None:
            return None
        last = max([talk.created_at, *(each.created_at for each in talk.messages)])
        session.add(
            Conversation(
                id=talk.id, owner=owner, title=talk.title, kind=talk.kind, created_at=talk.created_at, updated_at=last
            )
        )
        await session.flush()
        wanted = [each.id for each in talk.messages]
        seen = set((await session.scalars(select(Message.id).where(Message.id.in_(wanted)))).all())
        added = 0
        for each in talk.messages:
            if each.id in seen:
                continue
            seen.add(each.id)
            added += 1
            row = Message(id=each.id, conversation_id=talk.id, kind=talk.kind, question=each.question)
            row.answer, row.citations, row.details = each.answer, [], dict(each.metadata)
            row.score, row.reason, row.created_at = each.score, each.reason, each.created_at
            session.add(row)
            await session.flush()  # their order is the order of their numbers
    return added
