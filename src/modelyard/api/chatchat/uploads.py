"""Chatchat's routes that bring documents, index them, and take them away; each answers when the work is done."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from modelyard.api.chatchat.base import (
    DEFAULT_EMBEDDING,
    BaseResponse,
    ChatchatRoute,
    Refused,
    base_of,
    embedding_model,
    find,
)
from modelyard.api.chatchat.streams import streamed
from modelyard.api.deps import Parts, TheGrant, TheKnowledge, TheParts
from modelyard.api.routes.documents import portions
from modelyard.core.access import WRITE, Grant, Owner
from modelyard.core.errors import DocumentNotFound, InvalidParameter, MalformedBody, ModelyardError
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents import rows
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.splitter import LARGEST, SMALLEST
from modelyard.knowledge.service import Knowledge
from modelyard.protocol.bounds import Many
from modelyard.protocol.json_values import check_text

router = APIRouter(prefix="/knowledge_base", tags=["chatchat"], route_class=ChatchatRoute)

Custom = Mapping[str, Sequence[Mapping[str, Any]]]
"""Document → its chunks, written by hand."""
DONE = frozenset({rows.DONE, rows.UNCHANGED})


class UpdateDocs(BaseModel):
    """Documents to index again. `docs` is a JSON string."""

    knowledge_base_name: str
    file_names: Many[str]
    chunk_size: int = 250
    chunk_overlap: int = 50
    zh_title_enhance: bool = False
    override_custom_docs: bool = False
    docs: str = "{}"
    not_refresh_vs_cache: bool = False


class DeleteDocs(BaseModel):
    """Documents to take out of the index, with their bytes if `delete_content`."""

    knowledge_base_name: str
    file_names: Many[str]
    delete_content: bool = False
    not_refresh_vs_cache: bool = False


class Recreate(BaseModel):
    """A base to index anew."""

    knowledge_base_name: str
    allow_empty_kb: bool = True
    vs_type: str = "faiss"
    embed_model: str = DEFAULT_EMBEDDING
    chunk_size: int = 250
    chunk_overlap: int = 50
    zh_title_enhance: bool = False
    not_refresh_vs_cache: bool = False


def cut(size: int, overlap: int, titles: bool) -> dict[str, Any]:
    """How documents are cut, brought within bounds."""
    return {"size": min(max(size, SMALLEST), LARGEST), "overlap": max(overlap, 0), "title_enhance": titles}


def custom(given: str) -> Custom:
    """Chunks written by hand, as the field `docs` has them. Raises `InvalidParameter`."""
    try:
        found = check_text("docs", given or "{}")
        return {name: [dict(each) for each in chunks] for name, chunks in found.items()}
    except (MalformedBody, ValueError, TypeError, AttributeError) as error:
        raise InvalidParameter("docs", f"it is no JSON object of lists of documents: {error}") from None


@router.post("/upload_docs")
async def upload_docs(
    knowledge: TheKnowledge,
    grant: TheGrant,
    files: Annotated[list[UploadFile], File()],
    knowledge_base_name: Annotated[str, Form()],
    override: Annotated[bool, Form()] = False,
    to_vector_store: Annotated[bool, Form()] = True,
    chunk_size: Annotated[int, Form()] = 250,
    chunk_overlap: Annotated[int, Form()] = 50,
    zh_title_enhance: Annotated[bool, Form()] = False,
    docs: Annotated[str, Form()] = "{}",
    not_refresh_vs_cache: Annotated[bool, Form()] = False,
) -> BaseResponse:
    """Bring documents, and index them."""
    base = await base_of(knowledge, grant, knowledge_base_name, WRITE)
    by_hand, failed = custom(docs), dict[str, str]()
    chunking = cut(chunk_size, chunk_overlap, zh_title_enhance)
    names = list(by_hand)
    for file in files:
        name = file.filename or ""
        try:
            there = await _exists(knowledge, base, name)
            kept = await knowledge.put(base, name, portions(file), chunking=chunking)
            if there and not kept.changed and not override:
                failed[name] = f"文件 {name} 已存在。"
            names += [name] if name not in names else []
        except ModelyardError as error:
            failed[name] = f"{name} 文件上传失败，报错信息为: {error.message}"
    if to_vector_store:
        failed.update(await fill(knowledge, base, names, by_hand, chunking, override=True))
    return BaseResponse(msg="文件上传与向量化完成", data={"failed_files": failed})


@router.post("/update_docs")
async def update_docs(body: UpdateDocs, knowledge: TheKnowledge, grant: TheGrant) -> BaseResponse:
    """Index documents again. Those whose chunks were written by hand stay, unless `override_custom_docs`."""
    base = await base_of(knowledge, grant, body.knowledge_base_name, WRITE)
    chunking = cut(body.chunk_size, body.chunk_overlap, body.zh_title_enhance)
    by_hand = custom(body.docs)
    names = list(dict.fromkeys([*body.file_names, *by_hand]))
    failed = await fill(knowledge, base, names, by_hand, chunking, override=body.override_custom_docs)
    return BaseResponse(msg="更新文档完成", data={"failed_files": failed})


@router.post("/delete_docs")
async def delete_docs(body: DeleteDocs, knowledge: TheKnowledge, grant: TheGrant) -> BaseResponse:
    """Take documents out of the index, or delete them."""
    base = await base_of(knowledge, grant, body.knowledge_base_name, WRITE)
    failed: dict[str, str] = {}
    for name in dict.fromkeys(body.file_names):
        try:
            if not body.delete_content:
                await knowledge.documents.unindex(base, name)
            elif await knowledge.documents.delete(base, [name]):
                failed[name] = f"未找到文件 {name}"
        except DocumentNotFound:
            failed[name] = f"未找到文件 {name}"
        except ModelyardError as error:
            failed[name] = f"{name} 文件删除失败，错误信息：{error.message}"
    return BaseResponse(msg="文件删除完成", data={"failed_files": failed})


@router.post("/recreate_vector_store", response_class=StreamingResponse)
async def recreate_vector_store(body: Recreate, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Index a base anew beside what is there, and tell how far it is. Searches go on meanwhile."""
    try:
        base = await base_of(parts.knowledge, grant, body.knowledge_base_name, WRITE)
    except Refused as error:
        return refused(error, body.knowledge_base_name)
    return streamed(_recreated(parts, grant, base, body))


