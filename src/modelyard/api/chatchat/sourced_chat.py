"""Chatchat's chats with sources: about a knowledge base, about files of one talk, about what a search engine finds."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from modelyard.api.chatchat.base import ChatchatRoute, Refused, lasting
from modelyard.api.chatchat.knowledge_base import UNFILTERED, context, near
from modelyard.api.chatchat.prompts import rendered
from modelyard.api.chatchat.streams import streamed
from modelyard.api.chatchat.turns import Chat, Talk
from modelyard.api.chatchat.uploads import brought
from modelyard.api.deps import Parts, TheGrant, TheParts
from modelyard.chats.search_engines import engine
from modelyard.chats.search_engines.base import MOST_HITS, SearchEngine
from modelyard.core.access import TOOLS, Grant
from modelyard.core.config import Settings
from modelyard.core.errors import SearchNotConfigured, UnknownName
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.answering.answer import is_evidence
from modelyard.knowledge.search.search import Hit

router = APIRouter(prefix="/chat", tags=["chatchat"], route_class=ChatchatRoute)

NOTHING_FOUND = "<span style='color:red'>未找到相关文档,该回答为大模型自身能力解答！</span>"
EVERYTHING = 2.0
"""The threshold from which chunks are told to the model though they are not about the question."""
ENGINES = {"searx": "searxng"}
"""What Chatchat calls them."""
NO_BING = "要使用Bing搜索引擎，需要设置 `BING_SUBSCRIPTION_KEY`"


class SourcedChat(Chat):
    """A question, and how much is looked for."""

    top_k: int = 3
    score_threshold: float = Field(1.0, ge=0, le=2)


class KnowledgeBaseChat(SourcedChat):
    """A question about a base."""

    knowledge_base_name: str


class FileChat(SourcedChat):
    """A question about files that were brought for one talk."""

    knowledge_id: str


class SearchEngineChat(Chat):
    """A question to be looked for in the web."""

    search_engine_name: str
    top_k: int = 3
    split_result: bool = Field(False, description="Accepted; excerpts come short from every engine here.")


@router.post("/knowledge_base_chat", response_class=StreamingResponse)
async def knowledge_base_chat(
    body: KnowledgeBaseChat, request: Request, parts: TheParts, grant: TheGrant
) -> StreamingResponse:
    """Ask about a base. Events: `{"answer"}` for each piece and `{"docs"}`, or one with both."""
    name = body.knowledge_base_name
    base = await lasting(parts.knowledge, grant, name)
    talk = Talk(request, parts, grant, body, base.chat_model)
    return streamed(_about_base(talk, body, base, linked(request, name)))


@router.post("/file_chat", response_class=StreamingResponse)
async def file_chat(body: FileChat, request: Request, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Ask about files that `upload_temp_docs` took. Events as of a base, with sources that have no link."""
    base = await brought(parts.knowledge, grant, body.knowledge_id)

    def source(number: int, hit: Hit) -> str:
        return f"出处 [{number}] [{hit.row.document}] \n\n{hit.row.text}\n\n"

    return streamed(_about_base(Talk(request, parts, grant, body), body, base, source))


@router.post("/search_engine_chat", response_class=StreamingResponse)
async def search_engine_chat(
    body: SearchEngineChat, request: Request, parts: TheParts, grant: TheGrant
) -> StreamingResponse:
    """Ask about what a search engine finds. Events as of a base. A key must have the scope `tools:use`."""
    if grant is not None:
        grant.check(TOOLS)
    searching = engine_of(parts.settings, body.search_engine_name)
    return streamed(_about_web(Talk(request, parts, grant, body), body, searching))


def engine_of(settings: Settings, name: str) -> SearchEngine:
    """A search engine by Chatchat's name. Raises `Refused`."""
    try:
        return engine(settings, ENGINES.get(name, name))
    except UnknownName as error:
        raise Refused(404, f"未支持搜索引擎 {name}") from error
    except SearchNotConfigured as error:
        raise Refused(404, NO_BING if name == "bing" else f"要使用{name}搜索引擎，需要设置：{error.message}") from error


def linked(request: Request, name: str) -> Callable[[int, Hit], str]:
    """A source with a link to its document."""
    address = f"{request.base_url}knowledge_base/download_doc?"

    def source(number: int, hit: Hit) -> str:
        link = address + urlencode({"knowledge_base_name": name, "file_name": hit.row.document})
        return f"出处 [{number}] [{hit.row.document}]({link}) \n\n{hit.row.text}\n\n"

    return source


async def evidence(
    parts: Parts, grant: Grant | None, body: SourcedChat, base: KnowledgeBase, *, everything: bool, counts: bool = False
) -> list[Hit]:
    """The chunks that a model is told: within the threshold, and about the question unless `everything` is wanted.

    `counts` says whether this is a request of the key by itself: no chat follows, which counts as one.
    """
    await parts.knowledge.bases.used([base.id])
    hits = await near(parts, grant, base, body.query, body.top_k, body.score_threshold, counts=counts)
    if everything or body.score_threshold < UNFILTERED:
        return hits
    return [hit for hit in hits if is_evidence(body.query, hit)]


async def _about_base(
    talk: Talk, body: SourcedChat, base: KnowledgeBase, source: Callable[[int, Hit], str]
) -> AsyncGenerator[dict[str, Any]]:
    hits = await evidence(talk.parts, talk.grant, body, base, everything=body.score_threshold >= EVERYTHING)
    sources = [source(number, hit) for number, hit in enumerate(hits, 1)]
    name = body.prompt_name if hits else "empty"
    prompt = rendered("knowledge_base_chat", name, context=context(hits), question=body.query)
    async with aclosing(_answered(talk, prompt, sources)) as values:
        async for value in values:
            yield value


async def _about_web(talk: Talk, body: SearchEngineChat, searching: SearchEngine) -> AsyncGenerator[dict[str, Any]]:
    pages = await searching.search(body.query, min(max(body.top_k, 1), MOST_HITS))
    sources = [
        f"出处 [{number}] [{page.url}]({page.url}) \n\n{page.snippet}\n\n" for number, page in enumerate(pages, 1)
    ]
    told = "\n".join(page.snippet for page in pages)
    prompt = rendered("search_engine_chat", body.prompt_name, context=told, question=body.query)
    async with aclosing(_answered(talk, prompt, sources)) as values:
        async for value in values:
            yield value


async def _answered(talk: Talk, prompt: str, sources: Sequence[str]) -> AsyncGenerator[dict[str, Any]]:
    """The answer and its sources, or the sentence that there are none."""
    docs = list(sources) or [NOTHING_FOUND]
    said: list[str] = []
    async with aclosing(talk.said(talk.messages(prompt))) as tokens:
        async for token in tokens:
            said.append(token)
            if talk.body.stream:
                yield {"answer": token}
    yield {"docs": docs} if talk.body.stream else {"answer": "".join(said), "docs": docs}
