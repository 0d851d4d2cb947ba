"""Stored conversations: questions with their answers, ratings, and export as Markdown."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select

from modelyard.core.access import Owner
from modelyard.core.errors import ChangedMeanwhile, ConversationNotFound, InvalidParameter
from modelyard.db.owners import mine
from modelyard.db.session import Database, retried
from modelyard.db.tables import Conversation, Message

TITLE = 80
"""Maximum characters of the first question in a conversation's title."""


class Conversations:
    """The store of conversations. Conversations of other owners appear as missing."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def begin(self, owner: Owner, title: str, kind: str, name: str | None = None) -> Conversation:
        """Create a conversation, under the id `name` if given."""
        now = time.time()
        title = " ".join(title.split())[:TITLE]
        row = Conversation(
            id=name or secrets.token_hex(16), owner=owner.id, title=title, kind=kind, created_at=now, updated_at=now
        )
        async with self.database.session() as session:
            session.add(row)
        return row

    async def get_or_begin(self, owner: Owner, name: str, title: str, kind: str) -> Conversation:
        """Return the conversation of a client's own id, or create it. Raises `ConversationNotFound` if another owner has it."""
        try:
            return await self.get(owner, name)
        except ConversationNotFound:
            pass
        try:
            return await self.begin(owner, title, kind, name)
        except ChangedMeanwhile:
            return await self.get(owner, name)

    async def get(self, owner: Owner, name: str) -> Conversation:
        """Return a conversation. Raises `ConversationNotFound`."""
        async with self.database.session() as session:
            row = await session.get(Conversation, name)
        if row is None or not owner.sees(row.owner):
            raise ConversationNotFound(name)
        return row

    async def all(self, owner: Owner, limit: int = 100, offset: int = 0) -> Sequence[Conversation]:
        """List conversations, the most recently used first."""
        query = mine(select(Conversation), owner, Conversation.owner).order_by(Conversation.updated_at.desc())
        async with self.database.session() as session:
            return (await session.scalars(query.limit(limit).offset(offset))).all()

    @retried
    async def rename(self, owner: Owner, name: str, title: str) -> Conversation:
        """Change a conversation's title. Raises `ConversationNotFound`."""
        async with self.database.writing() as session:
            row = await session.get(Conversation, name)
            if row is None or not owner.sees(row.owner):
                raise ConversationNotFound(name)
            row.title = title[:200]
        return row

    async def delete(self, owner: Owner, name: str) -> None:
        """Delete a conversation with its messages. Raises `ConversationNotFound`."""
        await self.get(owner, name)
        async with self.database.freeing() as session:
            await session.execute(delete(Conversation).where(Conversation.id == name))  # its messages go with it

    async def messages(self, name: str, last: int | None = None) -> Sequence[Message]:
        """List the messages of a conversation in order, all or only the `last` ones."""
        query = select(Message).where(Message.conversation_id == name).order_by(Message.number.desc())
        async with self.database.session() as session:
            newest_first = (await session.scalars(query if last is None else query.limit(last))).all()
        return newest_first[::-1]

    async def history(self, name: str, last: int) -> list[dict[str, str]]:
        """Return the last questions and answers as messages for a model."""
        history: list[dict[str, str]] = []
        for each in await self.messages(name, last):
            history += [{"role": "user", "content": each.question}, {"role": "assistant", "content": each.answer}]
        return history

    @retried
    async def add_question(
        self,
        owner: Owner,
        question: str,
        kind: str,
        conversation: str | None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Store a question, and return the id of its message. Raises `ConversationNotFound`."""
        now = time.time()
        row = Message(
            id=secrets.token_hex(16),
            conversation_id=conversation,
            owner=owner.id,
            kind=kind,
            question=question,
            details=dict(details or {}),
            created_at=now,
        )
        async with self.database.writing() as session:
            if conversation is not None:
                talk = await session.get(Conversation, conversation, with_for_update=True)
                if talk is None:  # deleted after it was found
                    raise ConversationNotFound(conversation)
                talk.updated_at = now
                row.owner = talk.owner  # an administrator may have asked in somebody's conversation
            session.add(row)
        return row.id

    @retried
    async def add_answer(
        self,
        message: str,
        answer: str,
        citations: Sequence[Mapping[str, Any]] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Store the answer to a question. Does nothing if the message has been deleted."""
        async with self.database.writing() as session:
            row = await session.scalar(select(Message).where(Message.id == message))
            if row is not None:
                row.answer, row.citations = answer, [dict(each) for each in citations]
                row.details = {**row.details, **(details or {})}

    @retried
    async def rate(self, owner: Owner, message: str, score: int, reason: str = "") -> Message:
        """Store a person's rating of an answer. Raises `ConversationNotFound` or `InvalidParameter`."""
        if not 0 <= score <= 100:
            raise InvalidParameter("score", "between 0 and 100.")
        async with self.database.writing() as session:
            row = await session.scalar(select(Message).where(Message.id == message))
            if row is None or not owner.sees(row.owner):
                raise ConversationNotFound(message)
            row.score, row.reason = score, reason
        return row


def as_markdown(talk: Conversation, messages: Sequence[Message]) -> str:
    """Render a conversation as Markdown."""
    parts = [f"# {talk.title or talk.id}", ""]
    for each in messages:
        parts += [f"## {each.question}", "", each.answer, ""]
        for cite in each.citations:
            page = f", page {cite['page']}" if cite.get("page") else ""
            parts.append(f"- [{cite.get('number')}] {cite.get('document')}{page}")
        parts += [""] if each.citations else []
    return "\n".join(parts)
