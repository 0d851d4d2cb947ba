"""Chatchat's routes about bases and their documents, except uploads: listing, searching, editing chunks by id, download."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import Body, Response
from fastapi.responses import JSONResponse

from modelyard.compat.chatchat.base import (
    DEFAULT_EMBEDDING,
    BaseResponse,
    ChatchatRefused,
    ChatchatResponse,
    ChatchatRoute,
    ListResponse,
    base_of,
    check_access,
    checked_name,
    embedding_model,
    find_base,
)
from modelyard.compat.chatchat.uploads import temporary_base_of
from modelyard.core.access import WRITE, Grant
from modelyard.core.errors import DocumentNotFound, DocumentUnreadable, InvalidParameter, ModelyardError
from modelyard.db.tables import KnowledgeBase, KnowledgeChunk
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.search.reranking import CANDIDATES
from modelyard.knowledge.search.search import LONGEST_QUERY, MOST_HITS, Query
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol.bounds import Fields
from modelyard.protocol.chatchat import BaseDescription
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.hits import Hit
from modelyard.web.base_access import models_for
from modelyard.web.deps import Parts, TheGrant, TheKnowledge, TheParts
from modelyard.web.files import file_response
from modelyard.web.knowledge_views import readable
from modelyard.web.router import FILE, BodyKind, Router

router = Router("/knowledge_base", tags=["chatchat"], route_class=ChatchatRoute)

UNFILTERED = 1.0
"""The threshold that excludes no hit, which is Chatchat's default."""
UNRANKED = 3.0
"""The score of chunks that are listed without a query."""
MOST = 10_000
"""Maximum number of documents or chunks that one listing reads."""
LONGEST_PATTERN = 1000


class BaseDescriptionResponse(ChatchatResponse[BaseDescription]):
    """The base's new description."""


class CreateKnowledgeBase(DeferredModel):
    """A new base."""

    knowledge_base_name: str
    vector_store_type: str = "faiss"
    embed_model: str = DEFAULT_EMBEDDING


class SearchDocs(DeferredModel):
    """A search, or a listing by name and metadata where `query` is empty."""

    query: str = ""
    knowledge_base_name: str
    top_k: int = 3
    score_threshold: float = 1.0
    file_name: str = ""
    metadata: Fields[Any] = {}


class SearchTempDocs(DeferredModel):
    """A search in temporarily uploaded files."""

    knowledge_id: str
    query: str = ""
    top_k: int
    score_threshold: float


class Doc(DeferredModel):
    """A chunk in the form of Chatchat's documents."""

    page_content: str = ""
    metadata: Fields[Any] = {}
    type: str = "Document"


class FoundDoc(Doc):
    """A search result. `score` is the squared distance between unit vectors, 0 to 4; smaller is closer."""

    id: str | None = None
    score: float = UNRANKED


class UpdateById(DeferredModel):
    """New texts of chunks by id; an empty text deletes the chunk."""

    knowledge_base_name: str
    docs: Fields[Doc | None]


class UpdateInfo(DeferredModel):
    """A new description of a base."""

    knowledge_base_name: str
    kb_info: str


@router.get("/list_knowledge_bases", scope="knowledge:read")
async def list_knowledge_bases(knowledge: TheKnowledge, grant: TheGrant) -> ListResponse:
    """List the names of all bases that the key may read."""
    return ListResponse(data=[each.name for each in await readable(knowledge, grant)])


@router.post("/create_knowledge_base", scope="knowledge:write")
async def create_knowledge_base(body: CreateKnowledgeBase, parts: TheParts, grant: TheGrant) -> BaseResponse:
    """Create a base. Chatchat's default embedding model means any that is ready; if none is, the base is searched by words."""
    name = checked_name(body.knowledge_base_name)
    if not name.strip():
        raise ChatchatRefused(404, "知识库名称不能为空，请重新填写知识库名称")
    check_access(grant, name, WRITE)
    if await find_base(parts.knowledge, name) is not None:
        raise ChatchatRefused(404, f"已存在同名知识库 {name}")
    try:
        model = embedding_model(parts, grant, body.embed_model)
        extra = {"vs_type": body.vector_store_type}
        await parts.knowledge.create(name, BaseSettings(embedding_model=model, extra=extra))
    except ModelyardError as error:
        raise ChatchatRefused(500, f"创建知识库出错： {error.message}") from error
    return BaseResponse(msg=f"已新增知识库 {name}")


