"""Chatchat's routes that upload, index and delete documents; each responds when the work is done."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from typing import Annotated, Any

from fastapi import File, Form, UploadFile
from fastapi.responses import StreamingResponse

from modelyard.compat.chatchat.base import (
    DEFAULT_EMBEDDING,
    BaseResponse,
    ChatchatRefused,
    ChatchatResponse,
    ChatchatRoute,
    base_of,
    embedding_model,
    find_base,
)
from modelyard.compat.chatchat.streams import event_stream
from modelyard.core.access import WRITE, Grant, Owner
from modelyard.core.errors import DocumentNotFound, InvalidParameter, MalformedBody, ModelyardError
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.documents.bases import BaseSettings
from modelyard.knowledge.documents.splitter import LARGEST, SMALLEST
from modelyard.knowledge.documents.states import TaskState
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol.bounds import Many
from modelyard.protocol.chatchat import FailedFiles, ProgressEvents, TemporaryUpload
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.json_values import check_text
from modelyard.web.deps import Parts, TheGrant, TheKnowledge, TheParts
from modelyard.web.files import parts_of
from modelyard.web.router import BodyKind, Router

router = Router("/knowledge_base", tags=["chatchat"], route_class=ChatchatRoute)

CustomDocs = Mapping[str, Sequence[Mapping[str, Any]]]
"""The name of a document → its chunks, written by hand."""
DONE = frozenset({TaskState.DONE, TaskState.UNCHANGED})


class FailedFilesResponse(ChatchatResponse[FailedFiles]):
    """The documents that could not be processed."""


class TemporaryUploadResponse(ChatchatResponse[TemporaryUpload]):
    """A temporary base and the documents that could not be uploaded or indexed."""


class UpdateDocs(DeferredModel):
    """Documents to index again. `docs` is a JSON string."""

    knowledge_base_name: str
    file_names: Many[str]
    chunk_size: int = 250
    chunk_overlap: int = 50
    zh_title_enhance: bool = False
    override_custom_docs: bool = False
    docs: str = "{}"
    not_refresh_vs_cache: bool = False


class DeleteDocs(DeferredModel):
    """Documents to remove from the index and, with `delete_content`, from the base."""

    knowledge_base_name: str
    file_names: Many[str]
    delete_content: bool = False
    not_refresh_vs_cache: bool = False


class RecreateIndex(DeferredModel):
    """A base to rebuild the index of."""

    knowledge_base_name: str
    allow_empty_kb: bool = True
    vs_type: str = "faiss"
    embed_model: str = DEFAULT_EMBEDDING
    chunk_size: int = 250
    chunk_overlap: int = 50
    zh_title_enhance: bool = False
    not_refresh_vs_cache: bool = False


def chunking_options(size: int, overlap: int, titles: bool) -> dict[str, Any]:
    """Return the settings of the splitter, with sizes clamped to its bounds."""
    return {"size": min(max(size, SMALLEST), LARGEST), "overlap": max(overlap, 0), "title_enhance": titles}


def parse_custom_docs(text: str) -> CustomDocs:
    """Parse the field `docs`, which has chunks written by hand. Raises `InvalidParameter`."""
    try:
        documents = check_text("docs", text or "{}")
        return {name: [dict(each) for each in chunks] for name, chunks in documents.items()}
    except (MalformedBody, ValueError, TypeError, AttributeError) as error:
        raise InvalidParameter("docs", f"it is no JSON object of lists of documents: {error}") from None


@router.post("/upload_docs", scope="knowledge:write", body=BodyKind.DOCUMENTS)
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
) -> FailedFilesResponse:
    """Upload documents, and index them unless `to_vector_store` is false."""
    base = await base_of(knowledge, grant, knowledge_base_name, WRITE)
    by_hand, failed = parse_custom_docs(docs), dict[str, str]()
    chunking = chunking_options(chunk_size, chunk_overlap, zh_title_enhance)
    names = list(by_hand)
    for file in files:
        name = file.filename or ""
        try:
            existed = await _exists(knowledge, base, name)
            stored = await knowledge.documents.put(base, name, parts_of(file), chunking=chunking)
            if existed and not stored.changed and not override:
                failed[name] = f"文件 {name} 已存在。"
            names += [name] if name not in names else []
        except ModelyardError as error:
            failed[name] = f"{name} 文件上传失败，报错信息为: {error.message}"
    if to_vector_store:
        failed.update(
            await index_documents(knowledge, base, names, by_hand, chunking, override=True, owner=Owner.of(grant))
        )
    return FailedFilesResponse(msg="文件上传与向量化完成", data={"failed_files": failed})


@router.post("/update_docs", scope="knowledge:write", body=BodyKind.TEXT)
async def update_docs(body: UpdateDocs, knowledge: TheKnowledge, grant: TheGrant) -> FailedFilesResponse:
    """Index documents again. Chunks written by hand are kept unless `override_custom_docs`."""
    base = await base_of(knowledge, grant, body.knowledge_base_name, WRITE)
    chunking = chunking_options(body.chunk_size, body.chunk_overlap, body.zh_title_enhance)
    by_hand = parse_custom_docs(body.docs)
    names = list(dict.fromkeys([*body.file_names, *by_hand]))
    override, owner = body.override_custom_docs, Owner.of(grant)
    failed = await index_documents(knowledge, base, names, by_hand, chunking, override=override, owner=owner)
    return FailedFilesResponse(msg="更新文档完成", data={"failed_files": failed})


@router.post("/delete_docs", scope="knowledge:write", body=BodyKind.TEXT)
async def delete_docs(body: DeleteDocs, knowledge: TheKnowledge, grant: TheGrant) -> FailedFilesResponse:
    """Remove documents from the index, or delete them."""
    base = await base_of(knowledge, grant, body.knowledge_base_name, WRITE)
    failed: dict[str, str] = {}
    for name in dict.fromkeys(body.file_names):
        try:
            if not body.delete_content:
                await knowledge.edits.unindex(base, name)
            elif await knowledge.edits.delete(base, [name]):
                failed[name] = f"未找到文件 {name}"
        except DocumentNotFound:
            failed[name] = f"未找到文件 {name}"
        except ModelyardError as error:
            failed[name] = f"{name} 文件删除失败，错误信息：{error.message}"
    return FailedFilesResponse(msg="文件删除完成", data={"failed_files": failed})


@router.post("/recreate_vector_store", scope="knowledge:write", response_model=BaseResponse, events=ProgressEvents)
async def recreate_vector_store(body: RecreateIndex, parts: TheParts, grant: TheGrant) -> StreamingResponse:
    """Rebuild the index of a base and stream the progress. Searches use the present index until the new one is ready."""
    try:
        base = await base_of(parts.knowledge, grant, body.knowledge_base_name, WRITE)
    except ChatchatRefused as error:
        return refusal_stream(error, body.knowledge_base_name)
    return event_stream(_reindex_events(parts, grant, base, body))


def refusal_stream(error: ChatchatRefused, base: str) -> StreamingResponse:
    """Send a refusal as a stream's only event. In streams, Chatchat quotes a base's name with other quotation marks."""
    message = f"未找到知识库 ‘{base}’" if error.number == 404 else error.message
    return event_stream(_single({"code": error.number, "msg": message}))


@router.post("/upload_temp_docs", scope="knowledge:read", body=BodyKind.DOCUMENTS)
async def upload_temp_docs(
    parts: TheParts,
    grant: TheGrant,
    files: Annotated[list[UploadFile], File()],
    prev_id: Annotated[str | None, Form()] = None,
    knowledge_id: Annotated[str | None, Form(description="The name of `prev_id` in Chatchat's own client.")] = None,
    chunk_size: Annotated[int, Form()] = 250,
    chunk_overlap: Annotated[int, Form()] = 50,
    zh_title_enhance: Annotated[bool, Form()] = False,
) -> TemporaryUploadResponse:
    """Upload documents to a temporary base, which is deleted when it has not been used for a week."""
    knowledge, previous = parts.knowledge, prev_id or knowledge_id
    owner = Owner.of(grant)
    old = await find_temporary(knowledge, previous, owner) if previous else None
    if old is not None:
        await knowledge.delete(old.name)
    name = old.name if old is not None else secrets.token_hex(16)
    settings = BaseSettings(embedding_model=embedding_model(parts, grant, None), temporary=True, owner=owner.id)
    base = await knowledge.create(name, settings)
    chunking, names, failed = (
        chunking_options(chunk_size, chunk_overlap, zh_title_enhance),
        list[str](),
        list[dict[str, str]](),
    )
    for file in files:
        title = file.filename or ""
        try:
            await knowledge.documents.put(base, title, parts_of(file), chunking=chunking)
            names.append(title)
        except ModelyardError as error:
            failed.append({title: f"{title} 文件上传失败，报错信息为: {error.message}"})
    problems = await index_documents(knowledge, base, names, {}, chunking, override=True, owner=owner)
    failed += [{title: problem} for title, problem in problems.items()]
    return TemporaryUploadResponse(data={"id": name, "failed_files": failed})


async def find_temporary(knowledge: KnowledgeService, name: str, owner: Owner) -> KnowledgeBase | None:
    """Find a temporary base that the owner may see."""
    base = await find_base(knowledge, name)
    return base if base is not None and base.temporary and owner.sees(base.owner) else None


async def temporary_base_of(knowledge: KnowledgeService, grant: Grant | None, name: str) -> KnowledgeBase:
    """Return a temporary base that the caller uploaded. Raises `ChatchatRefused`."""
    base = await find_temporary(knowledge, name, Owner.of(grant))
    if base is None:
        raise ChatchatRefused(404, f"未找到临时知识库 {name}，请先上传文件")
    return base


async def index_documents(
    knowledge: KnowledgeService,
    base: KnowledgeBase,
    names: Sequence[str],
    by_hand: CustomDocs,
    chunking: Mapping[str, Any],
    *,
    override: bool,
    owner: Owner,
) -> dict[str, str]:
    """Index documents and wait for it. Returns the documents that could not be indexed, and why."""
    failed: dict[str, str] = {}
    pending: dict[bool, list[str]] = {False: [], True: []}
    for name in names:
        try:
            if name in by_hand:
                await write_chunks(knowledge, base, name, by_hand[name])
                continue
            document = await knowledge.documents.get(base, name)
            if document.edited and not override:
                continue
            await knowledge.edits.configure(base, name, chunking=chunking)
            pending[document.edited].append(name)
        except DocumentNotFound:
            failed[name] = f"加载文档 {name} 时出错：未找到文件 {name}"
        except ModelyardError as error:
            failed[name] = error.message
    for edited, batch in pending.items():
        if batch:
            job = await knowledge.index(base, batch, edited, uploaded=True, owner=owner.id)
            failed.update(await _wait_indexed(knowledge, job, batch))
    return failed


async def _wait_indexed(knowledge: KnowledgeService, job: str, names: Sequence[str]) -> dict[str, str]:
    """Wait until a job is finished or is waiting for a model. Returns the documents that are not indexed by then, and why."""
    async for view in knowledge.worker.follow(job):
        if view.waiting:
            return dict.fromkeys(names, view.waiting)
        if view.finished:
            return {each.document: each.error for each in view.problems}
    return {}


async def write_chunks(
    knowledge: KnowledgeService, base: KnowledgeBase, name: str, chunks: Sequence[Mapping[str, Any]]
) -> None:
    """Replace a document's chunks by these; creates the document if needed."""
    texts = [str(each.get("page_content", "")) for each in chunks]
    if not await _exists(knowledge, base, name):
        await knowledge.documents.put(base, name, _bytes("\n\n".join(texts).encode()))
    await knowledge.edits.unindex(base, name)
    for text, each in zip(texts, chunks, strict=True):
        if text.strip():
            metadata = each.get("metadata") or {}
            await knowledge.edits.add_chunk(base, name, text, extra=dict(metadata))