def refused(error: Refused, base: str) -> StreamingResponse:
    """A refusal as a stream's only event, where Chatchat quotes a base's name otherwise than elsewhere."""
    said = f"未找到知识库 ‘{base}’" if error.number == 404 else error.message
    return streamed(_one({"code": error.number, "msg": said}))


@router.post("/upload_temp_docs")
async def upload_temp_docs(
    parts: TheParts,
    grant: TheGrant,
    files: Annotated[list[UploadFile], File()],
    prev_id: Annotated[str | None, Form()] = None,
    knowledge_id: Annotated[str | None, Form(description="What Chatchat's own client calls `prev_id`.")] = None,
    chunk_size: Annotated[int, Form()] = 250,
    chunk_overlap: Annotated[int, Form()] = 50,
    zh_title_enhance: Annotated[bool, Form()] = False,
) -> BaseResponse:
    """Bring documents for one talk. They are forgotten when nobody has asked them for a week."""
    knowledge, before = parts.knowledge, prev_id or knowledge_id
    owner = Owner.of(grant)
    old = await temporary(knowledge, before, owner) if before else None
    if old is not None:
        await knowledge.delete(old.name)
    name = old.name if old is not None else secrets.token_hex(16)
    settings = BaseSettings(embedding_model=embedding_model(parts, grant, None), temporary=True, owner=owner.id)
    base = await knowledge.create(name, settings)
    chunking, names, failed = cut(chunk_size, chunk_overlap, zh_title_enhance), list[str](), list[dict[str, str]]()
    for file in files:
        title = file.filename or ""
        try:
            await knowledge.put(base, title, portions(file), chunking=chunking)
            names.append(title)
        except ModelyardError as error:
            failed.append({title: f"{title} 文件上传失败，报错信息为: {error.message}"})
    problems = await fill(knowledge, base, names, {}, chunking, override=True)
    failed += [{title: problem} for title, problem in problems.items()]
    return BaseResponse(data={"id": name, "failed_files": failed})


async def temporary(knowledge: Knowledge, name: str, owner: Owner) -> KnowledgeBase | None:
    """A base that was made for one talk, by an owner whose rows this one sees."""
    found = await find(knowledge, name)
    return found if found is not None and found.temporary and owner.sees(found.owner) else None


