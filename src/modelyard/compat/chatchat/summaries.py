"""Chatchat's routes that summarise documents with a chat model and store the summaries in a base of their own.

The base of summaries is called `NAME.summary`, refers to the base NAME by its id, and is deleted with it. It has one document
for each summarised one, and is searched and asked like any other base.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from modelyard.compat.chatchat.base import (
    DEFAULT_EMBEDDING,
    BaseResponse,
    ChatchatRefused,
    ChatchatResponse,
    ChatchatRoute,
    TheModels,
    base_of,
    chat_model,
    embedding_model,
)
from modelyard.compat.chatchat.knowledge_base import chunk_number
from modelyard.compat.chatchat.streams import event_stream, token_limit
from modelyard.compat.chatchat.uploads import refusal_stream, write_chunks
from modelyard.core.access import WRITE, Grant
from modelyard.core.errors import DocumentUnreadable, KnowledgeBaseExists, ModelyardError
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk
from modelyard.knowledge.answering.summaries import Summary, summarise
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import SUMMARY_OF, KnowledgeService
from modelyard.protocol.bounds import Many
from modelyard.protocol.chatchat import ProgressEvents, Summaries, SummaryDocument, SummaryMetadata
from modelyard.protocol.deferred import DeferredModel
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.router import BodyKind, Router

router = Router("/knowledge_base/kb_summary_api", tags=["chatchat"], route_class=ChatchatRoute)

SUFFIX = ".summary"
"""Suffix of the name of a base of summaries."""
ENDING = ".summary.md"
"""Suffix of the name of a document's summary."""
MOST = 10_000
"""Maximum number of documents or chunks that one listing reads."""


class SummaryBody(DeferredModel):
    """The fields that the three routes share."""

    model_config = ConfigDict(protected_namespaces=())

    knowledge_base_name: str
    vs_type: str = "faiss"
    embed_model: str = DEFAULT_EMBEDDING
    file_description: str = ""
    model_name: str | None = None
    temperature: float = Field(0.7, ge=0, le=1)
    max_tokens: int | None = None


class SummarizeBase(SummaryBody):
    """Every document of a base."""

    allow_empty_kb: bool = True


class SummarizeFile(SummarizeBase):
    """One document."""

    file_name: str


class SummarizeChunks(SummaryBody):
    """Chunks by their ids."""

    doc_ids: Many[str | int] = []


class SummariesResponse(ChatchatResponse[Summaries]):
    """The summary of chunks."""


@dataclass(frozen=True, slots=True)
class SummaryTask:
    """What one request summarises, with which model, and where the summaries go."""

    knowledge: KnowledgeService
    models: ServedModels
    model: str
    base: KnowledgeBase
    store: KnowledgeBase
    body: SummaryBody


@router.post(
    "/summary_file_to_vector_store", scope="knowledge:write", response_model=BaseResponse, events=ProgressEvents
)
async def summary_file_to_vector_store(
    body: SummarizeFile, parts: TheParts, models: TheModels, grant: TheGrant
) -> StreamingResponse:
    """Summarise one document, and store the summary."""
    try:
        task = await _task(parts, models, grant, body)
    except ChatchatRefused as error:
        return refusal_stream(error, body.knowledge_base_name)
    return event_stream(_file_events(task, body.file_name))


@router.post(
    "/recreate_summary_vector_store", scope="knowledge:write", response_model=BaseResponse, events=ProgressEvents
)
async def recreate_summary_vector_store(
    body: SummarizeBase, parts: TheParts, models: TheModels, grant: TheGrant
) -> StreamingResponse:
    """Summarise every document and stream the progress; earlier summaries stay searchable meanwhile."""
    try:
        task = await _task(parts, models, grant, body)
    except ChatchatRefused as error:
        return refusal_stream(error, body.knowledge_base_name)
    return event_stream(_base_events(task))


@router.post("/summary_doc_ids_to_vector_store", scope="knowledge:read", body=BodyKind.TEXT)
async def summary_doc_ids_to_vector_store(
    body: SummarizeChunks, parts: TheParts, models: TheModels, grant: TheGrant
) -> SummariesResponse:
    """Summarise chunks by id. The response has the summary, which is not stored; Chatchat does not store it either."""
    base = await base_of(parts.knowledge, grant, body.knowledge_base_name, data={})
    model = chat_model(parts, grant, body.model_name)
    chunks = [await _chunk(parts.knowledge, base, each) for each in body.doc_ids]
    if not chunks:
        raise ChatchatRefused(500, "没有要总结的文档片段", {})
    summary = await summarise(models, model, chunks, _options(body))
    return SummariesResponse(msg="总结完成", data={"summarize": [_document(summary, chunks, body)]})


