"""The routes of FastChat's controller and workers, answered by this server's models.

Each model is a worker with its own address below `/fastchat/`, because requests to a worker do not name a model. The
controller's routes are at the root, as in FastChat; those that workers have too take the model from the body.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ConfigDict

from modelyard.compat.chatchat.base import TheModels, chat_model
from modelyard.compat.chatchat.model_change import ready_language_models, release
from modelyard.compat.fastchat.generation import (
    GenerationBody,
    error_value,
    generate,
    generation_stream,
)
from modelyard.control.views import ModelView
from modelyard.core.access import Grant
from modelyard.core.errors import ModelNotFound, ModelyardError
from modelyard.core.types import ReplicaState
from modelyard.knowledge.models import COMPLETIONS, EMBEDDINGS, ServedModels
from modelyard.protocol.bounds import Many
from modelyard.protocol.chatchat import ReleaseAnswer
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.fastchat import (
    FastchatAddress,
    FastchatCount,
    FastchatDetails,
    FastchatFailure,
    FastchatModels,
    FastchatStatus,
    FastchatText,
    FastchatVectors,
)
from modelyard.web.deps import Parts, TheGrant, TheParts, TheTrust
from modelyard.web.router import BodyKind, Router

router = Router(tags=["fastchat"])

UNKNOWN_CONTEXT = 2048
"""FastChat's context length for a model whose configuration has none."""

WORKER = "/fastchat/{uid:path}"


class ReleaseWorker(DeferredModel):
    """A model to stop, or to replace by another."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    new_model_name: str | None = None
    keep_origin: bool = False


class WorkerModel(DeferredModel):
    """A model by name; empty for any."""

    model: str = ""


class TokenCountBody(WorkerModel):
    """A text whose tokens are counted."""

    prompt: str


class EmbeddingBody(WorkerModel):
    """Texts to embed."""

    input: str | Many[str]


@router.post("/list_models", scope="models:list")
async def list_models(parts: TheParts, grant: TheGrant) -> FastchatModels:
    """List the language models that are ready."""
    return FastchatModels(models=list(ready_language_models(parts, grant)))


@router.post("/list_language_models", scope="models:list")
async def list_language_models(parts: TheParts, grant: TheGrant) -> FastchatModels:
    """List the ready language models that take text only."""
    return FastchatModels(
        models=[uid for uid, view in ready_language_models(parts, grant).items() if not _has_vision(view)]
    )


@router.post("/list_multimodal_models", scope="models:list")
async def list_multimodal_models(parts: TheParts, grant: TheGrant) -> FastchatModels:
    """List the ready language models that take images."""
    return FastchatModels(
        models=[uid for uid, view in ready_language_models(parts, grant).items() if _has_vision(view)]
    )


@router.post("/get_worker_address", scope="models:list")
async def get_worker_address(body: WorkerModel, request: Request, parts: TheParts, grant: TheGrant) -> FastchatAddress:
    """Return the address of a model's worker; empty if the model is not ready."""
    if _ready_view(parts, grant, body.model) is None:
        return FastchatAddress(address="")
    return FastchatAddress(address=f"{request.base_url}fastchat/{quote(body.model, safe='')}")


@router.post("/worker_get_status", scope="models:list")
async def controller_status(parts: TheParts, grant: TheGrant) -> FastchatStatus:
    """Return the status of all workers together: their models, ready replicas, and requests in progress."""
    views = ready_language_models(parts, grant)
    return _status(parts, list(views), list(views.values()))


@router.post(WORKER + "/worker_get_status", scope="models:list")
async def worker_status(uid: str, parts: TheParts) -> FastchatStatus:
    """Return the status of one worker."""
    return _status(parts, [uid], [parts.deployments.view(uid)])


@router.post("/release_worker", scope="models:write", response_model=ReleaseAnswer)
async def release_worker(body: ReleaseWorker, parts: TheParts, grant: TheGrant, trust: TheTrust) -> dict[str, Any]:
    """Stop a language model; with `new_model_name`, start that model in its place, or beside it with `keep_origin`."""
    return await release(parts, grant, trust, body.model_name, body.new_model_name, body.keep_origin)


@router.post("/worker_generate_stream", scope="models:read", body=BodyKind.TEXT, response_class=StreamingResponse)
async def controller_generate_stream(
    body: GenerationBody, parts: TheParts, models: TheModels, grant: TheGrant
) -> StreamingResponse:
    """Continue a text. Streams JSON values separated by NUL bytes, each with the whole text so far."""
    name = chat_model(parts, grant, body.model)
    return StreamingResponse(generation_stream(models, name, body))


@router.post(
    WORKER + "/worker_generate_stream", scope="models:read", body=BodyKind.TEXT, response_class=StreamingResponse
)
async def worker_generate_stream(
    uid: str, body: GenerationBody, parts: TheParts, models: TheModels
) -> StreamingResponse:
    """Continue a text with one worker's model. Streams as the controller's route does."""
    return StreamingResponse(generation_stream(models, uid, body))


