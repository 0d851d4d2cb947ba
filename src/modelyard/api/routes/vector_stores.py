"""Routes of vector stores, as OpenAI has them: each store is a knowledge base. A key sees the bases that it may read."""

from __future__ import annotations

from modelyard.core.access import WRITE, Grant
from modelyard.core.errors import KnowledgeBaseExists, VectorStoreNotFound
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.search.search import Query
from modelyard.knowledge.vector_stores.filters import where_of
from modelyard.knowledge.vector_stores.stores import (
    UNNAMED,
    StoreSettings,
    base_number,
    check_alive,
    free_name,
    store_id,
    store_settings,
)
from modelyard.protocol import vector_stores as bodies
from modelyard.web.base_access import check_bases, check_models, models_for, ready_embedding_model
from modelyard.web.deps import Parts, TheGrant, TheKnowledge, TheParts
from modelyard.web.knowledge_views import readable
from modelyard.web.list_queries import TheTwoSidedQuery
from modelyard.web.router import Router
from modelyard.web.vector_store_views import store_hit, store_info
from modelyard.web.vector_stores import StoreAccess, attached, chunk_settings, found_by, ranking_of, stored_files

router = Router("/v1/vector_stores", tags=["vector stores"])

TRIES = 5
"""Attempts to find a free name for a store while others create theirs."""


@router.post("", scope="knowledge:write", audited=True)
async def create_vector_store(body: bodies.NewVectorStore, parts: TheParts, grant: TheGrant) -> bodies.VectorStoreInfo:
    """Create a knowledge base, with stored files if `file_ids` names any; they are indexed in the background."""
    chunk_settings(body.chunking_strategy)
    if body.file_ids:
        await stored_files(parts, grant, body.file_ids)
    base = await _created(parts, grant, body)
    items = [bodies.NewStoreFile(file_id=each, chunking_strategy=body.chunking_strategy) for each in body.file_ids]
    if items:
        await attached(parts, grant, base, items)
    return await _info(parts, base)


async def _created(parts: Parts, grant: Grant | None, body: bodies.NewVectorStore) -> KnowledgeBase:
    model = ready_embedding_model(parts, grant) if body.embedding_model is None else body.embedding_model
    check_models(grant, model)
    days = body.expires_after.days if body.expires_after else None
    extra = StoreSettings(body.metadata or {}, days).extra({})
    settings = BaseSettings(description=body.description, embedding_model=model, extra=extra)
    if grant is not None and grant.bases is not None:
        await check_bases(parts.knowledge, grant, [body.name or UNNAMED], WRITE)  # before other bases are looked at
    for attempt in range(TRIES):
        bases = [*await parts.knowledge.bases.all(), *await parts.knowledge.bases.all(temporary=True)]
        name = free_name(body.name, {each.name for each in bases})
        if grant is not None and not grant.sees_base(name, WRITE):
            raise KnowledgeBaseExists(body.name or UNNAMED)
        await check_bases(parts.knowledge, grant, [name], WRITE)
        try:
            return await parts.knowledge.create(name, settings)
        except KnowledgeBaseExists:  # somebody has created one of this name meanwhile
            if attempt == TRIES - 1:
                raise
    raise AssertionError  # the loop returns or raises


async def _info(parts: Parts, base: KnowledgeBase) -> bodies.VectorStoreInfo:
    counts = await parts.knowledge.bases.counts([base.id])
    return store_info(base, counts[base.id], bool(await parts.knowledge.jobs.running(base)))


