"""Chatchat's routes that summarise documents with a chat model, piece by piece, and keep the summaries in a base of their own.

The base of summaries is named after the first with `.summary` at its end, knows it by its id, and is deleted with it. It has a
document for each that was summarised, and is searched and asked like any base.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from modelyard.api.chatchat.base import (
    DEFAULT_EMBEDDING,
    BaseResponse,
    ChatchatRoute,
    Refused,
    TheModels,
    base_of,
    chat_model,
    embedding_model,
)
from modelyard.api.chatchat.streams import limit, streamed
from modelyard.api.chatchat.uploads import refused, write
from modelyard.api.deps import Parts, TheGrant, TheParts
from modelyard.core.access import WRITE, Grant
from modelyard.core.errors import DocumentNotFound, DocumentUnreadable, KnowledgeBaseExists, ModelyardError
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk
from modelyard.knowledge.answering.summaries import Summary, summarised
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import SUMMARY_OF, Knowledge
from modelyard.protocol.bounds import Many

router = APIRouter(prefix="/knowledge_base/kb_summary_api", tags=["chatchat"], route_class=ChatchatRoute)

SUFFIX = ".summary"
"""At the end of the name of a base of summaries."""
ENDING = ".summary.md"
"""At the end of the name of a document's summary."""
MOST = 10_000


class Summing(BaseModel):
    """What all three take."""

    model_config = ConfigDict(protected_namespaces=())

    knowledge_base_name: str
    vs_type: str = "faiss"
    embed_model: str = DEFAULT_EMBEDDING
    file_description: str = ""
    model_name: str | None = None
    temperature: float = Field(0.7, ge=0, le=1)
    max_tokens: int | None = None


class SumAll(Summing):
    """Every document of a base."""

    allow_empty_kb: bool = True


class SumFile(SumAll):
    """One document."""

    file_name: str


class SumChunks(Summing):
    """Chunks by their ids."""

    doc_ids: Many[str | int] = []


@dataclass(frozen=True, slots=True)
class Order:
    """Who summarises what."""

    knowledge: Knowledge
    models: ServedModels
    model: str
    base: KnowledgeBase
    store: KnowledgeBase
    body: Summing


@router.post("/summary_file_to_vector_store", response_class=StreamingResponse)
async def summary_file_to_vector_store(
    body: SumFile, parts: TheParts, models: TheModels, grant: TheGrant
) -> StreamingResponse:
    """Summarise one document, and keep the summary."""
    try:
        order = await _order(parts, models, grant, body)
    except Refused as error:
        return refused(error, body.knowledge_base_name)
    return streamed(_one(order, body.file_name))


@router.post("/recreate_summary_vector_store", response_class=StreamingResponse)
async def recreate_summary_vector_store(
    body: SumAll, parts: TheParts, models: TheModels, grant: TheGrant
) -> StreamingResponse:
    """Summarise every document, and tell how far it is; what is kept stays searchable meanwhile."""
    try:
        order = await _order(parts, models, grant, body)
    except Refused as error:
        return refused(error, body.knowledge_base_name)
    return streamed(_all(order))


@router.post("/summary_doc_ids_to_vector_store")
async def summary_doc_ids_to_vector_store(
    body: SumChunks, parts: TheParts, models: TheModels, grant: TheGrant
) -> BaseResponse:
    """Summarise chunks by id. The summary is in the answer, and is not kept, as Chatchat has it."""
    base = await base_of(parts.knowledge, grant, body.knowledge_base_name, data={})
    model = chat_model(parts, grant, body.model_name)
    chunks = [await _chunk(parts.knowledge, base, each) for each in body.doc_ids]
    if not chunks:
        raise Refused(500, "没有要总结的文档片段", {})
    found = await summarised(models, model, chunks, _options(body))
    return BaseResponse(msg="总结完成", data={"summarize": [_document(found, chunks, body)]})


