"""Routes for knowledge bases: creating, configuring, searching, asking and re-indexing them."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import msgspec
from fastapi import Request, Response
from fastapi.responses import JSONResponse

from modelyard.api.absent_models import warnings
from modelyard.api.kept_questions import KeptQuestion, encoded_events
from modelyard.api.reading_warnings import reading_warnings
from modelyard.core.access import WRITE, Owner
from modelyard.core.errors import InvalidParameter, JobNotFound
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.loaders import extensions
from modelyard.knowledge.indexing.jobs import JobView, builtins
from modelyard.knowledge.search.search import Mode, Query
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol import knowledge as bodies
from modelyard.protocol.error_event import ErrorEvent
from modelyard.protocol.hits import SearchAnswer
from modelyard.protocol.knowledge_events import AnswerEvents
from modelyard.protocol.knowledge_jobs import KnowledgeJobInfo, KnowledgeJobList
from modelyard.web.base_access import NamedBase, check_bases, check_models, models_for
from modelyard.web.cursors import After, Limit, ShortLimit, joined, page_of, time_and_id
from modelyard.web.deps import Parts, TheGrant, TheKnowledge, TheParts
from modelyard.web.disconnects import while_connected
from modelyard.web.knowledge_views import base_info, job_info, readable
from modelyard.web.router import BodyKind, Router
from modelyard.web.sse import event, streamed

router = Router("/v1/knowledge_bases", tags=["knowledge bases"], dependencies=[NamedBase])


async def _info(parts: Parts, base: KnowledgeBase) -> bodies.BaseInfo:
    counts = await parts.knowledge.bases.counts([base.id])
    jobs = await parts.knowledge.jobs.running(base)
    return base_info(base, counts[base.id], jobs, _warnings(parts, base))


def _warnings(parts: Parts, base: KnowledgeBase) -> list[str]:
    """What does not work in a base, or not well, because of its models."""
    return warnings(parts.gateway, parts.catalog, base) + reading_warnings(base)


def _settings(body: bodies.BaseSettingsBody, **more: Any) -> BaseSettings:
    fields = ("description", "language", "rerank_model", "chat_model", "prompts")
    return BaseSettings(**{name: getattr(body, name) for name in fields}, **more)


def _chunking(body: bodies.ChunkingBody | None) -> dict[str, Any] | None:
    return None if body is None else body.model_dump(exclude_unset=True)


@router.get("", scope="knowledge:read")
async def list_bases(parts: TheParts, grant: TheGrant, limit: Limit = 10_000, after: After = None) -> bodies.BaseList:
    """Every base that the key may read, by name."""
    knowledge = parts.knowledge
    rows, more = page_of(await readable(knowledge, grant, after), limit, lambda base: base.name)
    counts = await knowledge.bases.counts([base.id for base in rows])
    return bodies.BaseList(
        data=[
            base_info(base, counts[base.id], await knowledge.jobs.running(base), _warnings(parts, base))
            for base in rows
        ],
        **more,
    )


@router.post("", scope="knowledge:write", audited=True)
async def create(body: bodies.CreateBaseRequest, parts: TheParts, grant: TheGrant) -> bodies.BaseInfo:
    """Make an empty base. `warnings` names models that do not answer yet, and languages that its model does not read."""
    knowledge = parts.knowledge
    await check_bases(knowledge, grant, [body.name], WRITE)
    check_models(grant, body.embedding_model, body.rerank_model, body.chat_model)
    settings = _settings(body, embedding_model=body.embedding_model, chunking=_chunking(body.chunking))
    base = await knowledge.create(body.name, settings)
    return await _info(parts, await knowledge.with_probe(base))


@router.get("/formats", scope="knowledge:read")
async def formats() -> dict[str, str]:
    """Extensions of supported document formats, each with its description."""
    return dict(extensions())


@router.post("/search", scope="knowledge:read", response_model=SearchAnswer)
async def search_several(body: bodies.SearchSeveralRequest, parts: TheParts, grant: TheGrant) -> Response:
    """Search several bases at once; their hits are ranked together."""
    await check_bases(parts.knowledge, grant, body.knowledge_bases)
    bases = await parts.knowledge.several(body.knowledge_bases)
    return await _search(parts, grant, bases, body)


@router.post(
    "/answer", scope="knowledge:read", body=BodyKind.TEXT, response_model=bodies.AnswerInfo, events=AnswerEvents
)
async def answer_several(
    body: bodies.AnswerSeveralRequest, request: Request, parts: TheParts, grant: TheGrant
) -> Response:
    """Answer a question from several bases."""
    await check_bases(parts.knowledge, grant, body.knowledge_bases)
    return await _answer(body, body.knowledge_bases, request, parts, grant)


@router.get("/{base}", scope="knowledge:read")
async def describe(base: str, parts: TheParts) -> bodies.BaseInfo:
    """A base, with the number of its documents and chunks."""
    return await _info(parts, await parts.knowledge.bases.get(base))


@router.patch("/{base}", scope="knowledge:write")
async def configure(base: str, body: bodies.ChangeBaseRequest, parts: TheParts, grant: TheGrant) -> bodies.BaseInfo:
    """Change settings that need no new index."""
    knowledge = parts.knowledge
    check_models(grant, body.rerank_model, body.chat_model)
    if body.name is not None:
        await check_bases(knowledge, grant, [body.name], WRITE)
    return await _info(parts, await knowledge.rename(base, _settings(body), body.name))


@router.delete("/{base}", scope="knowledge:write", audited=True)
async def delete(base: str, knowledge: TheKnowledge) -> bodies.Deleted:
    """Delete a base with all its documents."""
    await knowledge.delete(base)
    return bodies.Deleted(deleted=[base])


@router.post("/{base}/reindex", scope="knowledge:write")
async def reindex(
    base: str, body: bodies.ReindexRequest, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.JobStarted:
    """Re-index all documents, in the background; searches use the old chunks until the new ones are complete."""
    check_models(grant, body.embedding_model)
    settings = BaseSettings(embedding_model=body.embedding_model, chunking=_chunking(body.chunking))
    row, owner = await knowledge.bases.get(base), Owner.of(grant).id
    return bodies.JobStarted(job=await knowledge.reindex(row, settings, body.force, owner=owner))


@router.post("/{base}/search", scope="knowledge:read", response_model=SearchAnswer)
async def search(base: str, body: bodies.SearchBaseRequest, parts: TheParts, grant: TheGrant) -> Response:
    """Search a base by words and by meaning."""
    return await _search(parts, grant, [await parts.knowledge.bases.known(base)], body)


async def _search(
    parts: Parts, grant: TheGrant, bases: list[KnowledgeBase], body: bodies.SearchBaseRequest
) -> Response:
    """Search, counted as a request of the key if it uses a model. Raises `PermissionDenied` and `RateLimited`."""
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
        explain=body.explain,
    )
    if parts.knowledge.search.asks_models(query):
        parts.gateway.count(grant)
    result = await parts.knowledge.search.search(query)
    answer = SearchAnswer(
        data=[hit.rounded() for hit in result.hits],
        notes=result.notes,
        rerank_model=result.rerank_model,
        explanation=result.explanation,
    )
    return Response(msgspec.json.encode(answer), media_type="application/json")


@router.post(
    "/{base}/answer",
    scope="knowledge:read",
    body=BodyKind.TEXT,
    response_model=bodies.AnswerInfo,
    events=AnswerEvents,
)
async def answer(base: str, body: bodies.AnswerRequest, request: Request, parts: TheParts, grant: TheGrant) -> Response:
    """Answer a question from a base, with citations. With `stream`, events: sources, tokens, the answer."""
    return await _answer(body, [base], request, parts, grant)


async def _answer(
    body: bodies.AnswerRequest, names: list[str], request: Request, parts: Parts, grant: TheGrant
) -> Response:
    """Answer, counted as a request of the key. Raises `PermissionDenied` and `RateLimited`."""
    knowledge = parts.knowledge
    check_models(grant, body.model)
    if not body.question.strip():
        raise InvalidParameter("question", "it is empty.")
    bases = await knowledge.several(names)
    parts.gateway.count(grant)
    question = await KeptQuestion.begin(knowledge, parts.chats, bases, body, grant, models_for(parts, grant))
    if body.stream:
        return streamed(encoded_events(question))
    events = await while_connected(request, _all(question))
    return JSONResponse({name: value for name, value in events[-1].items() if name != "type"})


async def _all(question: KeptQuestion) -> list[dict[str, Any]]:
    async with aclosing(question.events()) as events:
        return [each async for each in events]


@router.get("/{base}/jobs", scope="knowledge:read")
async def list_jobs(
    base: str, knowledge: TheKnowledge, limit: ShortLimit = 50, after: After = None
) -> KnowledgeJobList:
    """The latest jobs of a base, newest first."""
    found = await knowledge.jobs.all(await knowledge.bases.get(base), limit + 1, time_and_id(after))
    page, more = page_of(found, limit, lambda job: joined(job.created_at, job.id))
    return KnowledgeJobList(data=[job_info(view) for view in page], **more)


@router.get(
    "/{base}/jobs/{job}",
    scope="knowledge:read",
    response_model=KnowledgeJobInfo,
    events=KnowledgeJobInfo | ErrorEvent,
)
async def describe_job(base: str, job: str, knowledge: TheKnowledge, stream: bool = False) -> Response:
    """The progress of a job; with `stream`, an event at each change until it is finished."""
    view = await _job(knowledge, base, job)
    if not stream:
        return JSONResponse(builtins(view))

    async def events() -> Any:
        async for each in knowledge.worker.follow(job):
            yield event(builtins(each))

    return streamed(events())


@router.delete("/{base}/jobs/{job}", scope="knowledge:write")
async def cancel_job(base: str, job: str, knowledge: TheKnowledge) -> KnowledgeJobInfo:
    """Cancel a job. Documents that it has indexed stay."""
    await _job(knowledge, base, job)
    await knowledge.cancel(job)
    return job_info(await knowledge.worker.view(job))


async def _job(knowledge: KnowledgeService, base: str, job: str) -> JobView:
    """A job of this base. Raises `JobNotFound`, also for a job of another base."""
    view = await knowledge.worker.view(job)
    if view.base != base:
        raise JobNotFound(job)
    return view