@router.post("/delete_knowledge_base", scope="knowledge:write")
async def delete_knowledge_base(
    knowledge: TheKnowledge, grant: TheGrant, knowledge_base_name: Annotated[str, Body()]
) -> BaseResponse:
    """Delete a base. The body is its name as a JSON string."""
    row = await base_of(knowledge, grant, knowledge_base_name, WRITE)
    await knowledge.delete(row.name)
    return BaseResponse(msg=f"成功删除知识库 {row.name}")


@router.get("/list_files", scope="knowledge:read")
async def list_files(knowledge_base_name: str, knowledge: TheKnowledge, grant: TheGrant) -> ListResponse:
    """List the names of a base's documents."""
    row = await base_of(knowledge, grant, knowledge_base_name, data=[])
    documents, _ = await knowledge.documents.all(row, limit=MOST)
    return ListResponse(data=[each.name for each in documents])


@router.post("/search_docs", scope="knowledge:read")
async def search_docs(body: SearchDocs, parts: TheParts, grant: TheGrant) -> list[FoundDoc]:
    """Search a base, or list chunks by `file_name` (`%` and `_` are wildcards) and metadata. An unknown base has no hits."""
    knowledge = parts.knowledge
    check_access(grant, body.knowledge_base_name)
    base = await find_base(knowledge, body.knowledge_base_name)
    if base is None or base.temporary:
        return []
    check_access(grant, base.name)
    if body.query.strip():
        hits = await near(parts, grant, base, body.query, body.top_k, body.score_threshold)
        return await _hit_docs(parts.knowledge, hits)
    if body.file_name or body.metadata:
        return await _list_chunks(knowledge, base, body.file_name, body.metadata)
    return []


@router.post("/search_temp_docs", scope="knowledge:read", response_model=list[FoundDoc] | BaseResponse)
async def search_temp_docs(body: SearchTempDocs, parts: TheParts, grant: TheGrant) -> list[FoundDoc]:
    """Search the files that `upload_temp_docs` stored; an empty query has no hits. A route of Chatchat 0.3."""
    base = await temporary_base_of(parts.knowledge, grant, body.knowledge_id)
    if not body.query.strip():
        return []
    await parts.knowledge.bases.used([base.id])
    hits = await near(parts, grant, base, body.query, body.top_k, body.score_threshold)
    return await _hit_docs(parts.knowledge, hits)


@router.post("/update_docs_by_id", scope="knowledge:write", body=BodyKind.TEXT)
async def update_docs_by_id(body: UpdateById, knowledge: TheKnowledge, grant: TheGrant) -> BaseResponse:
    """Edit or delete chunks by id; only edited chunks are embedded again."""
    check_access(grant, body.knowledge_base_name, WRITE)
    base = await find_base(knowledge, body.knowledge_base_name)
    if base is None or base.temporary:
        raise ChatchatRefused(500, f"指定的知识库 {body.knowledge_base_name} 不存在")
    check_access(grant, base.name, WRITE)
    try:
        for name, doc in body.docs.items():
            if doc is None or not doc.page_content.strip():
                await knowledge.edits.remove_chunk(base, chunk_number(name))
            else:
                extra = {key: value for key, value in doc.metadata.items() if key not in ("source", "id")}
                await knowledge.edits.change_chunk(base, chunk_number(name), text=doc.page_content, extra=extra or None)
    except ModelyardError:
        return BaseResponse(msg="文档更新失败")
    return BaseResponse(msg="文档更新成功")


@router.post("/update_info", scope="knowledge:write")
async def update_info(body: UpdateInfo, knowledge: TheKnowledge, grant: TheGrant) -> BaseDescriptionResponse:
    """Set a base's description."""
    row = await base_of(knowledge, grant, body.knowledge_base_name, WRITE)
    await knowledge.rename(row.name, BaseSettings(description=body.kb_info), None)
    return BaseDescriptionResponse(msg="知识库介绍修改完成", data={"kb_info": body.kb_info})


@router.get("/download_doc", scope="knowledge:read", response_model=BaseResponse, responses=FILE)
async def download_doc(
    knowledge_base_name: str, file_name: str, knowledge: TheKnowledge, grant: TheGrant, preview: bool = False
) -> Response:
    """Send a document's bytes; `preview` lets a browser show them."""
    row = await base_of(knowledge, grant, knowledge_base_name)
    try:
        document = await knowledge.documents.get(row, file_name)
        answer = file_response(knowledge, document, preview)
    except (DocumentNotFound, DocumentUnreadable):
        return JSONResponse({"code": 500, "msg": f"{file_name} 读取文件失败", "data": None})
    if not preview:
        answer.headers["content-type"] = "multipart/form-data"
    return answer