async def _order(parts: Parts, models: ServedModels, grant: Grant | None, body: Summing) -> Order:
    """What is asked, with a base for the summaries. Raises `PermissionDenied`, `InvalidParameter` and `Refused`."""
    base = await base_of(parts.knowledge, grant, body.knowledge_base_name, WRITE)
    model = chat_model(parts, grant, body.model_name)
    try:
        store = await _store(parts, grant, base, body)
    except KnowledgeBaseExists as error:
        raise Refused(500, error.message) from error
    return Order(parts.knowledge, models, model, base, store, body)


async def _one(order: Order, name: str) -> AsyncGenerator[dict[str, Any]]:
    try:
        await _keep(order, name)
    except ModelyardError as error:
        yield _problem(order.base, name, error)
    else:
        yield {"code": 200, "msg": f"{name} 总结完成", "doc": name}


async def _all(order: Order) -> AsyncGenerator[dict[str, Any]]:
    documents = order.knowledge.documents
    names = [each.name for each in (await documents.all(order.base, limit=MOST))[0]]
    kept, _ = await documents.all(order.store, limit=MOST)
    known = {name + ENDING for name in names}
    await documents.delete(order.store, [each.name for each in kept if each.name not in known])
    for number, name in enumerate(names, 1):
        try:
            await _keep(order, name)
        except ModelyardError as error:
            yield _problem(order.base, name, error)
            continue
        head = f"({number} / {len(names)}): {name}"
        yield {"code": 200, "msg": head, "total": len(names), "finished": number, "doc": name}


def _problem(base: KnowledgeBase, name: str, error: ModelyardError) -> dict[str, Any]:
    head = f"知识库'{base.name}'总结文件‘{name}’时出错。已跳过。"
    return {"code": 500, "msg": head, "doc": name, "error": error.message}


async def _store(parts: Parts, grant: Grant | None, base: KnowledgeBase, body: Summing) -> KnowledgeBase:
    """The base of summaries, made if it is not there. Raises `KnowledgeBaseExists` where its name is somebody else's."""
    found = await parts.knowledge.summaries_of(base)
    if found is not None:
        return found
    chosen = body.embed_model != DEFAULT_EMBEDDING
    settings = BaseSettings(
        description=f"“{base.name}”的文档摘要",
        language=base.language,
        embedding_model=embedding_model(parts, grant, body.embed_model) if chosen else base.embedding_model or "",
        extra={SUMMARY_OF: base.id, "vs_type": body.vs_type},
    )
    return await parts.knowledge.create(base.name + SUFFIX, settings)


async def _keep(order: Order, name: str) -> None:
    """Summarise a document, and put the summary in the place of an older one. Raises what reading and models raise."""
    chunks, _ = await order.knowledge.documents.chunks(order.base, name, limit=MOST)
    if not chunks:
        raise DocumentUnreadable(name, "it has no text that was indexed.")
    found = await summarised(order.models, order.model, chunks, _options(order.body))
    await write(order.knowledge, order.store, name + ENDING, [_document(found, chunks, order.body)])


def _options(body: Summing) -> dict[str, Any]:
    """What a model is asked beside the text."""
    return {"temperature": body.temperature, **limit(body.max_tokens)}


def _document(found: Summary, chunks: Sequence[KnowledgeChunk], body: Summing) -> dict[str, Any]:
    """A summary as LangChain's documents are written."""
    metadata = {
        "file_description": body.file_description,
        "summary_intermediate_steps": list(found.steps),
        "doc_ids": ",".join(str(each.id) for each in chunks),
    }
    return {"page_content": found.text, "metadata": metadata, "type": "Document"}


async def _chunk(knowledge: Knowledge, base: KnowledgeBase, name: str | int) -> KnowledgeChunk:
    """A chunk by its id. Raises `DocumentNotFound` or `ChunkNotFound`."""
    given = str(name)
    if not given.isascii() or not given.isdecimal() or len(given) > 18:
        raise DocumentNotFound(given, base.name)
    return await knowledge.documents.chunk(base, int(given))
