"""A question to knowledge bases with its conversation: what is kept of it, and the events that tell of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from modelyard.api.knowledge_views import citation_dict
from modelyard.api.sse import event
from modelyard.core.access import Grant, Owner
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.answer import Answered, Question, Sources, Token
from modelyard.knowledge.search.search import Mode
from modelyard.knowledge.service import Knowledge
from modelyard.knowledge.types import Models
from modelyard.protocol.knowledge import AnswerRequest

HISTORY = 5
"""Earlier questions of a conversation that a model is told."""
NEW = "new"
KIND = "knowledge"


@dataclass(slots=True)
class Asked:
    """One question on its way."""

    question: Question
    conversation: str | None
    message: str | None
    said: list[str] = field(default_factory=list)

    @classmethod
    async def begin(
        cls,
        knowledge: Knowledge,
        bases: Sequence[KnowledgeBase],
        body: AnswerRequest,
        grant: Grant | None,
        models: Models,
    ) -> Asked:
        """With its history, noted in its conversation; answered by `models`, of which the key may use some.

        Raises `ConversationNotFound`, or `PermissionDenied` for a model that the key may not use.
        """
        owner = Owner.of(grant)
        talk, history = body.conversation, []
        if talk == NEW:
            talk = (await knowledge.conversations.begin(owner, body.question, KIND)).id
        elif talk is not None:
            await knowledge.conversations.get(owner, talk)
            history = await knowledge.conversations.history(talk, HISTORY)
        options = {"temperature": body.temperature, "max_tokens": body.max_tokens}
        question = Question(
            text=body.question,
            bases=bases,
            model=body.model,
            history=history,
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
            details = {"knowledge_bases": [base.name for base in bases]}
            message = await knowledge.conversations.add_question(owner, body.question, KIND, talk, details)
        return cls(question, talk, message)

    async def events(self, knowledge: Knowledge) -> AsyncGenerator[dict[str, Any]]:
        """`sources`, `token` and, last, `answer`. What was said is kept even if nobody hears the end."""
        sources: list[dict[str, Any]] = []
        notes: list[str] = []
        done: dict[str, Any] | None = None
        try:
            async with aclosing(knowledge.answering.answer(self.question)) as told:
                async for each in told:
                    if isinstance(each, Sources):
                        sources, notes = [citation_dict(c) for c in each.citations], list(each.notes)
                        yield {"type": "sources", "sources": sources, "notes": notes}
                    elif isinstance(each, Token):
                        self.said.append(each.text)
                        yield {"type": "token", "text": each.text}
                    else:
                        done = self._told(each, sources, notes)
        finally:
            if self.message is not None:
                keeping = self._keep(knowledge, done)
                await asyncio.shield(keeping)
        if done is not None:
            yield done

    def _told(self, answered: Answered, sources: list[dict[str, Any]], notes: list[str]) -> dict[str, Any]:
        return {
            "type": "answer",
            "answer": answered.text,
            "citations": [citation_dict(each) for each in answered.citations],
            "sources": sources,
            "evidence": answered.evidence,
            "model": answered.model,
            "usage": dict(answered.usage),
            "notes": notes,
            "conversation": self.conversation,
            "message": self.message,
        }

    async def _keep(self, knowledge: Knowledge, done: dict[str, Any] | None) -> None:
        assert self.message is not None
        text = done["answer"] if done else "".join(self.said)
        citations = done["citations"] if done else []
        details = {"model": done["model"], "usage": done["usage"]} if done else {"broken_off": True}
        await knowledge.conversations.add_answer(self.message, text, citations, details)


async def ask(knowledge: Knowledge, asked: Asked) -> AsyncGenerator[bytes]:
    """The events of a question as bytes."""
    async with aclosing(asked.events(knowledge)) as told:
        async for each in told:
            yield event(each)