@router.post("/worker_generate", scope="models:read", body=BodyKind.TEXT, response_model=FastchatText | FastchatFailure)
async def controller_generate(
    body: GenerationBody, parts: TheParts, models: TheModels, grant: TheGrant
) -> JSONResponse:
    """Continue a text, and return the last value of `/worker_generate_stream`."""
    return JSONResponse(await generate(models, chat_model(parts, grant, body.model), body))


@router.post(
    WORKER + "/worker_generate", scope="models:read", body=BodyKind.TEXT, response_model=FastchatText | FastchatFailure
)
async def worker_generate(uid: str, body: GenerationBody, parts: TheParts, models: TheModels) -> JSONResponse:
    """Continue a text with one worker's model, and return the last value."""
    return JSONResponse(await generate(models, uid, body))


@router.post("/count_token", scope="models:read", body=BodyKind.TEXT, response_model=FastchatCount | FastchatFailure)
async def controller_count_token(
    body: TokenCountBody, parts: TheParts, models: TheModels, grant: TheGrant
) -> dict[str, Any]:
    """Count a text's tokens with the model's own tokenizer."""
    return await _count_tokens(models, chat_model(parts, grant, body.model), body.prompt)


@router.post(
    WORKER + "/count_token", scope="models:read", body=BodyKind.TEXT, response_model=FastchatCount | FastchatFailure
)
async def worker_count_token(uid: str, body: TokenCountBody, parts: TheParts, models: TheModels) -> dict[str, Any]:
    """Count a text's tokens with the tokenizer of one worker's model."""
    return await _count_tokens(models, uid, body.prompt)


@router.post(
    "/worker_get_embeddings", scope="models:read", body=BodyKind.TEXT, response_model=FastchatVectors | FastchatFailure
)
async def controller_embeddings(
    body: EmbeddingBody, parts: TheParts, models: TheModels, grant: TheGrant
) -> dict[str, Any]:
    """Embed texts."""
    if grant is not None:
        grant.check_model(body.model)
    return await _embed(models, body.model, body.input)


@router.post(
    WORKER + "/worker_get_embeddings",
    scope="models:read",
    body=BodyKind.TEXT,
    response_model=FastchatVectors | FastchatFailure,
)
async def worker_embeddings(uid: str, body: EmbeddingBody, parts: TheParts, models: TheModels) -> dict[str, Any]:
    """Embed texts with one worker's model."""
    return await _embed(models, uid, body.input)


@router.post("/model_details", scope="models:list")
async def controller_model_details(body: WorkerModel, parts: TheParts, grant: TheGrant) -> FastchatDetails:
    """Return a model's context length in tokens."""
    return _details(parts, chat_model(parts, grant, body.model))


@router.post(WORKER + "/model_details", scope="models:list")
async def worker_model_details(uid: str, parts: TheParts) -> FastchatDetails:
    """Return the context length of one worker's model in tokens."""
    return _details(parts, uid)


def _ready_view(parts: Parts, grant: Grant | None, name: str) -> ModelView | None:
    """Return a model of any type if it is ready and the key may see it."""
    try:
        view = parts.deployments.view(name)
    except ModelNotFound:
        return None
    return view if view.state is ReplicaState.READY and (grant is None or grant.sees(name)) else None


def _has_vision(view: ModelView) -> bool:
    return "vision" in view.desired.launch.model.abilities


def _status(parts: Parts, names: list[str], views: list[ModelView]) -> FastchatStatus:
    running = [each for view in views for each in view.replicas if each.replica.state is ReplicaState.READY]
    queue = sum(parts.traffic.in_flight.get(each.replica.name, 0) for each in running)
    return FastchatStatus(model_names=names, speed=len(running), queue_length=queue)


def _details(parts: Parts, name: str) -> FastchatDetails:
    view = parts.deployments.view(name)
    planned = view.replicas[0].plan.context_length if view.replicas else None
    return FastchatDetails(context_length=planned or view.desired.launch.model.context_length or UNKNOWN_CONTEXT)


async def _count_tokens(models: ServedModels, name: str, prompt: str) -> dict[str, Any]:
    """Ask for one token: no engine only counts, but every engine reports the tokens of the prompt it has read."""
    if not prompt:
        return {"count": 0, "error_code": 0}
    try:
        answer = await models.post(COMPLETIONS, {"model": name, "prompt": prompt, "max_tokens": 1})
    except ModelyardError as error:
        return error_value(error)
    return {"count": answer["usage"]["prompt_tokens"], "error_code": 0}


async def _embed(models: ServedModels, name: str, texts: str | list[str]) -> dict[str, Any]:
    body = {"model": name, "input": texts, "encoding_format": "float"}
    try:
        answer = await models.post(EMBEDDINGS, body)
    except ModelyardError as error:
        return error_value(error)
    rows = sorted(answer["data"], key=lambda row: int(row["index"]))
    usage = answer.get("usage") or {}
    return {"embedding": [row["embedding"] for row in rows], "token_num": usage.get("prompt_tokens", 0)}
