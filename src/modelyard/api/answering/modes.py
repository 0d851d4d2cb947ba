"""The events of an answer in each of its modes: a model alone, documents, files, the web, tools."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import quote

from msgspec import to_builtins

from modelyard.api.answering.file_bases import file_base
from modelyard.api.answering.question import ChatQuestionTurn
from modelyard.api.answering.settling import AnswerWriter
from modelyard.chats.search_engines.base import MOST_HITS, WebHit
from modelyard.chats.tool_loop import Event as LoopEvent
from modelyard.chats.tool_loop import (
    LoopAnswer,
    Notice,
    TextPiece,
    ThinkingPiece,
    ToolEnded,
    ToolStarted,
    run_tool_loop,
)
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.answer import AnswerToken, FinalAnswer, KnowledgeQuestion, Sources
from modelyard.knowledge.answering.citations import cited_numbers
from modelyard.knowledge.answering.prompts import prompt
from modelyard.knowledge.search.search import LONGEST_QUERY
from modelyard.knowledge.types import Models
from modelyard.protocol.hits import Citation
from modelyard.web.deps import Parts

NOTHING_FOUND = "nothing_found"


class AnswerRun:
    """One answer while it is made."""

    def __init__(self, parts: Parts, turn: ChatQuestionTurn, models: Models, writer: AnswerWriter) -> None:
        self._parts = parts
        self._turn = turn
        self._models = models
        self._writer = writer

    async def run(self) -> None:
        """Emit the events between the first one and the end. Raises the errors of models, searches and tools."""
        turn = self._turn
        if turn.mode == "knowledge":
            await self._from_documents(turn.bases, [])
        elif turn.mode == "files":
            found = await file_base(self._parts, turn.grant, turn.files)
            await self._from_documents([found.base], found.notes)
        elif turn.mode == "web":
            await self._from_web()
        else:
            answer = await self._from_model(turn.messages)
            await self._result(turn.model, answer.usage, answer.finish_reason)

    async def _from_model(self, messages: Sequence[Mapping[str, Any]]) -> LoopAnswer:
        """Let the model answer, with the tools of the question."""
        turn = self._turn
        body = {**turn.parameters, "model": turn.model, "messages": list(messages)}
        answer = LoopAnswer("")
        async with aclosing(run_tool_loop(self._models, body, turn.tools)) as events:
            async for event in events:
                if isinstance(event, LoopAnswer):
                    answer = event
                else:
                    await self._writer.emit(*_loop_event(event))
        return answer

    async def _from_documents(self, bases: Sequence[KnowledgeBase], notes: Sequence[str]) -> None:
        turn = self._turn
        question = KnowledgeQuestion(
            text=turn.text,
            bases=bases,
            model=turn.model,
            history=turn.history,
            k=turn.k,
            options=turn.parameters,
            grant=turn.grant,
            models=self._models,
        )
        async with aclosing(self._parts.knowledge.answering.answer(question)) as events:
            async for event in events:
                if isinstance(event, Sources):
                    sources = [document_source(each) for each in event.citations]
                    await self._sources(sources, [*notes, *event.notes])
                elif isinstance(event, AnswerToken):
                    await self._writer.emit("text", {"text": event.text})
                else:
                    await self._document_result(event)

    async def _document_result(self, answer: FinalAnswer) -> None:
        cited = [document_source(each) for each in answer.citations]
        usage, reason = dict(answer.usage), answer.finish_reason
        await self._result(answer.model, usage, reason, cited, answer.evidence, answer.notes)

    async def _from_web(self) -> None:
        turn = self._turn
        assert turn.engine is not None
        hits = await turn.engine.search(turn.text[:LONGEST_QUERY], min(turn.k, MOST_HITS))
        sources = [web_source(number, hit) for number, hit in enumerate(hits, 1)]
        await self._sources(sources, [])
        messages = list(turn.messages)
        if hits:
            pages = [{"document": hit.title, "page": None, "text": hit.snippet, "heading": ""} for hit in hits]
            messages[-1] = {"role": "user", "content": await prompt({}, turn.text, pages)}
        else:
            text = "The web search found nothing; the model answers from what it knows."
            await self._writer.emit("notice", {"code": NOTHING_FOUND, "text": text})
        answer = await self._from_model(messages)
        cited = [sources[number - 1] for number in cited_numbers(answer.text, len(sources))]
        await self._result(turn.model, answer.usage, answer.finish_reason, cited, bool(hits))

    async def _sources(self, sources: Sequence[Mapping[str, Any]], notes: Sequence[str]) -> None:
        await self._writer.emit("sources", {"sources": list(sources), "notes": list(notes)})

    async def _result(
        self,
        model: str | None,
        usage: Mapping[str, Any],
        finish_reason: str,
        citations: Sequence[Mapping[str, Any]] = (),
        evidence: bool | None = None,
        notes: Sequence[str] = (),
    ) -> None:
        data = {
            "model": model,
            "finish_reason": finish_reason,
            "usage": usage,
            "timings": self._writer.fold.timings,
            "citations": list(citations),
            "evidence": evidence,
            "notes": list(notes),
        }
        await self._writer.emit("result", data)


def _loop_event(event: LoopEvent) -> tuple[str, dict[str, Any]]:
    """An event of the tool loop, except its last one, as type and data."""
    if isinstance(event, TextPiece):
        return "text", {"text": event.text}
    if isinstance(event, ThinkingPiece):
        return "reasoning", {"text": event.text}
    if isinstance(event, Notice):
        return "notice", {"code": event.code, "text": event.text}
    assert isinstance(event, ToolStarted | ToolEnded)
    call = {"id": event.id, "name": event.name, "arguments": event.arguments}
    if isinstance(event, ToolStarted):
        return "tool_started", call
    error = None if event.ok else event.output.removeprefix("Error: ")
    return "tool_ended", {**call, "output": event.output, "ok": event.ok, "ms": event.ms, "error": error}


def document_source(citation: Citation) -> dict[str, Any]:
    """A citation as a source, with the address of its document on this server."""
    base = quote(citation.knowledge_base, safe="")
    url = f"/v1/knowledge_bases/{base}/documents/{citation.document_id}/content"
    return {**to_builtins(citation), "title": citation.document, "url": url}


def web_source(number: int, hit: WebHit) -> dict[str, Any]:
    """A page that a search engine found, as a source."""
    return {"number": number, "title": hit.title, "url": hit.url, "text": hit.snippet}