async def _exists(knowledge: KnowledgeService, base: KnowledgeBase, name: str) -> bool:
    try:
        await knowledge.documents.get(base, name)
    except DocumentNotFound:
        return False
    return True


async def _bytes(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _single(value: dict[str, Any]) -> AsyncGenerator[dict[str, Any]]:
    yield value


async def _reindex_events(
    parts: Parts, grant: Grant | None, base: KnowledgeBase, body: RecreateIndex
) -> AsyncGenerator[dict[str, Any]]:
    """Reindex a base, and yield an event for each document when it is done."""
    knowledge = parts.knowledge
    await knowledge.rename(base.name, BaseSettings(extra={**base.extra, "vs_type": body.vs_type}), None)
    await knowledge.documents.include_all(base)
    model = base.embedding_model or "" if body.embed_model == DEFAULT_EMBEDDING else None
    settings = BaseSettings(
        embedding_model=(model or embedding_model(parts, grant, body.embed_model)),
        chunking=chunking_options(body.chunk_size, body.chunk_overlap, body.zh_title_enhance),
    )
    job = await knowledge.reindex(base, settings, force=True, owner=Owner.of(grant).id)
    reported: set[str] = set()
    async for progress in knowledge.worker.follow(job):
        if progress.waiting:
            yield {"code": 500, "msg": progress.waiting}
            return
        outcomes = await knowledge.jobs.outcomes(job)
        for name, state, error in outcomes:
            if name in reported or state == TaskState.WAITING:
                continue
            reported.add(name)
            count, total = len(reported), len(outcomes)
            if state in DONE:
                head = f"({count} / {total}): {name}"
                yield {"code": 200, "msg": head, "total": total, "finished": count, "doc": name}
            else:
                problem = error or state
                yield {"code": 500, "msg": f"添加文件‘{name}’到知识库‘{base.name}’时出错：{problem}。已跳过。"}
    view = await knowledge.worker.view(job)
    if view.error:
        yield {"code": 500, "msg": view.error}
