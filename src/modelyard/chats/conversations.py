"""Conversations: what was asked and answered, kept, listed, gone on with, judged and taken along."""

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
"""Characters of the first question that a conversation is called by."""


class Conversations:
    """The rows. Conversations that an owner does not see are as if they were not there."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def begin(self, owner: Owner, title: str, kind: str, name: str | None = None) -> Conversation:
        """A new conversation, under an id of its owner's choice if given."""
        now = time.time()
        title = " ".join(title.split())[:TITLE]
        row = Conversation(
            id=name or secrets.token_hex(16), owner=owner.id, title=title, kind=kind, created_at=now, updated_at=now
        )
        async with self.database.session() as session:
            session.add(row)
        return row

    async def opened(self, owner: Owner, name: str, title: str, kind: str) -> Conversation:
        """The conversation of an id of its owner's choice, begun if there is none. Raises `ConversationNotFound` if another
        owner has it."""
        try:
            return await self.get(owner, name)
        except ConversationNotFound:
            pass
        try:
            return await self.begin(owner, title, kind, name)
        except ChangedMeanwhile:
            return await self.get(owner, name)

    async def get(self, owner: Owner, name: str) -> Conversation:
        """Raises `ConversationNotFound`."""
        async with self.database.session() as session:
            row = await session.get(Conversation, name)
        if row is None or not owner.sees(row.owner):
            raise ConversationNotFound(name)
        return row

    async def all(self, owner: Owner, limit: int = 100, offset: int = 0) -> Sequence[Conversation]:
        """The last ones first."""
        asked = mine(select(Conversation), owner, Conversation.owner).order_by(Conversation.updated_at.desc())
        async with self.database.session() as session:
            return (await session.scalars(asked.limit(limit).offset(offset))).all()

    @retried
    async def rename(self, owner: Owner, name: str, title: str) -> Conversation:
        """Raises `ConversationNotFound`."""
        async with self.database.writing() as session:
            row = await session.get(Conversation, name)
            if row is None or not owner.sees(row.owner):
                raise ConversationNotFound(name)
            row.title = title[:200]
        return row

    async def delete(self, owner: Owner, name: str) -> None:
        """Raises `ConversationNotFound`."""
        await self.get(owner, name)
        async with self.database.freeing() as session:
            await session.execute(delete(Message).where(Message.conversation_id == name))
            await session.execute(delete(Conversation).where(Conversation.id == name))

    async def messages(self, name: str, last: int | None = None) -> Sequence[Message]:
        """The messages of a conversation in order; only the last ones if asked so."""
        asked = select(Message).where(Message.conversation_id == name).order_by(Message.number.desc())
        async with self.database.session() as session:
            found = (await session.scalars(asked if last is None else asked.limit(last))).all()
        return found[::-1]

    async def history(self, name: str, last: int) -> list[dict[str, str]]:
        """The last questions and answers, as a model is told them."""
        told: list[dict[str, str]] = []
        for each in await self.messages(name, last):
            told += [{"role": "user", "content": each.question}, {"role": "assistant", "content": each.answer}]
        return told

    @retried
    async def ask(
        self,
        owner: Owner,
        question: str,
        kind: str,
        conversation: str | None,
        details: Mapping[str, Any] | None = None,
    ) -> str:
        """Note a question; the id of its message. Raises `ConversationNotFound`."""
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
                if talk is None:  # deleted since it was found
                    raise ConversationNotFound(conversation)
                talk.updated_at = now
                row.owner = talk.owner  # an administrator may have asked in somebody's conversation
            session.add(row)
        return row.id

    @retried
    async def answered(
        self,
        message: str,
        answer: str,
        citations: Sequence[Mapping[str, Any]] = (),
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Note the answer to a question."""
        async with self.database.writing() as session:
            row = await session.scalar(select(Message).where(Message.id == message))
            if row is not None:
                row.answer, row.citations = answer, [dict(each) for each in citations]
                row.details = {**row.details, **(details or {})}

    @retried
    async def judge(self, owner: Owner, message: str, score: int, reason: str = "") -> Message:
        """Keep what somebody thinks of an answer. Raises `ConversationNotFound` or `InvalidParameter`."""
        if not 0 <= score <= 100:
            raise InvalidParameter("score", "between 0 and 100.")
        async with self.database.writing() as session:
            row = await session.scalar(select(Message).where(Message.id == message))
            if row is None or not owner.sees(row.owner):
                raise ConversationNotFound(message)
            row.score, row.reason = score, reason
        return row


def exported(talk: Conversation, messages: Sequence[Message]) -> str:
    """A conversation as Markdown."""
    parts = [f"# {talk.title or talk.id}", ""]
    for each in messages:
        parts += [f"## {each.question}", "", each.answer, ""]
        for cite in each.citations:
            page = f", page {cite['page']}" if cite.get("page") else ""
            parts.append(f"- [{cite.get('number')}] {cite.get('document')}{page}")
        parts += [""] if each.citations else []
    return "\n".join(parts)
