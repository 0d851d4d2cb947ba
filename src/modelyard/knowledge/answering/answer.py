"""Answers questions from documents: searches, lets a model answer, and cites the sources of the answer."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from modelyard.core.access import Grant
from modelyard.db.session import Database
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.citations import cited_numbers, extract, likely_source
from modelyard.knowledge.answering.context import INSTRUCTION, Passage, fitting, passages, prompt_limit, room, shortened
from modelyard.knowledge.answering.evidence import evidence
from modelyard.knowledge.answering.follow_up import search_text
from modelyard.knowledge.answering.prompts import prompt
from modelyard.knowledge.answering.support import CitedSoFar, is_refusal, unsupported
from modelyard.knowledge.search.search import Mode, Query, Search, SearchResult
from modelyard.knowledge.types import Models, texts_of
from modelyard.protocol.hits import Citation, Hit

CJK = re.compile("[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
SOURCES = 5
ROUNDS = 5
"""How often the sources of a question are shortened and counted at most."""
SHORTEST = 100
"""Characters of sources that are never shortened."""
SPARE = 0.9
"""The share of the room that shortened sources take, as parts of a text differ in characters per token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnowledgeQuestion:
    """A question to knowledge bases, with all parameters of its answer."""

    text: str
    bases: Sequence[KnowledgeBase]
    model: str | None = None
    """None for that of the base, else any chat model."""
    history: Sequence[Mapping[str, Any]] = ()
    """Earlier messages, in OpenAI's format."""
    k: int = SOURCES
    mode: Mode = Mode.HYBRID
    where: Mapping[str, Any] = field(default_factory=dict)
    rerank: bool | None = None
    min_score: float = 0.0
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the chat request: `temperature`, `max_tokens` …"""
    grant: Grant | None = None
    """The grant of the caller's key, which limits the models that answer. None if no key is required."""
    models: Models | None = None
    """The models on behalf of the caller, so that tokens count for it; None for those of the server."""


@dataclass(frozen=True, slots=True)
class Sources:
    """The event before the first token of the answer: its sources."""

    citations: Sequence[Citation]
    notes: Sequence[str] = ()
    rerank_model: str | None = None
    """The model that ranked them."""


@dataclass(frozen=True, slots=True)
class AnswerToken:
    """An event with a piece of the answer."""

    text: str
    citations: Sequence[Citation] = ()
    """The sources that marks which end in this piece are the first to cite, if they support what they are cited for."""


@dataclass(frozen=True, slots=True)
class FinalAnswer:
    """The last event: the whole answer."""

    text: str
    citations: Sequence[Citation]
    """The sources that the answer cites, by their numbers."""
    evidence: bool
    """Whether the search found anything that is about the question, and the model does not say that the sources lack it."""
    model: str | None
    """The model that answered; None if none did."""
    usage: Mapping[str, int] = field(default_factory=dict)
    finish_reason: str = "stop"
    stop_reason: str | None = None
    """The stop string that ended the answer, where the engine reports it."""
    notes: Sequence[str] = ()
    """Sentences for people: that a source does not say what it is cited for."""


Event = Sources | AnswerToken | FinalAnswer


class RunningModels(Protocol):
    """What is known of the models that run on this server."""

    def chats(self, grant: Grant | None = None) -> str | None:
        """A chat model that a key may use; None if none runs."""

    def context_length(self, name: str) -> int | None:
        """Tokens of prompt and answer that a model reads at most; None if that is not known."""


