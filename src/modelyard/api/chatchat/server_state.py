"""Chatchat's routes about the server, and its two that ask a model for one thing: settings, templates, completion, vectors."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from modelyard.api.chatchat.base import DEFAULT_EMBEDDING, BaseResponse, ChatchatRoute, TheModels, chat_model, running
from modelyard.api.chatchat.model_change import ready
from modelyard.api.chatchat.prompts import TEMPLATES, rendered, template
from modelyard.api.chatchat.streams import limit, streamed
from modelyard.api.deps import TheGrant, TheParts
from modelyard.api.knowledge_views import readable
from modelyard.chats.search_engines import engines
from modelyard.core.errors import ModelyardError
from modelyard.core.types import ModelType
from modelyard.knowledge.models import ServedModels
from modelyard.protocol.bounds import Many

router = APIRouter(tags=["chatchat"], route_class=ChatchatRoute)

SAMPLES = "samples"
SPLITTER = "ChineseRecursiveTextSplitter"
"""What Chatchat calls its usual splitter; ours stands for it."""


class Wanted(BaseModel):
    """A template by kind and name."""

    type: Literal["llm_chat", "knowledge_base_chat", "search_engine_chat", "agent_chat"] = "llm_chat"
    name: str = "default"


class Completion(BaseModel):
    """A text to go on with."""

    model_config = ConfigDict(protected_namespaces=())

    query: str
    stream: bool = False
    echo: bool = False
    model_name: str | None = None
    temperature: float = Field(0.7, ge=0, le=1)
    max_tokens: int | None = 1024
    prompt_name: str = "default"


class EmbedTexts(BaseModel):
    """Texts to make vectors of. `to_query` is there for Chatchat's clients, and changes nothing."""

    texts: Many[str]
    embed_model: str = DEFAULT_EMBEDDING
    to_query: bool = False


@router.post("/server/configs")
async def configs(request: Request, parts: TheParts, grant: TheGrant) -> dict[str, Any]:
    """What Chatchat's web page reads first: addresses, defaults, models, templates."""
    bases = [each.name for each in await readable(parts.knowledge, grant)]
    address = str(request.base_url).rstrip("/")
    return {
        "DEFAULT_KNOWLEDGE_BASE": SAMPLES if SAMPLES in bases or not bases else bases[0],
        "DEFAULT_SEARCH_ENGINE": "duckduckgo",
        "DEFAULT_VS_TYPE": "faiss",
        "CHUNK_SIZE": 250,
        "OVERLAP_SIZE": 50,
        "SCORE_THRESHOLD": 1.0,
        "VECTOR_SEARCH_TOP_K": 3,
        "SEARCH_ENGINE_TOP_K": 3,
        "ZH_TITLE_ENHANCE": False,
        "text_splitter_dict": {SPLITTER: {"source": "", "tokenizer_name_or_path": ""}},
        "TEXT_SPLITTER_NAME": SPLITTER,
        "LLM_MODELS": list(ready(parts, grant)),
        "HISTORY_LEN": 3,
        "TEMPERATURE": 0.7,
        "PROMPT_TEMPLATES": {kind: dict(named) for kind, named in TEMPLATES.items()},
        "controller_address": address,
        "openai_api_address": f"{address}/v1",
        "api_address": address,
    }


@router.post("/server/list_search_engines")
async def list_search_engines(parts: TheParts) -> BaseResponse:
    """Search engines that can be used as things are set."""
    return BaseResponse(data=list(engines(parts.settings)))


@router.post("/server/get_prompt_template")
async def get_prompt_template(body: Annotated[Wanted | None, Body()] = None) -> str | BaseResponse:
    """A template's text; `code` 400 for a name that there is none of."""
    wanted = body or Wanted()
    return template(wanted.type, wanted.name)


@router.post("/other/completion", response_class=StreamingResponse)
async def completion(body: Completion, parts: TheParts, models: TheModels, grant: TheGrant) -> StreamingResponse:
    """A text gone on with, as events of plain text; one event if it is not streamed."""
    model = chat_model(parts, grant, body.model_name)
    prompt = rendered("completion", body.prompt_name, input=body.query)
    return streamed(_completed(models, model, prompt, body))


@router.post("/other/embed_texts")
async def embed_texts(body: EmbedTexts, parts: TheParts, models: TheModels, grant: TheGrant) -> BaseResponse:
    """A vector for each text. The usual embedding model is any that runs here."""
    there = running(parts, ModelType.EMBEDDING, grant)
    name = there[0] if body.embed_model == DEFAULT_EMBEDDING and there else body.embed_model
    if body.embed_model in there:
        name = body.embed_model
    if name not in there:
        return BaseResponse(code=500, msg=f"指定的模型 {name} 不支持 Embeddings 功能。")
    try:
        return BaseResponse(data=await models.embed(name, body.texts))
    except ModelyardError as error:
        return BaseResponse(code=500, msg=f"文本向量化过程中出现错误：{error.message}")


async def _completed(models: ServedModels, model: str, prompt: str, body: Completion) -> AsyncGenerator[str]:
    asked = {"model": model, "prompt": prompt, "temperature": body.temperature, **limit(body.max_tokens)}
    told = [prompt] if body.echo else []
    if told and body.stream:
        yield prompt
    async with aclosing(models.complete(asked)) as chunks:
        async for chunk in chunks:
            for text in (choice.get("text") for choice in chunk.get("choices", [])):
                if text and body.stream:
                    yield text
                elif text:
                    told.append(text)
    if not body.stream:
        yield "".join(told)
