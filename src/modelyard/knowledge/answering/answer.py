"""Answers a question from documents: searches, asks a model, and ties the answer to its sources."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.access import Grant
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.citing import Citation, cited, extracted, marker
from modelyard.knowledge.answering.prompts import prompt
from modelyard.knowledge.search import Found, Hit, Mode, Query, Search
from modelyard.knowledge.types import Models, texts_of
from modelyard.knowledge.words import query_terms, terms

SIMILAR = 0.3
"""Least cosine of a chunk that counts as evidence without sharing a word with the question."""
SHARED = 0.5
"""Least share of the question's words that a chunk must contain to count as evidence."""
SHARED_CJK = 0.2
"""The least share in Chinese, Japanese and Korean, where terms are pairs of characters, most of which are not words."""
RANKED = 0.1
"""Least score of a ranking model for a chunk that counts as evidence."""
SHORT = 16
"""A question of fewer characters is searched for together with the one before it."""
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SOURCES = 5
CONTEXT = 6000
"""Most characters of sources in a prompt. Sources are never cut; the first one is given however long it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A question, and how it is to be answered."""

    text: str
    bases: Sequence[KnowledgeBase]
    model: str | None = None
    """The model that answers; None for that of the base, or any chat model."""
    history: Sequence[Mapping[str, Any]] = ()
    """Earlier messages, as OpenAI has them."""
    k: int = SOURCES
    mode: Mode = Mode.HYBRID
    where: Mapping[str, Any] = field(default_factory=dict)
    rerank: bool | None = None
    min_score: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """More fields of the chat request: `temperature`, `max_tokens` …"""
    grant: Grant | None = None
    """The grant of the caller: only models that it may use answer. None if no key is required."""
    models: Models | None = None
    """Models that count tokens for the caller; None for those of the server itself."""
    context: int = CONTEXT


@dataclass(frozen=True, slots=True)
class Sources:
    """The sources of an answer, sent before its first token."""

    citations: Sequence[Citation]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class Answered:
    """The complete answer, sent last."""

    text: str
    citations: Sequence[Citation]
    """The sources that the answer cites."""
    evidence: bool
    """Whether the search found evidence for an answer."""
    model: str | None
    """The model that answered; None if none did."""
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str = "stop"


Event = Sources | Token | Answered


class Answering:
    """Answers questions. It stores nothing."""

    def __init__(self, search: Search, models: Models, any_model: Callable[[Grant | None], str | None]) -> None:
        """`any_model` gives a ready chat model that a grant may use, or None."""
        self._search = search
        self._models = models
        self._any_model = any_model

    async def find(self, question: Question) -> tuple[list[Hit], Found]:
        """The hits that count as evidence, and all that the search found."""
        text = _search_text(question)
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
        return _within([hit for hit in found.hits if is_evidence(text, hit)], question.context), found

    def model(self, question: Question) -> str | None:
        """The model that answers: the named one, that of a base, or any chat model; None if there is none.

        Raises `PermissionDenied` where the first or second of these is a model that the key may not use.
        """
        named = question.model or next((base.chat_model for base in question.bases if base.chat_model), None)
        if named is None:
            return self._any_model(question.grant)
        if question.grant is not None:
            question.grant.check_model(named)
        return named

    async def answer(self, question: Question) -> AsyncGenerator[Event]:
        """Sources, tokens, and the complete answer. Raises the errors of the search and of the model."""
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
        async with aclosing(self._from_model(question, model, hits)) as events:
            async for event in events:
                if isinstance(event, Answered):
                    event, more = _with_citations(event, hits, sources)
                    if more:
                        yield Token(more)
                yield event

    async def _from_model(
        self, question: Question, model: str, hits: Sequence[Hit]
    ) -> AsyncGenerator[Token | Answered]:
        """The tokens of the model, and its complete answer."""
        templates = question.bases[0].prompts
        sources = [
            {"document": h.row.document, "page": h.row.page, "text": h.row.text, "heading": h.row.heading} for h in hits
        ]
        messages = [*question.history, {"role": "user", "content": await prompt(templates, question.text, sources)}]
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


def _with_citations(answered: Answered, hits: Sequence[Hit], sources: Sequence[Citation]) -> tuple[Answered, str]:
    """The answer with its citations, and a text to add to it.

    If the model cited nothing, the source that it took its words from is cited for it.
    """
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
    """Whether a hit is about the question at all, rather than merely the best of poor hits."""
    scores = hit.scores
    if scores.rerank is not None:
        return scores.rerank >= RANKED
    if scores.similarity is not None and scores.similarity >= SIMILAR:
        return True
    words = set(query_terms(question))
    if scores.lexical is None or not words:
        return False
    shared = words & set(terms(f"{hit.row.heading} {hit.row.text}"))
    return len(shared) >= (SHARED_CJK if CJK.search(question) else SHARED) * len(words)


def nothing_found(question: Question) -> str:
    """The answer if nothing was found, in the language of the question."""
    names = [base.name for base in question.bases]
    if CJK.search(question.text):
        return f"在知识库{'、'.join(f'“{name}”' for name in names)}中没有找到与这个问题有关的内容。"
    return f"I found nothing about this in {' and '.join(names)}."


def _search_text(question: Question) -> str:
    """The text to search for: a short question is searched for together with the one before it."""
    earlier = [m["content"] for m in question.history if m.get("role") == "user" and isinstance(m.get("content"), str)]
    if earlier and len(question.text) < SHORT:
        return f"{earlier[-1][:500]}\n{question.text}"
    return question.text


def _within(hits: list[Hit], characters: int) -> list[Hit]:
    kept: list[Hit] = []
    size = 0
    for hit in hits:
        size += len(hit.row.text)
        if kept and size > characters:
            break
        kept.append(hit)
    return kept