async def near(
    parts: Parts,
    grant: Grant | None,
    base: KnowledgeBase,
    query: str,
    top_k: int,
    threshold: float,
    *,
    counts: bool = True,
) -> list[Hit]:
    """Return the best chunks within a distance. Raises the search's errors, and `RateLimited`.

    A rerank model decides on their order and not on their distance. A search that calls a model counts as one of the key's
    requests, unless `counts` is false because a chat follows.
    """
    if top_k < 1:
        return []
    search_query = Query(
        text=query[:LONGEST_QUERY],
        bases=[base],
        k=min(top_k if threshold >= UNFILTERED else max(top_k, CANDIDATES), MOST_HITS),
        similarities=True,
        models=models_for(parts, grant),
    )
    if counts and parts.knowledge.search.asks_models(search_query):
        parts.gateway.count(grant)
    results = await parts.knowledge.search.search(search_query)
    return [each for each in results.hits if threshold >= UNFILTERED or distance(each) <= threshold][:top_k]


def distance(hit: Hit) -> float:
    """Return the squared distance of unit vectors, 2 - 2 cos; a hit without a vector has its fused score for the cosine."""
    similarity = hit.scores.similarity
    return 2 * (1 - hit.scores.fused) if similarity is None else max(0.0, 2 - 2 * similarity)


async def _hit_docs(knowledge: KnowledgeService, hits: Sequence[Hit]) -> list[FoundDoc]:
    """Convert hits to Chatchat's format, with the metadata that users gave their chunks."""
    extras = await knowledge.documents.extras([hit.chunk_id for hit in hits])
    return [_hit_doc(hit, extras.get(hit.chunk_id, {})) for hit in hits]


def _hit_doc(hit: Hit, extra: Mapping[str, Any]) -> FoundDoc:
    number = str(hit.chunk_id)
    metadata = {**extra, "source": hit.document, "id": number}
    if hit.page is not None:
        metadata["page"] = hit.page
    return FoundDoc(page_content=hit.text, metadata=metadata, id=number, score=distance(hit))


async def _list_chunks(
    knowledge: KnowledgeService, base: KnowledgeBase, pattern: str, metadata: Mapping[str, Any]
) -> list[FoundDoc]:
    """List the chunks of the document of this exact name or, if there is none, of documents whose names match the pattern."""
    if len(pattern) > LONGEST_PATTERN:
        raise InvalidParameter("file_name", f"it has more than {LONGEST_PATTERN:,} characters, the limit.")
    documents, _ = await knowledge.documents.all(base, limit=MOST)
    chosen = [each for each in documents if each.name == pattern] or [
        each for each in documents if not pattern or _like(pattern).fullmatch(each.name)
    ]
    found: list[FoundDoc] = []
    for document in chosen:
        if len(found) >= MOST:
            break
        chunks, _ = await knowledge.documents.chunks(base, document.name, limit=MOST)
        docs = [_chunk_doc(each, document.name) for each in chunks]
        found += [each for each in docs if _matches({**document.details, **each.metadata}, metadata)]
    return found


def _like(pattern: str) -> re.Pattern[str]:
    """Compile an SQL `LIKE` pattern, ignoring letter case.

    The text between two `%` is matched at its first occurrence only (an atomic group), so that many `%` cannot slow matching.
    """
    first, *more = ("".join("." if each == "_" else re.escape(each) for each in part) for part in pattern.split("%"))
    middle = "".join(f"(?>.*?{part})" for part in more[:-1] if part)
    return re.compile(first + middle + (f".*{more[-1]}" if more else ""), re.IGNORECASE | re.DOTALL)


def _matches(metadata: Mapping[str, Any], required: Mapping[str, Any]) -> bool:
    return all(name in metadata and str(metadata[name]) == str(value) for name, value in required.items())


def _chunk_doc(row: KnowledgeChunk, document: str) -> FoundDoc:
    metadata: dict[str, Any] = {**row.extra, "source": document, "id": str(row.id)}
    return FoundDoc(page_content=row.text, metadata=metadata, id=str(row.id))


def chunk_number(name: str, base: str = "") -> int:
    """Parse a chunk's id. Raises `DocumentNotFound` if it is no number."""
    if not name.isascii() or not name.isdecimal() or len(name) > 18:
        raise DocumentNotFound(name, base)
    return int(name)


def context(hits: Sequence[Hit]) -> str:
    """Join the texts of hits for the model."""
    return "\n".join(each.text for each in hits)
