"""Routes about knowledge bases: making, configuring, searching, asking and indexing them anew."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from modelyard.api.absent_models import warnings
from modelyard.api.asking import Asked, ask
from modelyard.api.base_access import NamedBase, check_bases, check_models, models_for
from modelyard.api.deps import Parts, TheGrant, TheKnowledge, TheParts
from modelyard.api.knowledge_views import base_info, hit_dict, readable
from modelyard.api.leaving import while_awaited
from modelyard.api.sse import event, streamed
from modelyard.core.access import WRITE
from modelyard.core.errors import InvalidParameter, JobNotFound
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.loaders import extensions
from modelyard.knowledge.indexing.jobs import JobView, builtins
from modelyard.knowledge.search.search import Mode, Query
from modelyard.knowledge.service import Knowledge
from modelyard.protocol import knowledge as bodies

router = APIRouter(prefix="/v1/knowledge_bases", tags=["knowledge bases"], dependencies=[NamedBase])


async def _info(parts: Parts, base: KnowledgeBase) -> bodies.BaseInfo:
    counts = await parts.knowledge.bases.counts([base.id])
    jobs = await parts.knowledge.jobs.running(base)
    return base_info(base, counts[base.id], jobs, warnings(parts.gateway, parts.catalog, base))


def _settings(body: bodies.BaseSettings, **more: Any) -> BaseSettings:
    fields = ("description", "language", "rerank_model", "chat_model", "prompts")
    return BaseSettings(**{name: getattr(body, name) for name in fields}, **more)


def _chunking(body: bodies.Chunking | None) -> dict[str, Any] | None:
    return None if body is None else body.model_dump(exclude_unset=True)


@router.get("")
async def list_bases(knowledge: TheKnowledge, grant: TheGrant) -> bodies.BaseList:
    """Every base that the key may read."""
    rows = await readable(knowledge, grant)
    counts = await knowledge.bases.counts([base.id for base in rows])
    return bodies.BaseList(data=[base_info(base, counts[base.id], await knowledge.jobs.running(base)) for base in rows])


@router.post("")
async def create(body: bodies.CreateBase, parts: TheParts, grant: TheGrant) -> bodies.BaseInfo:
    """Make an empty base. `warnings` names models that do not answer yet."""
    knowledge = parts.knowledge
    await check_bases(knowledge, grant, [body.name], WRITE)
    check_models(grant, body.embedding_model, body.rerank_model, body.chat_model)
    settings = _settings(body, embedding_model=body.embedding_model, chunking=_chunking(body.chunking))
    return await _info(parts, await knowledge.create(body.name, settings))


@router.get("/formats")
async def formats() -> dict[str, str]:
    """Extensions of documents that can be read, each with what it is."""
    return dict(extensions())


@router.post("/search")
async def search_several(body: bodies.SearchSeveralRequest, parts: TheParts, grant: TheGrant) -> bodies.SearchAnswer:
    """Search several bases at once; their hits are ranked together."""
    await check_bases(parts.knowledge, grant, body.knowledge_bases)
    bases = await parts.knowledge.several(body.knowledge_bases)
    return await _search(parts, grant, bases, body)  # type: ignore[return-value]


@router.post("/answer")
async def answer_several(
    body: bodies.AnswerSeveralRequest, request: Request, parts: TheParts, grant: TheGrant
) -> Response:
    """Answer a question from several bases."""
    await check_bases(parts.knowledge, grant, body.knowledge_bases)
    return await _answer(body, body.knowledge_bases, request, parts, grant)


@router.get("/{base}")
async def describe(base: str, parts: TheParts) -> bodies.BaseInfo:
    """A base, with how much is in it."""
    return await _info(parts, await parts.knowledge.bases.get(base))


@router.patch("/{base}")
async def configure(base: str, body: bodies.ChangeBase, parts: TheParts, grant: TheGrant) -> bodies.BaseInfo:
    """Change what needs no new index."""
    knowledge = parts.knowledge
    check_models(grant, body.rerank_model, body.chat_model)
    if body.name is not None:
        await check_bases(knowledge, grant, [body.name], WRITE)
    return await _info(parts, await knowledge.rename(base, _settings(body), body.name))


@router.delete("/{base}")
async def delete(base: str, knowledge: TheKnowledge) -> bodies.Deleted:
    """Delete a base with all its documents."""
    await knowledge.delete(base)
    return bodies.Deleted(deleted=[base])


@router.post("/{base}/reindex")
async def reindex(
    base: str, body: bodies.ReindexRequest, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.JobStarted:
    """Make all chunks anew, in the background; searches go on with the old ones until the new ones are complete."""
    check_models(grant, body.embedding_model)
    settings = BaseSettings(embedding_model=body.embedding_model, chunking=_chunking(body.chunking))
    return bodies.JobStarted(job=await knowledge.reindex(await knowledge.bases.get(base), settings, body.force))


@router.post("/{base}/search", response_model=bodies.SearchAnswer)
async def search(base: str, body: bodies.SearchRequest, parts: TheParts, grant: TheGrant) -> Response:
    """Search a base, by words and by meaning."""
    return await _search(parts, grant, [await parts.knowledge.bases.known(base)], body)


async def _search(parts: Parts, grant: TheGrant, bases: list[KnowledgeBase], body: bodies.SearchRequest) -> Response:
    """Counts as one of the key's requests if a model is asked for it. Raises `PermissionDenied` and `RateLimited`."""
    check_models(grant, body.rerank_model)
    query = Query(
        text=body.query,
        bases=bases,
        k=body.top_k,
        mode=Mode(body.mode),
        where=body.filter,
        rerank=body.rerank,
        rerank_model=body.rerank_model,
        min_score=body.min_score,
        models=models_for(parts, grant),
    )
    if query.asks_models:
        parts.passage.count(grant)
    found = await parts.knowledge.search.search(query)
    told = {"object": "list", "data": [hit_dict(hit) for hit in found.hits], "notes": list(found.notes)}
    return Response(msgspec.json.encode(told), media_type="application/json")


