"""Chatchat's chats with sources: about a knowledge base, about uploaded files, and about results of a web search."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from modelyard.chats.search_engines import engine
from modelyard.chats.search_engines.base import MOST_HITS, SearchEngine
from modelyard.compat.chatchat.base import BaseResponse, ChatchatRefused, ChatchatRoute, permanent_base
from modelyard.compat.chatchat.knowledge_base import UNFILTERED, context, near
from modelyard.compat.chatchat.prompts import render_prompt
from modelyard.compat.chatchat.streams import event_stream
from modelyard.compat.chatchat.turns import ChatQuestion, ChatTurn
from modelyard.compat.chatchat.uploads import temporary_base_of
from modelyard.core.access import TOOLS, Grant
from modelyard.core.config import Settings
from modelyard.core.errors import SearchNotConfigured, UnknownName
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.evidence import evidence as about
from modelyard.knowledge.search.search import Mode
from modelyard.protocol.chatchat import SourcedEvents
from modelyard.protocol.hits import Hit
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.router import BodyKind, Router

router = Router("/chat", tags=["chatchat"], route_class=ChatchatRoute)

NOTHING_FOUND = "<span style='color:red'>未找到相关文档,该回答为大模型自身能力解答！</span>"
EVERYTHING = 2.0
"""The threshold from which the model receives all chunks found, even those that are not about the question."""
ENGINES = {"searx": "searxng"}
"""Chatchat's names of search engines → ours, if they differ."""
NO_BING = "要使用Bing搜索引擎，需要设置 `BING_SUBSCRIPTION_KEY`"


class SourcedChat(ChatQuestion):
    """A question, and the number of sources to search for."""

    top_k: int = 3
    score_threshold: float = Field(1.0, ge=0, le=2)


class KnowledgeBaseChat(SourcedChat):
    """A question about a base."""

    knowledge_base_name: str


class FileChat(SourcedChat):
    """A question about temporarily uploaded files."""

    knowledge_id: str


class SearchEngineChat(ChatQuestion):
    """A question that is searched for on the web."""

    search_engine_name: str
    top_k: int = 3
    split_result: bool = Field(False, description="Accepted without effect: the excerpts of all engines are short.")


@router.post(
    "/knowledge_base_chat", scope="models:read", body=BodyKind.TEXT, response_model=BaseResponse, events=SourcedEvents
)
async def knowledge_base_chat(
    body: KnowledgeBaseChat, request: Request, parts: TheParts, grant: TheGrant
) -> StreamingResponse:
    """Ask about a base. Streams `{"answer"}` for each piece and then `{"docs"}`, or sends one event with both."""
    name = body.knowledge_base_name
    base = await permanent_base(parts.knowledge, grant, name)
    turn = ChatTurn(request, parts, grant, body, base.chat_model)
    return event_stream(_about_base(turn, body, base, linked_source(request, name)))


@router.post("/file_chat", scope="models:read", body=BodyKind.TEXT, response_model=BaseResponse, events=SourcedEvents)
async def file_chat(body: FileChat, request: Request, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Ask about files that `upload_temp_docs` stored. Events are those of `/chat/knowledge_base_chat`; sources have no links."""
    base = await temporary_base_of(parts.knowledge, grant, body.knowledge_id)

    def source(number: int, hit: Hit) -> str:
        return f"出处 [{number}] [{hit.document}] \n\n{hit.text}\n\n"

    return event_stream(_about_base(ChatTurn(request, parts, grant, body), body, base, source))


@router.post(
    "/search_engine_chat", scope="models:read", body=BodyKind.TEXT, response_model=BaseResponse, events=SourcedEvents
)
async def search_engine_chat(
    body: SearchEngineChat, request: Request, parts: TheParts, grant: TheGrant
) -> StreamingResponse:
    """Ask about what a search engine finds. Events are those of `/chat/knowledge_base_chat`. Keys need the scope `tools:use`."""
    if grant is not None:
        grant.check(TOOLS)
    web = search_engine_named(parts.settings, body.search_engine_name)
    return event_stream(_about_web(ChatTurn(request, parts, grant, body), body, web))


def search_engine_named(settings: Settings, name: str) -> SearchEngine:
    """Return a search engine by Chatchat's name of it. Raises `ChatchatRefused`."""
    try:
        return engine(settings, ENGINES.get(name, name))
    except UnknownName as error:
        raise ChatchatRefused(404, f"未支持搜索引擎 {name}") from error
    except SearchNotConfigured as error:
        raise ChatchatRefused(
            404, NO_BING if name == "bing" else f"要使用{name}搜索引擎，需要设置：{error.message}"
        ) from error


def linked_source(request: Request, name: str) -> Callable[[int, Hit], str]:
    """Return a function that renders a hit as a source with a link to its document."""
    address = f"{request.base_url}knowledge_base/download_doc?"

    def source(number: int, hit: Hit) -> str:
        link = address + urlencode({"knowledge_base_name": name, "file_name": hit.document})
        return f"出处 [{number}] [{hit.document}]({link}) \n\n{hit.text}\n\n"

    return source


async def evidence(
    parts: Parts, grant: Grant | None, body: SourcedChat, base: KnowledgeBase, *, everything: bool, counts: bool = False
) -> list[Hit]:
    """Return the chunks for the model: those within the threshold and, unless `everything`, about the question.

    `counts` says whether the search counts as one of the key's requests; it does not where a chat follows, which counts.
    """
    await parts.knowledge.bases.used([base.id])
    hits = await near(parts, grant, base, body.query, body.top_k, body.score_threshold, counts=counts)
    if everything or body.score_threshold < UNFILTERED:
        return hits
    return about(hits, body.query, Mode.LEXICAL)  # each hit has a similarity, also where vectors do not count


async def _about_base(
    turn: ChatTurn, body: SourcedChat, base: KnowledgeBase, source: Callable[[int, Hit], str]
) -> AsyncGenerator[dict[str, Any]]:
    hits = await evidence(turn.parts, turn.grant, body, base, everything=body.score_threshold >= EVERYTHING)
    sources = [source(number, hit) for number, hit in enumerate(hits, 1)]
    name = body.prompt_name if hits else "empty"
    prompt = render_prompt("knowledge_base_chat", name, context=context(hits), question=body.query)
    async with aclosing(_answer_events(turn, prompt, sources)) as values:
        async for value in values:
            yield value


async def _about_web(turn: ChatTurn, body: SearchEngineChat, web: SearchEngine) -> AsyncGenerator[dict[str, Any]]:
    pages = await web.search(body.query, min(max(body.top_k, 1), MOST_HITS))
    sources = [
        f"出处 [{number}] [{page.url}]({page.url}) \n\n{page.snippet}\n\n" for number, page in enumerate(pages, 1)
    ]
    snippets = "\n".join(page.snippet for page in pages)
    prompt = render_prompt("search_engine_chat", body.prompt_name, context=snippets, question=body.query)
    async with aclosing(_answer_events(turn, prompt, sources)) as values:
        async for value in values:
            yield value


async def _answer_events(turn: ChatTurn, prompt: str, sources: Sequence[str]) -> AsyncGenerator[dict[str, Any]]:
    """Yield the answer and its sources, or a sentence that says there are none."""
    docs = list(sources) or [NOTHING_FOUND]
    answer: list[str] = []
    async with aclosing(turn.answer(turn.messages(prompt))) as pieces:
        async for piece in pieces:
            answer.append(piece)
            if turn.body.stream:
                yield {"answer": piece}
    yield {"docs": docs} if turn.body.stream else {"answer": "".join(answer), "docs": docs}