async def brought(knowledge: Knowledge, grant: Grant | None, name: str) -> KnowledgeBase:
    """A base of files that the same user or key brought for one talk. Raises `Refused`."""
    base = await temporary(knowledge, name, Owner.of(grant))
    if base is None:
        raise Refused(404, f"未找到临时知识库 {name}，请先上传文件")
    return base


async def fill(
    knowledge: Knowledge,
    base: KnowledgeBase,
    names: Sequence[str],
    by_hand: Custom,
    chunking: Mapping[str, Any],
    *,
    override: bool,
) -> dict[str, str]:
    """Index documents and wait for it; what could not be indexed, and why."""
    failed: dict[str, str] = {}
    read: dict[bool, list[str]] = {False: [], True: []}
    for name in names:
        try:
            if name in by_hand:
                await write(knowledge, base, name, by_hand[name])
                continue
            document = await knowledge.documents.get(base, name)
            if document.edited and not override:
                continue
            await knowledge.documents.configure(base, name, chunking=chunking)
            read[document.edited].append(name)
        except DocumentNotFound:
            failed[name] = f"加载文档 {name} 时出错：未找到文件 {name}"
        except ModelyardError as error:
            failed[name] = error.message
    for edited, some in read.items():
        if some:
            failed.update(await _indexed(knowledge, await knowledge.index(base, some, edited, uploaded=True), some))
    return failed


async def _indexed(knowledge: Knowledge, job: str, names: Sequence[str]) -> dict[str, str]:
    """Wait until a job is finished, or waits itself for a model; what is not indexed by then, and why."""
    async for view in knowledge.ingest.follow(job):
        if view.waiting:
            return dict.fromkeys(names, view.waiting)
        if view.finished:
            return {each.document: each.error for each in view.problems}
    return {}


async def write(knowledge: Knowledge, base: KnowledgeBase, name: str, chunks: Sequence[Mapping[str, Any]]) -> None:
    """A document's chunks as somebody wrote them, in place of those it has."""
    texts = [str(each.get("page_content", "")) for each in chunks]
    if not await _exists(knowledge, base, name):
        await knowledge.put(base, name, _bytes("\n\n".join(texts).encode()))
    await knowledge.documents.unindex(base, name)
    for text, each in zip(texts, chunks, strict=True):
        if text.strip():
            metadata = each.get("metadata") or {}
            await knowledge.documents.add(base, name, text, extra=dict(metadata))


async def _exists(knowledge: Knowledge, base: KnowledgeBase, name: str) -> bool:
    try:
        await knowledge.documents.get(base, name)
    except DocumentNotFound:
        return False
    return True


async def _bytes(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _one(value: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
    yield value


async def _recreated(
    parts: Parts, grant: Grant | None, base: KnowledgeBase, body: Recreate
) -> AsyncGenerator[dict[str, Any]]:
    """An event for each document, as its end comes."""
    knowledge = parts.knowledge
    await knowledge.rename(base.name, BaseSettings(extra={**base.extra, "vs_type": body.vs_type}), None)
    await knowledge.documents.include_all(base)
    model = base.embedding_model or "" if body.embed_model == DEFAULT_EMBEDDING else None
    settings = BaseSettings(
        embedding_model=(model or embedding_model(parts, grant, body.embed_model)),
        chunking=cut(body.chunk_size, body.chunk_overlap, body.zh_title_enhance),
    )
    job = await knowledge.reindex(base, settings, force=True)
    told: set[str] = set()
    async for now in knowledge.ingest.follow(job):
        if now.waiting:
            yield {"code": 500, "msg": now.waiting}
            return
        outcomes = await knowledge.jobs.outcomes(job)
        for name, state, error in outcomes:
            if name in told or state == rows.WAITING:
                continue
            told.add(name)
            count, total = len(told), len(outcomes)
            if state in DONE:
                head = f"({count} / {total}): {name}"
                yield {"code": 200, "msg": head, "total": total, "finished": count, "doc": name}
            else:
                problem = error or state
                yield {"code": 500, "msg": f"添加文件‘{name}’到知识库‘{base.name}’时出错：{problem}。已跳过。"}
    view = await knowledge.ingest.view(job)
    if view.error:
        yield {"code": 500, "msg": view.error}