class Answering:
    """Answers questions. Stateless."""

    def __init__(self, database: Database, search: Search, models: Models, running: RunningModels) -> None:
        self._database = database
        self._search = search
        self._models = models
        self._running = running

    async def _find(self, question: KnowledgeQuestion, model: str | None) -> tuple[list[Passage], SearchResult]:
        """Search; returns the passages that are evidence, as many as the model can read, and the whole search result."""
        text = search_text(question.text, question.history)
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
        hits = evidence(result.hits, text, question.mode)
        context = None if model is None else self._running.context_length(model)
        space = room(context, question.text, question.history, question.options)
        found = await passages(self._database, fitting(hits, space), space)
        if model is None or context is None:
            return found, result
        return await self._readable(question, model, context, found), result

    async def _readable(
        self, question: KnowledgeQuestion, model: str, context: int, found: list[Passage]
    ) -> list[Passage]:
        """The passages whose prompt leaves room for an answer, as the model's own tokenizer counts it."""
        limit = prompt_limit(context, question.options)
        for _ in range(ROUNDS):
            characters = sum(len(each.whole.text) for each in found)
            if characters <= SHORTEST:
                break
            messages = await self._messages(question, [each.whole for each in found])
            if sum(len(str(each.get("content")).encode()) for each in messages) + INSTRUCTION <= limit:
                break  # no token is shorter than a byte
            count = await (question.models or self._models).count_tokens(model, messages)
            if count is None or count <= limit:
                break
            found = shortened(found, max(SHORTEST, int(characters * limit / count * SPARE)))
        return found

    def model(self, question: KnowledgeQuestion) -> str | None:
        """The model that answers: the named one, that of a base, or any running chat model; None if there is none.

        Raises `PermissionDenied` if the key may not use the named model or that of the base.
        """
        named = question.model or next((base.chat_model for base in question.bases if base.chat_model), None)
        if named is None:
            return self._running.chats(question.grant)
        if question.grant is not None:
            question.grant.check_model(named)
        return named

    async def answer(self, question: KnowledgeQuestion) -> AsyncGenerator[Event]:
        """Yield the sources, the tokens, and the whole answer. Raises the errors of the search and of the model's server."""
        model = self.model(question)
        found, result = await self._find(question, model)
        sources = [Citation.of(number, each.hit, each.before, each.after) for number, each in enumerate(found, 1)]
        hits = [each.whole for each in found]
        yield Sources(sources, result.notes, result.rerank_model)
        if not hits:
            sentence = nothing_found(question)
            yield AnswerToken(sentence)
            yield FinalAnswer(sentence, [], False, None)
            return
        if model is None:
            text, used = extract(question.text, hits)
            cited = [sources[number - 1] for number in used]
            yield AnswerToken(text, cited)
            yield FinalAnswer(text, cited, True, None)
            return
        so_far = CitedSoFar(question.text, hits)
        async with aclosing(self._generate(question, model, hits)) as events:
            async for event in events:
                if isinstance(event, FinalAnswer):
                    event, more = _with_citations(event, question.text, hits, sources)
                    if more:
                        yield AnswerToken(more, event.citations)
                elif numbers := so_far.add(event.text):
                    event = replace(event, citations=[sources[number - 1] for number in numbers])
                yield event

    @staticmethod
    async def _messages(question: KnowledgeQuestion, hits: Sequence[Hit]) -> list[Mapping[str, Any]]:
        """The conversation that a model reads: the history, and the question with its sources."""
        sources = [
            {"document": each.document, "page": each.page, "text": each.text, "heading": each.heading} for each in hits
        ]
        text = await prompt(question.bases[0].prompts, question.text, sources)
        return [*question.history, {"role": "user", "content": text}]

    async def _generate(
        self, question: KnowledgeQuestion, model: str, hits: Sequence[Hit]
    ) -> AsyncGenerator[AnswerToken | FinalAnswer]:
        """Let a model answer from the hits. The last event is the whole answer, without citations."""
        messages = await self._messages(question, hits)
        usage: Mapping[str, int] = {}
        reason, stop, parts = "stop", None, []
        chunks = (question.models or self._models).chat({**question.options, "model": model, "messages": messages})
        async with aclosing(chunks) as stream:
            async for chunk in stream:
                usage = chunk.get("usage") or usage
                for choice in chunk.get("choices", []):
                    reason, stop = choice.get("finish_reason") or reason, choice.get("stop_reason") or stop
                for text in texts_of(chunk):
                    parts.append(text)
                    yield AnswerToken(text)
        stop = stop if isinstance(stop, str) else None
        yield FinalAnswer("".join(parts), [], True, model, usage, reason, stop)


def _with_citations(
    answer: FinalAnswer, question: str, hits: Sequence[Hit], sources: Sequence[Citation]
) -> tuple[FinalAnswer, str]:
    """The answer with its citations, and the mark that is added to it where the model set none.

    A citation that supports no sentence for which it is cited is left out, and a note says so. An answer that says that the
    sources do not have it gets no mark, and has no evidence.
    """
    if is_refusal(answer.text):
        return replace(answer, evidence=False), ""
    cited = cited_numbers(answer.text, len(hits))
    wrong = unsupported(answer.text, question, hits)
    used, more = [number for number in cited if number not in wrong], ""
    if not cited and (likely := likely_source(answer.text, hits)):
        used, more = [likely], f" [{likely}]"
    notes = [f"Source [{number}] does not say what the answer cites it for." for number in wrong]
    return replace(
        answer, text=answer.text + more, citations=[sources[number - 1] for number in used], notes=notes
    ), more


def nothing_found(question: KnowledgeQuestion) -> str:
    """The answer if nothing was found, in the language of the question."""
    names = [base.name for base in question.bases]
    if CJK.search(question.text):
        return f"在知识库{'、'.join(f'“{name}”' for name in names)}中没有找到与这个问题有关的内容。"
    return f"I found nothing about this in {' and '.join(names)}."
