"""Chatchat's routes about the server (settings, search engines, prompt templates) and its completion and embedding routes."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Literal

from fastapi import Body, Request
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict, Field

from modelyard.chats.search_engines import configured_engines
from modelyard.compat.chatchat.base import (
    DEFAULT_EMBEDDING,
    BaseResponse,
    ChatchatResponse,
    ChatchatRoute,
    ListResponse,
    TheModels,
    chat_model,
    ready_models,
)
from modelyard.compat.chatchat.model_change import ready_language_models
from modelyard.compat.chatchat.prompts import TEMPLATES, render_prompt, template
from modelyard.compat.chatchat.streams import event_stream, token_limit
from modelyard.core.errors import ModelyardError
from modelyard.core.types import ModelType
from modelyard.knowledge.models import ServedModels
from modelyard.protocol.bounds import Many
from modelyard.protocol.chatchat import ServerConfigs, SplitterConfig
from modelyard.protocol.deferred import DeferredModel
from modelyard.web.deps import TheGrant, TheParts
from modelyard.web.knowledge_views import readable
from modelyard.web.router import ANY_KEY, BodyKind, Router

router = Router(tags=["chatchat"], route_class=ChatchatRoute)

SAMPLES = "samples"
SPLITTER = "ChineseRecursiveTextSplitter"
"""The name of Chatchat's default splitter; here it means this server's own."""


class VectorsResponse(ChatchatResponse[list[list[int | float]]]):
    """A vector for each text, in the order of the texts."""


class TemplateName(DeferredModel):
    """The kind and name of a prompt template."""

    type: Literal["llm_chat", "knowledge_base_chat", "search_engine_chat", "agent_chat"] = "llm_chat"
    name: str = "default"


class TextCompletion(DeferredModel):
    """A text to continue."""

    model_config = ConfigDict(protected_namespaces=())

    query: str
    stream: bool = False
    echo: bool = False
    model_name: str | None = None
    temperature: float = Field(0.7, ge=0, le=1)
    max_tokens: int | None = 1024
    prompt_name: str = "default"


class EmbedTexts(DeferredModel):
    """Texts to embed. `to_query` is accepted for Chatchat's clients and has no effect."""

    texts: Many[str]
    embed_model: str = DEFAULT_EMBEDDING
    to_query: bool = False


@router.post("/server/configs", scope=ANY_KEY)
async def configs(request: Request, parts: TheParts, grant: TheGrant) -> ServerConfigs:
    """Return what Chatchat's web page reads first: addresses, defaults, models and templates."""
    bases = [each.name for each in await readable(parts.knowledge, grant)]
    address = str(request.base_url).rstrip("/")
    return ServerConfigs(
        DEFAULT_KNOWLEDGE_BASE=SAMPLES if SAMPLES in bases or not bases else bases[0],
        DEFAULT_SEARCH_ENGINE="duckduckgo",
        DEFAULT_VS_TYPE="faiss",
        CHUNK_SIZE=250,
        OVERLAP_SIZE=50,
        SCORE_THRESHOLD=1.0,
        VECTOR_SEARCH_TOP_K=3,
        SEARCH_ENGINE_TOP_K=3,
        ZH_TITLE_ENHANCE=False,
        text_splitter_dict={SPLITTER: SplitterConfig(source="", tokenizer_name_or_path="")},
        TEXT_SPLITTER_NAME=SPLITTER,
        LLM_MODELS=list(ready_language_models(parts, grant)),
        HISTORY_LEN=3,
        TEMPERATURE=0.7,
        PROMPT_TEMPLATES={kind: dict(named) for kind, named in TEMPLATES.items()},
        controller_address=address,
        openai_api_address=f"{address}/v1",
        api_address=address,
    )


@router.post("/server/list_search_engines", scope=ANY_KEY)
async def list_search_engines(parts: TheParts) -> ListResponse:
    """List the search engines that are configured."""
    return ListResponse(data=list(configured_engines(parts.settings)))


@router.post("/server/get_prompt_template", scope=ANY_KEY)
async def get_prompt_template(body: Annotated[TemplateName | None, Body()] = None) -> str | BaseResponse:
    """Return a template's text; `code` is 400 if there is none of that name."""
    chosen = body or TemplateName()
    return template(chosen.type, chosen.name)


@router.post("/other/completion", scope="models:read", body=BodyKind.TEXT, response_model=BaseResponse, events=str)
async def completion(body: TextCompletion, parts: TheParts, models: TheModels, grant: TheGrant) -> StreamingResponse:
    """Continue a text. Streams events of plain text, or sends one event with all of it."""
    model = chat_model(parts, grant, body.model_name)
    prompt = render_prompt("completion", body.prompt_name, input=body.query)
    return event_stream(_completion_events(models, model, prompt, body))


@router.post("/other/embed_texts", scope="models:read", body=BodyKind.TEXT)
async def embed_texts(body: EmbedTexts, parts: TheParts, models: TheModels, grant: TheGrant) -> VectorsResponse:
    """Embed texts. Chatchat's default embedding model means any that is ready."""
    ready = ready_models(parts, ModelType.EMBEDDING, grant)
    is_default = body.embed_model == DEFAULT_EMBEDDING and body.embed_model not in ready
    name = ready[0] if is_default and ready else body.embed_model
    if name not in ready:
        return VectorsResponse(code=500, msg=f"指定的模型 {name} 不支持 Embeddings 功能。")
    try:
        return VectorsResponse(data=await models.embed(name, body.texts))
    except ModelyardError as error:
        return VectorsResponse(code=500, msg=f"文本向量化过程中出现错误：{error.message}")


async def _completion_events(
    models: ServedModels, model: str, prompt: str, body: TextCompletion
) -> AsyncGenerator[str]:
    request = {"model": model, "prompt": prompt, "temperature": body.temperature, **token_limit(body.max_tokens)}
    texts = [prompt] if body.echo else []
    if texts and body.stream:
        yield prompt
    async with aclosing(models.complete(request)) as chunks:
        async for chunk in chunks:
            for text in (choice.get("text") for choice in chunk.get("choices", [])):
                if text and body.stream:
                    yield text
                elif text:
                    texts.append(text)
    if not body.stream:
        yield "".join(texts)