async def _task(parts: Parts, models: ServedModels, grant: Grant | None, body: SummaryBody) -> SummaryTask:
    """Check a request, and create the base of summaries. Raises `PermissionDenied`, `InvalidParameter` and `ChatchatRefused`."""
    base = await base_of(parts.knowledge, grant, body.knowledge_base_name, WRITE)
    model = chat_model(parts, grant, body.model_name)
    try:
        store = await _store(parts, grant, base, body)
    except KnowledgeBaseExists as error:
        raise ChatchatRefused(500, error.message) from error
    return SummaryTask(parts.knowledge, models, model, base, store, body)


async def _file_events(task: SummaryTask, name: str) -> AsyncGenerator[dict[str, Any]]:
    try:
        await _summarise_document(task, name)
    except ModelyardError as error:
        yield _failure(task.base, name, error)
    else:
        yield {"code": 200, "msg": f"{name} 总结完成", "doc": name}


async def _base_events(task: SummaryTask) -> AsyncGenerator[dict[str, Any]]:
    documents = task.knowledge.documents
    names = [each.name for each in (await documents.all(task.base, limit=MOST))[0]]
    summaries, _ = await documents.all(task.store, limit=MOST)
    current = {name + ENDING for name in names}
    await task.knowledge.edits.delete(task.store, [each.name for each in summaries if each.name not in current])
    for number, name in enumerate(names, 1):
        try:
            await _summarise_document(task, name)
        except ModelyardError as error:
            yield _failure(task.base, name, error)
            continue
        head = f"({number} / {len(names)}): {name}"
        yield {"code": 200, "msg": head, "total": len(names), "finished": number, "doc": name}


def _failure(base: KnowledgeBase, name: str, error: ModelyardError) -> dict[str, Any]:
    head = f"知识库'{base.name}'总结文件‘{name}’时出错。已跳过。"
    return {"code": 500, "msg": head, "doc": name, "error": error.message}


async def _store(parts: Parts, grant: Grant | None, base: KnowledgeBase, body: SummaryBody) -> KnowledgeBase:
    """Return the base of summaries; creates it if needed. Raises `KnowledgeBaseExists` if another base has its name."""
    store = await parts.knowledge.summaries_of(base)
    if store is not None:
        return store
    is_chosen = body.embed_model != DEFAULT_EMBEDDING
    settings = BaseSettings(
        description=f"“{base.name}”的文档摘要",
        language=base.language,
        embedding_model=embedding_model(parts, grant, body.embed_model) if is_chosen else base.embedding_model or "",
        extra={SUMMARY_OF: base.id, "vs_type": body.vs_type},
    )
    return await parts.knowledge.create(base.name + SUFFIX, settings)


async def _summarise_document(task: SummaryTask, name: str) -> None:
    """Summarise a document, and replace its earlier summary. Raises the errors of reading and of the model."""
    chunks, _ = await task.knowledge.documents.chunks(task.base, name, limit=MOST)
    if not chunks:
        raise DocumentUnreadable(name, "it has no text that was indexed.")
    summary = await summarise(task.models, task.model, chunks, _options(task.body))
    await write_chunks(task.knowledge, task.store, name + ENDING, [_document(summary, chunks, task.body)])


def _options(body: SummaryBody) -> dict[str, Any]:
    """Return the sampling parameters of a request to the model."""
    return {"temperature": body.temperature, **token_limit(body.max_tokens)}


def _document(summary: Summary, chunks: Sequence[KnowledgeChunk], body: SummaryBody) -> SummaryDocument:
    """Render a summary in the form of LangChain's documents."""
    metadata: SummaryMetadata = {
        "file_description": body.file_description,
        "summary_intermediate_steps": list(summary.steps),
        "doc_ids": ",".join(str(each.id) for each in chunks),
    }
    return {"page_content": summary.text, "metadata": metadata, "type": "Document"}


async def _chunk(knowledge: KnowledgeService, base: KnowledgeBase, name: str | int) -> KnowledgeChunk:
    """Return a chunk by its id. Raises `DocumentNotFound` or `ChunkNotFound`."""
    return await knowledge.documents.chunk(base, chunk_number(str(name), base.name))
