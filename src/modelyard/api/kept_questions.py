"""A question to knowledge bases: its events, and its messages in a chat, if it belongs to one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec import to_builtins

from modelyard.chats.linear import history
from modelyard.chats.rows import one_line
from modelyard.chats.service import Chats
from modelyard.chats.types import MessageChange, MessageState, NewMessage, text_content
from modelyard.core.access import Grant, Owner
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.answer import AnswerToken, FinalAnswer, KnowledgeQuestion, Sources
from modelyard.knowledge.search.search import Mode
from modelyard.knowledge.service import KnowledgeService
from modelyard.knowledge.types import Models
from modelyard.protocol.knowledge import AnswerRequest
from modelyard.web.sse import event

HISTORY = 5
"""Number of earlier questions of a chat that are sent to the model."""
NEW = "new"
KIND = "knowledge"


@dataclass(slots=True)
class KeptQuestion:
    """A question, and the message of its chat that stores the answer."""

    knowledge: KnowledgeService
    chats: Chats
    question: KnowledgeQuestion
    conversation: str | None
    message: str | None
    texts: list[str] = field(default_factory=list)

    @classmethod
    async def begin(
        cls,
        knowledge: KnowledgeService,
        chats: Chats,
        bases: Sequence[KnowledgeBase],
        body: AnswerRequest,
        grant: Grant | None,
        models: Models,
    ) -> KeptQuestion:
        """Load the history and add the question to its chat; it is answered by `models`, as far as the key may use them.

        Raises `ConversationNotFound`, or `PermissionDenied` for a model that the key may not use.
        """
        owner = Owner.of(grant)
        talk, earlier = body.conversation, list[dict[str, str]]()
        if talk == NEW:
            talk = (await chats.store.create(owner, one_line(body.question), kind=KIND)).id
        elif talk is not None:
            earlier = history(await chats.store.path(owner, talk, last=2 * HISTORY), HISTORY)
        options = {"temperature": body.temperature, "max_tokens": body.max_tokens}
        question = KnowledgeQuestion(
            text=body.question,
            bases=bases,
            model=body.model,
            history=earlier,
            k=body.top_k,
            mode=Mode(body.mode),
            where=body.filter,
            rerank=body.rerank,
            min_score=body.min_score,
            options={name: value for name, value in options.items() if value is not None},
            grant=grant,
            models=models,
        )
        knowledge.answering.model(question)
        message = None
        if talk is not None:
            metadata = {"knowledge_bases": [base.name for base in bases]}
            answer = NewMessage("assistant", state=MessageState.RUNNING, metadata=metadata)
            pair = [NewMessage("user", text_content(body.question)), answer]
            message = (await chats.store.add_messages(owner, talk, pair))[-1].id
        return cls(knowledge, chats, question, talk, message)

    async def events(self) -> AsyncGenerator[dict[str, Any]]:
        """Yield `sources`, `token` and, last, `answer`. The answer so far is stored even if the client disconnects."""
        sources: list[dict[str, Any]] = []
        notes: list[str] = []
        ranker: str | None = None
        done: dict[str, Any] | None = None
        try:
            async with aclosing(self.knowledge.answering.answer(self.question)) as events:
                async for each in events:
                    if isinstance(each, Sources):
                        sources, notes = [to_builtins(c) for c in each.citations], list(each.notes)
                        ranker = each.rerank_model
                        yield {"type": "sources", "sources": sources, "notes": notes, "rerank_model": ranker}
                    elif isinstance(each, AnswerToken):
                        self.texts.append(each.text)
                        yield {"type": "token", "text": each.text}
                    else:
                        done = self._summary(each, sources, notes) | {"rerank_model": ranker}
        finally:
            if self.message is not None:
                keeping = self._keep(done)
                await asyncio.shield(keeping)
        if done is not None:
            yield done

    def _summary(self, answered: FinalAnswer, sources: list[dict[str, Any]], notes: list[str]) -> dict[str, Any]:
        return {
            "type": "answer",
            "answer": answered.text,
            "citations": [to_builtins(each) for each in answered.citations],
            "sources": sources,
            "evidence": answered.evidence,
            "model": answered.model,
            "usage": dict(answered.usage),
            "notes": [*notes, *answered.notes],
            "conversation": self.conversation,
            "message": self.message,
        }

    async def _keep(self, done: dict[str, Any] | None) -> None:
        assert self.message is not None
        text = done["answer"] if done else "".join(self.texts)
        change = MessageChange(content=text_content(text), state=MessageState.STOPPED)
        if done:
            change = replace(
                change,
                citations=done["citations"],
                model=done["model"] or "",
                usage=done["usage"],
                state=MessageState.COMPLETE,
            )
        await self.chats.store.update_message(self.message, change)


async def encoded_events(question: KeptQuestion) -> AsyncGenerator[bytes]:
    """The events of a question as server-sent events."""
    async with aclosing(question.events()) as events:
        async for each in events:
            yield event(each)
