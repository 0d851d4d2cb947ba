"""The one chat with sources of Chatchat 0.3: about a base, files or the web, in the form of OpenAI's chat completions."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from modelyard.api.chatchat.base import ChatchatRoute, Refused, lasting
from modelyard.api.chatchat.prompts import rendered
from modelyard.api.chatchat.sourced_chat import (
    NOTHING_FOUND,
    SourcedChat,
    engine_of,
    evidence,
    linked,
)
from modelyard.api.chatchat.streams import streamed
from modelyard.api.chatchat.turns import TEMPERATURE, History, Talk
from modelyard.api.chatchat.uploads import brought
from modelyard.api.deps import Parts, TheGrant, TheParts
from modelyard.api.knowledge_door import text_of
from modelyard.api.leaving import while_awaited
from modelyard.chats.search_engines.base import MOST_HITS
from modelyard.core.access import TOOLS, Grant
from modelyard.core.errors import InvalidParameter, KnowledgeBaseNotFound
from modelyard.protocol.bounds import Few, Fields, Many

router = APIRouter(prefix="/chat", tags=["chatchat"], route_class=ChatchatRoute)
completions = APIRouter(prefix="/knowledge_base", tags=["chatchat"])
"""For OpenAI's own client, so its errors are OpenAI's."""

TEXT = 1
"""Of `message_type`; there are pictures and sounds, too, which nothing here sends."""


class Source(StrEnum):
    """Where is looked."""

    BASE = "local_kb"
    FILES = "temp_kb"
    WEB = "search_engine"


class KbChat(SourcedChat):
    """A question, and where to look: in a base, in the files of one talk, or by a search engine."""

    model_config = ConfigDict(populate_by_name=True)

    mode: Source = Source.BASE
    kb_name: str = Field("", description="Name of a base, id of files, or name of a search engine.")
    score_threshold: float = Field(2.0, ge=0, le=2)
    stream: bool = True
    model_name: str | None = Field(None, alias="model", description="Left out: any chat model that runs.")
    temperature: float = Field(TEMPERATURE, ge=0, le=2)
    return_direct: bool = Field(False, description="What was found, and no answer.")


class ChatMessage(BaseModel):
    """A message, as OpenAI has it."""

    role: str
    content: str | Few[Fields[Any]] | None = None

    @property
    def text(self) -> str:
        """Its text, of plain or of parted content."""
        return text_of(self.content)


class Completion(BaseModel):
    """A chat completion with Chatchat's fields beside OpenAI's; other fields are not looked at."""

    messages: Many[ChatMessage] = Field(min_length=1)
    model: str | None = None
    stream: bool | None = None
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = None
    top_k: int = 3
    score_threshold: float = Field(2.0, ge=0, le=2)
    prompt_name: str = "default"
    return_direct: bool = False


@router.post("/kb_chat", response_model=None)
async def kb_chat(body: KbChat, request: Request, parts: TheParts, grant: TheGrant) -> Response:
    """Ask with sources. `stream` sends chunks, the first of which has the sources as `docs`; else all is one object."""
    return await _answer(body, request, parts, grant)


@completions.post("/{mode}/{param}/chat/completions", response_model=None)
async def chat_completions(
    mode: Source, param: str, body: Completion, request: Request, parts: TheParts, grant: TheGrant
) -> Response:
    """The same for OpenAI's client: the last message is the question."""
    *before, last = body.messages
    if not last.text.strip():
        raise InvalidParameter("messages", "there is no question in the last message.")
    asked = KbChat(
        query=last.text,
        history=[History(role=each.role, content=each.text) for each in before],
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
        return await _answer(asked, request, parts, grant)
    except Refused as error:
        if mode is Source.WEB:
            raise InvalidParameter("param", error.message) from error
        raise KnowledgeBaseNotFound(param) from error


async def _answer(body: KbChat, request: Request, parts: Parts, grant: Grant | None) -> Response:
    """Raises `Refused`, `PermissionDenied`, and, unless streamed, what searching and the model's server raise."""
    looking = _Looking(body, request, parts, grant)
    await looking.begin()
    talk = Talk(request, parts, grant, body, looking.model)
    if body.stream:
        return streamed(_chunks(talk, looking, body))
    return JSONResponse(await while_awaited(request, _whole(talk, looking, body)))


class _Looking:
    """A search on its way: where it looks is checked by `begin`; `found` gives what a model and what people are told."""

    def __init__(self, body: KbChat, request: Request, parts: Parts, grant: Grant | None) -> None:
        self._body = body
        self._request = request
        self._parts = parts
        self._grant = grant
        self.model: str | None = None
        """Who answers about this base."""

    async def begin(self) -> None:
        body, knowledge = self._body, self._parts.knowledge
        if body.mode is Source.WEB:
            if self._grant is not None:
                self._grant.check(TOOLS)
            self._engine = engine_of(self._parts.settings, body.kb_name)
            return
        named = lasting if body.mode is Source.BASE else brought
        self._base = await named(knowledge, self._grant, body.kb_name)
        self.model = self._base.chat_model

    async def found(self) -> tuple[list[str], list[str]]:
        """Texts for the model, and sources for people. Raises what searching raises."""
        body = self._body
        if body.mode is Source.WEB:
            pages = await self._engine.search(body.query, min(max(body.top_k, 1), MOST_HITS))
            return [page.snippet for page in pages], [
                f"出处 [{number}] [{page.title}]({page.url}) \n\n{page.snippet}\n\n"
                for number, page in enumerate(pages, 1)
            ]
        hits = await evidence(self._parts, self._grant, body, self._base, everything=False, counts=body.return_direct)
        source = linked(self._request, body.kb_name)
        return [hit.row.text for hit in hits], [source(number, hit) for number, hit in enumerate(hits, 1)]


def _prompt(body: KbChat, told: Sequence[str]) -> str:
    name = body.prompt_name if told else "empty"
    return rendered("knowledge_base_chat", name, context="\n\n".join(told), question=body.query)


async def _whole(talk: Talk, looking: _Looking, body: KbChat) -> dict[str, Any]:
    told, docs = await looking.found()
    if body.return_direct:
        return completion(None, "", docs)
    said = [piece async for piece in talk.said(talk.messages(_prompt(body, told)))]
    return completion(talk.model(), "".join(said), docs or [NOTHING_FOUND])


async def _chunks(talk: Talk, looking: _Looking, body: KbChat) -> AsyncGenerator[dict[str, Any]]:
    told, docs = await looking.found()
    if body.return_direct:
        yield completion(None, "", docs)
        return
    messages = talk.messages(_prompt(body, told))
    first = head("chat.completion.chunk", talk.model())
    yield {**first, "docs": docs or [NOTHING_FOUND], **choice("", None)}
    async with aclosing(talk.said(messages)) as pieces:
        async for piece in pieces:
            yield {**first, **choice(piece, None)}
    yield {**first, **choice("", "stop")}


def head(kind: str, model: str | None) -> dict[str, Any]:
    """What every object begins with. The id is the same in all chunks of an answer."""
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
    """The `choices` of a chunk."""
    delta = {"content": content, "tool_calls": list(calls)}
    return {"choices": [{"index": 0, "delta": delta, "role": "assistant", "finish_reason": reason}]}


def completion(model: str | None, content: str, docs: Sequence[str] | None, reason: str = "stop") -> dict[str, Any]:
    """An answer in one object, with its sources if there were to be any."""
    message = {"role": "assistant", "content": content, "finish_reason": reason, "tool_calls": []}
    found = {} if docs is None else {"docs": list(docs)}
    choices = [{"index": 0, "message": message, "finish_reason": reason}]
    return {**head("chat.completion", model), **found, "choices": choices}
