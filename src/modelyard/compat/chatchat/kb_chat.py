"""Chatchat 0.3's chat with sources: about a base, uploaded files or the web, in the form of OpenAI's chat completions."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field

from modelyard.chats.search_engines.base import MOST_HITS
from modelyard.compat.chatchat.base import BaseResponse, ChatchatRefused, ChatchatRoute, permanent_base
from modelyard.compat.chatchat.prompts import render_prompt
from modelyard.compat.chatchat.sourced_chat import (
    NOTHING_FOUND,
    SourcedChat,
    evidence,
    linked_source,
    search_engine_named,
)
from modelyard.compat.chatchat.streams import event_stream
from modelyard.compat.chatchat.turns import TEMPERATURE, ChatTurn, HistoryMessage
from modelyard.compat.chatchat.uploads import temporary_base_of
from modelyard.core.access import TOOLS, Grant
from modelyard.core.errors import InvalidParameter, KnowledgeBaseNotFound
from modelyard.protocol.bounds import Few, Fields, Many
from modelyard.protocol.chatchat import ChatchatChunks, ChatchatCompletion
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.text_parts import text_of
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.disconnects import while_connected
from modelyard.web.router import BodyKind, Router

router = Router("/chat", tags=["chatchat"], route_class=ChatchatRoute)
completions = Router("/knowledge_base", tags=["chatchat"])
"""Routes for OpenAI's client, with errors in OpenAI's format."""

TEXT = 1
"""The value of `message_type` for text. Chatchat has others for images and sounds, which this server never sends."""


class SourceKind(StrEnum):
    """Where sources come from."""

    BASE = "local_kb"
    FILES = "temp_kb"
    WEB = "search_engine"


class KbChatQuestion(SourcedChat):
    """A question, and where to look for sources: in a base, in uploaded files, or with a search engine."""

    model_config = ConfigDict(populate_by_name=True)

    mode: SourceKind = SourceKind.BASE
    kb_name: str = Field("", description="Name of a base, id of uploaded files, or name of a search engine.")
    score_threshold: float = Field(2.0, ge=0, le=2)
    stream: bool = True
    model_name: str | None = Field(None, alias="model", description="If left out, any chat model that is ready.")
    temperature: float = Field(TEMPERATURE, ge=0, le=2)
    return_direct: bool = Field(False, description="Return the sources without an answer.")


class CompletionMessage(DeferredModel):
    """A message in OpenAI's format."""

    role: str
    content: str | Few[Fields[Any]] | None = None

    @property
    def text(self) -> str:
        """The message's text, from a string or from a list of content parts."""
        return text_of(self.content)


class SourcedCompletion(DeferredModel):
    """A chat completion request with Chatchat's fields in addition to OpenAI's; other fields are ignored."""

    messages: Many[CompletionMessage] = Field(min_length=1)
    model: str | None = None
    stream: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = None
    top_k: int = 3
    score_threshold: float = Field(2.0, ge=0, le=2)
    prompt_name: str = "default"
    return_direct: bool = False


@router.post(
    "/kb_chat",
    scope="models:read",
    body=BodyKind.TEXT,
    response_model=ChatchatCompletion | BaseResponse,
    events=ChatchatChunks,
)
async def kb_chat(body: KbChatQuestion, request: Request, parts: TheParts, grant: TheGrant) -> Response:
    """Answer a question from sources. `stream` sends chunks, of which the first has the sources as `docs`; else one object."""
    return await _respond(body, request, parts, grant)


@completions.post(
    "/{mode}/{param}/chat/completions",
    scope="models:read",
    body=BodyKind.TEXT,
    response_model=ChatchatCompletion,
    events=ChatchatChunks,
)
async def chat_completions(
    mode: SourceKind, param: str, body: SourcedCompletion, request: Request, parts: TheParts, grant: TheGrant
) -> Response:
    """Answer a question from sources for OpenAI's client; the last message is the question."""
    *history, last = body.messages
    if not last.text.strip():
        raise InvalidParameter("messages", "the last message has no text.")
    question = KbChatQuestion(
        query=last.text,
        history=[HistoryMessage(role=each.role, content=each.text) for each in history],
        mode=mode,
        kb_name=param,
        model=body.model,
        stream=bool(body.stream),
        temperature=TEMPERATURE if body.temperature is None else body.temperature,
        max_tokens=body.max_tokens,
        top_k=body.top_k,
        score_threshold=body.score_threshold,
        prompt_name=body.prompt_name,
        return_direct=body.return_direct,
    )
    try:
        return await _respond(question, request, parts, grant)
    except ChatchatRefused as error:
        if mode is SourceKind.WEB:
            raise InvalidParameter("param", error.message) from error
        raise KnowledgeBaseNotFound(param) from error