@router.get("", scope="knowledge:read")
async def list_vector_stores(
    parts: TheParts,
    grant: TheGrant,
    query: TheTwoSidedQuery,
) -> bodies.VectorStorePage:
    """Every knowledge base that the key may read, by the time of its creation."""
    bases = sorted(await readable(parts.knowledge, grant), key=lambda base: base.id, reverse=not query.ascending)
    sign = 1 if query.ascending else -1
    behind, ahead = _number(query.after, "after"), _number(query.before, "before")
    if behind is not None:
        bases = [base for base in bases if sign * base.id > sign * behind]
    if ahead is not None:
        bases = [base for base in bases if sign * base.id < sign * ahead]
    page = bases[-query.limit :] if ahead is not None and behind is None else bases[: query.limit]
    counts = await parts.knowledge.bases.counts([base.id for base in page])
    data = [store_info(base, counts[base.id], bool(await parts.knowledge.jobs.running(base))) for base in page]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return bodies.VectorStorePage(data=data, first_id=first, last_id=last, has_more=len(bases) > query.limit)


def _number(cursor: str | None, param: str) -> int | None:
    """The id of the base that a cursor means, which may have been deleted since. Raises `VectorStoreNotFound`."""
    if cursor is not None and (number := base_number(cursor)) is None:
        raise VectorStoreNotFound(cursor, param)
    return None if cursor is None else number


@router.get("/{vector_store_id}", scope="knowledge:read")
async def describe_vector_store(vector_store_id: str, parts: TheParts, grant: TheGrant) -> bodies.VectorStoreInfo:
    """A store by its id, or by the name of its knowledge base."""
    return await _info(parts, await StoreAccess(parts.knowledge, grant).base(vector_store_id))


@router.post("/{vector_store_id}", scope="knowledge:write")
async def change_vector_store(
    vector_store_id: str, body: bodies.ChangeVectorStore, parts: TheParts, grant: TheGrant
) -> bodies.VectorStoreInfo:
    """Rename a store, or change its metadata or when it expires."""
    base = await StoreAccess(parts.knowledge, grant).base(vector_store_id, WRITE)
    kept = store_settings(base)
    changed = body.model_fields_set
    metadata = (body.metadata or {}) if "metadata" in changed else kept.metadata
    days = (body.expires_after.days if body.expires_after else None) if "expires_after" in changed else kept.days
    name = body.name if body.name != base.name else None
    if name is not None:
        await check_bases(parts.knowledge, grant, [name], WRITE)
    settings = BaseSettings(extra=StoreSettings(metadata, days).extra(base.extra))
    return await _info(parts, await parts.knowledge.rename(base.name, settings, name))


@router.delete("/{vector_store_id}", scope="knowledge:write", audited=True)
async def delete_vector_store(
    vector_store_id: str, knowledge: TheKnowledge, grant: TheGrant
) -> bodies.VectorStoreDeleted:
    """Delete a knowledge base with all its documents. Stored files stay."""
    base = await StoreAccess(knowledge, grant).base(vector_store_id, WRITE)
    await knowledge.delete(base.name)
    return bodies.VectorStoreDeleted(id=store_id(base.id))


@router.post("/{vector_store_id}/search", scope="knowledge:read")
async def search_vector_store(
    vector_store_id: str, body: bodies.StoreSearch, parts: TheParts, grant: TheGrant
) -> bodies.StoreSearchAnswer:
    """Search a store by words and by meaning. It counts as a request of the key if it uses a model."""
    base = await StoreAccess(parts.knowledge, grant).base(vector_store_id)
    check_alive(base)
    texts = [body.query] if isinstance(body.query, str) else body.query
    ranking = body.ranking_options or bodies.RankingOptions()
    rerank, model = ranking_of(ranking.ranker)
    check_models(grant, model)
    query = Query(
        text=texts[0],
        bases=[base],
        k=body.max_num_results,
        where=where_of(body.filters.model_dump() if body.filters else None),
        rerank=rerank,
        rerank_model=model,
        min_score=ranking.score_threshold,
        models=models_for(parts, grant),
    )
    if any(parts.knowledge.search.asks_models(query.of(text)) for text in texts):
        parts.gateway.count(grant)
    found = await found_by(parts.knowledge, query, texts)
    return bodies.StoreSearchAnswer(search_query=texts, data=[store_hit(hit, row) for hit, row in found])