@router.post("/{base}/answer", response_model=bodies.AnswerInfo)
async def answer(base: str, body: bodies.AnswerRequest, request: Request, parts: TheParts, grant: TheGrant) -> Response:
    """Answer a question from a base, with citations. With `stream`, events: sources, tokens, the answer."""
    return await _answer(body, [base], request, parts, grant)


async def _answer(
    body: bodies.AnswerRequest, names: list[str], request: Request, parts: Parts, grant: TheGrant
) -> Response:
    """Counts as one of the key's requests. Raises `PermissionDenied` and `RateLimited`."""
    knowledge = parts.knowledge
    check_models(grant, body.model)
    if not body.question.strip():
        raise InvalidParameter("question", "there is no question.")
    bases = await knowledge.several(names)
    parts.passage.count(grant)
    asked = await Asked.begin(knowledge, bases, body, grant, models_for(parts, grant))
    if body.stream:
        return streamed(ask(knowledge, asked))
    told = await while_awaited(request, _all(asked, knowledge))
    return JSONResponse({name: value for name, value in told[-1].items() if name != "type"})


async def _all(asked: Asked, knowledge: Knowledge) -> list[dict[str, Any]]:
    async with aclosing(asked.events(knowledge)) as told:
        return [each async for each in told]


@router.get("/{base}/jobs")
async def list_jobs(base: str, knowledge: TheKnowledge) -> list[dict[str, Any]]:
    """The last jobs of a base, newest first."""
    return [builtins(view) for view in await knowledge.jobs.all(await knowledge.bases.get(base))]


@router.get("/{base}/jobs/{job}")
async def describe_job(base: str, job: str, knowledge: TheKnowledge, stream: bool = False) -> Response:
    """How far a job is; with `stream`, an event whenever that changes, until it is finished."""
    view = await _job(knowledge, base, job)
    if not stream:
        return JSONResponse(builtins(view))

    async def events() -> Any:
        async for each in knowledge.ingest.follow(job):
            yield event(builtins(each))

    return streamed(events())


@router.delete("/{base}/jobs/{job}")
async def cancel_job(base: str, job: str, knowledge: TheKnowledge) -> dict[str, Any]:
    """Let a job do no more. Documents that it has indexed stay."""
    await _job(knowledge, base, job)
    await knowledge.cancel(job)
    return builtins(await knowledge.ingest.view(job))


async def _job(knowledge: Knowledge, base: str, job: str) -> JobView:
    """A job of this base. Raises `JobNotFound` for one of another, too."""
    view = await knowledge.ingest.view(job)
    if view.base != base:
        raise JobNotFound(job)
    return view
