"""Answering a question from documents: search, ask a model, bind what it says to its sources."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.access import Grant
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.citations import Citation, cited, extracted, marker
from modelyard.knowledge.answering.prompts import prompt
from modelyard.knowledge.indexing.words import query_terms, terms
from modelyard.knowledge.search.search import Found, Hit, Mode, Query, Search
from modelyard.knowledge.types import Models, texts_of

SIMILAR = 0.3
"""Cosine from which a chunk counts as evidence though it shares no word with the question."""
SHARED = 0.5
"""Part of the question's words from which it does."""
SHARED_CJK = 0.2
"""The same where words are pairs of characters, most of which are no words."""
RANKED = 0.1
"""Score of a ranking model from which it does."""
SHORT = 16
"""Characters below which a question is searched for together with the one before it."""
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SOURCES = 5
CONTEXT = 6000
"""Characters of sources that a model is given, whole sources only but for the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked."""

    text: str
    bases: Sequence[KnowledgeBase]
    model: str | None = None
    """None for the base's own, else any that chats."""
    history: Sequence[Mapping[str, Any]] = ()
    """Earlier messages, as OpenAI has them."""
    k: int = SOURCES
    mode: Mode = Mode.HYBRID
    where: Mapping[str, Any] = field(default_factory=dict)
    rerank: bool | None = None
    min_score: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """More of the chat request: `temperature`, `max_tokens` …"""
    grant: Grant | None = None
    """What the key of who asks allows: only models that it may use answer. None where no key is asked for."""
    models: Models | None = None
    """Models as a caller may use them, so that their tokens count for the caller; None for the room's own."""
    context: int = CONTEXT


@dataclass(frozen=True, slots=True)
class Sources:
    """What was found, before the first word of the answer."""

    citations: Sequence[Citation]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The end."""

    text: str
    citations: Sequence[Citation]
    """The sources that the answer cites, by their numbers."""
    evidence: bool
    """Whether anything was found that the question is about."""
    model: str | None
    """Who answered; None where no model did."""
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str = "stop"


Event = Sources | Token | Answered


class Answering:
    """Answers questions. Keeps nothing."""

    def __init__(self, search: Search, models: Models, any_model: Callable[[Grant | None], str | None]) -> None:
        """`any_model` gives a model that chats now and that a key may use, if there is one."""
        self._search = search
        self._models = models
        self._any_model = any_model

    async def find(self, question: Question) -> tuple[list[Hit], Found]:
        """The hits that are evidence, of all that were found."""
        text = _searched(question)
        found = await self._search.search(
            Query(
                text=text,
                bases=question.bases,
                k=question.k,
                mode=question.mode,
                where=question.where,
                rerank=question.rerank,
                min_score=question.min_score,
                models=question.models,
            )
        )
        return _fitting([hit for hit in found.hits if is_evidence(text, hit)], question.context), found

    def model(self, question: Question) -> str | None:
        """The model that answers: the named one, that of a base, or any that chats; None if there is none.

        Raises `PermissionDenied` where the first or second of these is a model that the key may not use.
        """
        named = question.model or next((base.chat_model for base in question.bases if base.chat_model), None)
        if named is None:
            return self._any_model(question.grant)
        if question.grant is not None:
            question.grant.check_model(named)
        return named

    async def answer(self, question: Question) -> AsyncGenerator[Event]:
        """Sources, tokens, and the answer as a whole. Raises what searching and the model's server raise."""
        model = self.model(question)
        hits, found = await self.find(question)
        sources = [Citation.of(number, hit) for number, hit in enumerate(hits, 1)]
        yield Sources(sources, found.notes)
        if not hits:
            sentence = nothing_found(question)
            yield Token(sentence)
            yield Answered(sentence, [], False, None)
            return
        if model is None:
            text, used = extracted(question.text, hits)
            yield Token(text)
            yield Answered(text, [sources[number - 1] for number in used], True, None)
            return
        async with aclosing(self._written(question, model, hits)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    event, more = _bound(event, hits, sources)
                    if more:
                        yield Token(more)
                yield event

    async def _written(self, question: Question, model: str, hits: Sequence[Hit]) -> AsyncGenerator[Token | Answered]:
        """What the model says."""
        templates = question.bases[0].prompts
        told = [
            {"document": h.row.document, "page": h.row.page, "text": h.row.text, "heading": h.row.heading} for h in hits
        ]
        messages = [*question.history, {"role": "user", "content": await prompt(templates, question.text, told)}]
        usage: Mapping[str, int] = {}
        reason, parts = "stop", []
        chunks = (question.models or self._models).chat({**question.options, "model": model, "messages": messages})
        async with aclosing(chunks) as stream:
            async for chunk in stream:
                usage = chunk.get("usage") or usage
                for choice in chunk.get("choices", []):
                    reason = choice.get("finish_reason") or reason
                for text in texts_of(chunk):
                    parts.append(text)
                    yield Token(text)
        yield Answered("".join(parts), [], True, model, usage, reason)


def _bound(answered: Answered, hits: Sequence[Hit], sources: Sequence[Citation]) -> tuple[Answered, str]:
    """The answer with its citations; where the model set no marks, those of the sources that it has its words from."""
    used = cited(answered.text, len(hits))
    more = ""
    if not used:
        used = [number for number in [marker(answered.text, hits)] if number]
        more = "".join(f" [{number}]" for number in used)
    return (
        Answered(
            answered.text + more,
            [sources[number - 1] for number in used],
            answered.evidence,
            answered.model,
            answered.usage,
            answered.finish_reason,
        ),
        more,
    )


def is_evidence(question: str, hit: Hit) -> bool:
    """Whether a hit is about the question at all, rather than the least bad of what there is."""
    scores = hit.scores
    if scores.rerank is not None:
        return scores.rerank >= RANKED
    if scores.similarity is not None and scores.similarity >= SIMILAR:
        return True
    asked = set(query_terms(question))
    if scores.lexical is None or not asked:
        return False
    shared = asked & set(terms(f"{hit.row.heading} {hit.row.text}"))
    return len(shared) >= (SHARED_CJK if CJK.search(question) else SHARED) * len(asked)


def nothing_found(question: Question) -> str:
    """A sentence in the question's language."""
    names = [base.name for base in question.bases]
    if CJK.search(question.text):
        return f"在知识库{'、'.join(f'“{name}”' for name in names)}中没有找到与这个问题有关的内容。"
    return f"I found nothing about this in {' and '.join(names)}."


def _searched(question: Question) -> str:
    """What is searched for: a short question says little without the one before it."""
    asked = [m["content"] for m in question.history if m.get("role") == "user" and isinstance(m.get("content"), str)]
    if asked and len(question.text) < SHORT:
        return f"{asked[-1][:500]}\n{question.text}"
    return question.text


def _fitting(hits: list[Hit], characters: int) -> list[Hit]:
    kept: list[Hit] = []
    size = 0
    for hit in hits:
        size += len(hit.row.text)
        if kept and size > characters:
            break
        kept.append(hit)
    return kept
