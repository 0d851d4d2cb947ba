"""Answers questions from documents: searches, asks a model, and cites the sources that the answer is taken from."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from modelyard.core.access import Grant
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.citations import cited_numbers, extract, likely_source
from modelyard.knowledge.answering.prompts import prompt
from modelyard.knowledge.search.search import Mode, Query, Search, SearchResult
from modelyard.knowledge.types import Models, texts_of
from modelyard.protocol.hits import Citation, Hit

EVIDENCE = 0.1
"""Score from which a chunk counts as evidence: of the answerable questions in `benchmarks/knowledge_set`, 2 % have none then."""
RANKED = 0.1
"""Score of a ranking model from which a chunk counts as evidence."""
SHORT = 16
"""Characters below which a question is searched for together with the one before it."""
CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SOURCES = 5
CONTEXT = 6000
"""Characters of sources that a model gets; sources are not cut, and the first is always among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeQuestion:
    """A question to knowledge bases, with everything that shapes its answer."""

    text: str
    bases: Sequence[KnowledgeBase]
    model: str | None = None
    """None for that of the base, else any model that chats."""
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
    """Grant of the caller's key: only models that it may use answer. None where no key is needed."""
    models: Models | None = None
    """Models as a caller may use them, so that their tokens count for the caller; None for those of the server."""
    context: int = CONTEXT


@dataclass(frozen=True, slots=True)
class Sources:
    """The event before the first word of the answer: its sources."""

    citations: Sequence[Citation]
    notes: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class AnswerToken:
    """An event with a piece of the answer."""

    text: str


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The last event: the whole answer."""

    text: str
    citations: Sequence[Citation]
    """The sources that the answer cites, by their numbers."""
    evidence: bool
    """Whether anything was found that the question is about."""
    model: str | None
    """The model that answered; None where none did."""
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str = "stop"


Event = Sources | AnswerToken | FinalAnswer


class Answering:
    """Answers questions. It has no state of its own."""

    def __init__(self, search: Search, models: Models, any_model: Callable[[Grant | None], str | None]) -> None:
        """`any_model` gives a model that chats now and that a key may use, if there is one."""
        self._search = search
        self._models = models
        self._any_model = any_model

    async def find(self, question: KnowledgeQuestion) -> tuple[list[Hit], SearchResult]:
        """Search, and keep the hits that are evidence; beside them everything that was found."""
        text = _search_text(question)
        result = await self._search.search(
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
        return _within([hit for hit in result.hits if is_evidence(hit)], question.context), result

    def model(self, question: KnowledgeQuestion) -> str | None:
        """The model that answers: the named one, that of a base, or any that chats; None if there is none.

        Raises `PermissionDenied` where the first or second of these is a model that the key may not use.
        """
        named = question.model or next((base.chat_model for base in question.bases if base.chat_model), None)
        if named is None:
            return self._any_model(question.grant)
        if question.grant is not None:
            question.grant.check_model(named)
        return named

    async def answer(self, question: KnowledgeQuestion) -> AsyncGenerator[Event]:
        """Sources, tokens, and the answer as a whole. Raises what searching and the model's server raise."""
        model = self.model(question)
        hits, result = await self.find(question)
        sources = [Citation.of(number, hit) for number, hit in enumerate(hits, 1)]
        yield Sources(sources, result.notes)
        if not hits:
            sentence = nothing_found(question)
            yield AnswerToken(sentence)
            yield FinalAnswer(sentence, [], False, None)
            return
        if model is None:
            text, used = extract(question.text, hits)
            yield AnswerToken(text)
            yield FinalAnswer(text, [sources[number - 1] for number in used], True, None)
            return
        async with aclosing(self._generate(question, model, hits)) as events:
            async for event in events:
                if isinstance(event, FinalAnswer):
                    event, more = _with_citations(event, hits, sources)
                    if more:
                        yield AnswerToken(more)
                yield event

    async def _generate(
        self, question: KnowledgeQuestion, model: str, hits: Sequence[Hit]
    ) -> AsyncGenerator[AnswerToken | FinalAnswer]:
        """Let a model answer from the hits. The last event is its whole answer, without citations."""
        templates = question.bases[0].prompts
        sources = [
            {"document": each.document, "page": each.page, "text": each.text, "heading": each.heading} for each in hits
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
                    yield AnswerToken(text)
        yield FinalAnswer("".join(parts), [], True, model, usage, reason)


def _with_citations(answer: FinalAnswer, hits: Sequence[Hit], sources: Sequence[Citation]) -> tuple[FinalAnswer, str]:
    """The answer with its citations, and the mark that is added to it where the model set none."""
    used = cited_numbers(answer.text, len(hits))
    more = ""
    if not used:
        used = [number for number in [likely_source(answer.text, hits)] if number]
        more = "".join(f" [{number}]" for number in used)
    return (
        FinalAnswer(
            answer.text + more,
            [sources[number - 1] for number in used],
            answer.evidence,
            answer.model,
            answer.usage,
            answer.finish_reason,
        ),
        more,
    )


def is_evidence(hit: Hit) -> bool:
    """Whether a hit is about the question; the best hit of a search need not be."""
    return hit.score >= (EVIDENCE if hit.scores.rerank is None else RANKED)


def nothing_found(question: KnowledgeQuestion) -> str:
    """The answer that nothing was found, in the language of the question."""
    names = [base.name for base in question.bases]
    if CJK.search(question.text):
        return f"在知识库{'、'.join(f'“{name}”' for name in names)}中没有找到与这个问题有关的内容。"
    return f"I found nothing about this in {' and '.join(names)}."


def _search_text(question: KnowledgeQuestion) -> str:
    """The text to search for. A short question says little without the one before it."""
    questions = [
        m["content"] for m in question.history if m.get("role") == "user" and isinstance(m.get("content"), str)
    ]
    if questions and len(question.text) < SHORT:
        return f"{questions[-1][:500]}\n{question.text}"
    return question.text


def _within(hits: list[Hit], characters: int) -> list[Hit]:
    chosen: list[Hit] = []
    size = 0
    for hit in hits:
        size += len(hit.text)
        if chosen and size > characters:
            break
        chosen.append(hit)
    return chosen