async def _respond(body: KbChatQuestion, request: Request, parts: Parts, grant: Grant | None) -> Response:
    """Search and answer. Raises `ChatchatRefused`, `PermissionDenied` and, unless streaming, errors of search and model."""
    search = _SourceSearch(body, request, parts, grant)
    await search.check_source()
    turn = ChatTurn(request, parts, grant, body, search.model)
    if body.stream:
        return event_stream(_chunks(turn, search, body))
    return JSONResponse(await while_connected(request, _completion(turn, search, body)))


class _SourceSearch:
    """One search for sources: `check_source` finds and checks where to look, `results` searches."""

    def __init__(self, body: KbChatQuestion, request: Request, parts: Parts, grant: Grant | None) -> None:
        self._body = body
        self._request = request
        self._parts = parts
        self._grant = grant
        self.model: str | None = None
        """The chat model of the base, if it has one of its own."""

    async def check_source(self) -> None:
        """Find the search engine or base. Raises `ChatchatRefused` and `PermissionDenied`."""
        body, knowledge = self._body, self._parts.knowledge
        if body.mode is SourceKind.WEB:
            if self._grant is not None:
                self._grant.check(TOOLS)
            self._engine = search_engine_named(self._parts.settings, body.kb_name)
            return
        find = permanent_base if body.mode is SourceKind.BASE else temporary_base_of
        self._base = await find(knowledge, self._grant, body.kb_name)
        self.model = self._base.chat_model

    async def results(self) -> tuple[list[str], list[str]]:
        """Return the texts for the model, and the sources in Chatchat's text form for people. Raises the search's errors."""
        body = self._body
        if body.mode is SourceKind.WEB:
            pages = await self._engine.search(body.query, min(max(body.top_k, 1), MOST_HITS))
            return [page.snippet for page in pages], [
                f"出处 [{number}] [{page.title}]({page.url}) \n\n{page.snippet}\n\n"
                for number, page in enumerate(pages, 1)
            ]
        hits = await evidence(self._parts, self._grant, body, self._base, everything=False, counts=body.return_direct)
        source = linked_source(self._request, body.kb_name)
        return [hit.text for hit in hits], [source(number, hit) for number, hit in enumerate(hits, 1)]


def _prompt(body: KbChatQuestion, texts: Sequence[str]) -> str:
    name = body.prompt_name if texts else "empty"
    return render_prompt("knowledge_base_chat", name, context="\n\n".join(texts), question=body.query)


async def _completion(turn: ChatTurn, search: _SourceSearch, body: KbChatQuestion) -> dict[str, Any]:
    texts, docs = await search.results()
    if body.return_direct:
        return completion(None, "", docs)
    answer = [piece async for piece in turn.answer(turn.messages(_prompt(body, texts)))]
    return completion(turn.model(), "".join(answer), docs or [NOTHING_FOUND])


async def _chunks(turn: ChatTurn, search: _SourceSearch, body: KbChatQuestion) -> AsyncGenerator[dict[str, Any]]:
    texts, docs = await search.results()
    if body.return_direct:
        yield completion(None, "", docs)
        return
    messages = turn.messages(_prompt(body, texts))
    first = head("chat.completion.chunk", turn.model())
    yield {**first, "docs": docs or [NOTHING_FOUND], **choice("", None)}
    async with aclosing(turn.answer(messages)) as pieces:
        async for piece in pieces:
            yield {**first, **choice(piece, None)}
    yield {**first, **choice("", "stop")}


def head(kind: str, model: str | None) -> dict[str, Any]:
    """Build the fields that all objects begin with. Call it once per answer, because its chunks share the id."""
    return {
        "id": f"chat{secrets.token_hex(16)}",
        "object": kind,
        "model": model,
        "created": int(time.time()),
        "status": None,
        "message_type": TEXT,
        "message_id": None,
        "is_ref": False,
    }


def choice(content: str, reason: str | None, calls: Sequence[dict[str, Any]] = ()) -> dict[str, Any]:
    """Build the `choices` of a chunk."""
    delta = {"content": content, "tool_calls": list(calls)}
    return {"choices": [{"index": 0, "delta": delta, "role": "assistant", "finish_reason": reason}]}


def completion(model: str | None, content: str, docs: Sequence[str] | None, reason: str = "stop") -> dict[str, Any]:
    """Build an answer in one object, with its sources unless `docs` is None."""
    message = {"role": "assistant", "content": content, "finish_reason": reason, "tool_calls": []}
    sources = {} if docs is None else {"docs": list(docs)}
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {**head("chat.completion", model), **sources, "choices": choices}
