"""FastChat's controller and workers, as their clients ask them, on top of what runs here.

Every model is a worker at an address of its own below `/fastchat/`, because a worker is asked without naming its model. The
controller's routes stand at the root, where FastChat has them; those that a worker has too take the model from the body.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict

from modelyard.api.chatchat.base import TheModels, chat_model
from modelyard.api.chatchat.fastchat_generation import Generate, generated, last, told
from modelyard.api.chatchat.model_change import ready, release
from modelyard.api.deps import Parts, TheGrant, TheParts, TheTrust
from modelyard.control.views import ModelView
from modelyard.core.access import Grant
from modelyard.core.errors import ModelNotFound, ModelyardError
from modelyard.core.types import ReplicaState
from modelyard.knowledge.models import ServedModels
from modelyard.protocol.bounds import Many

router = APIRouter(tags=["fastchat"])

UNKNOWN_CONTEXT = 2048
"""What FastChat says of a model whose configuration does not say how long its context is."""

WORKER = "/fastchat/{uid:path}"


class Release(BaseModel):
    """A model to stop, or to put another in the place of."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str
    new_model_name: str | None = None
    keep_origin: bool = False


class OfModel(BaseModel):
    """A model by name; empty for any."""

    model: str = ""


class Counting(OfModel):
    """A text to count the tokens of."""

    prompt: str


class Embedding(OfModel):
    """Texts to make vectors of."""

    input: str | Many[str]


@router.get("/test_connection")
async def test_connection() -> str:
    """Whether the controller is there."""
    return "success"


@router.post("/refresh_all_workers")
async def refresh_all_workers() -> None:
    """Nothing is to be done: what is told of workers is always fresh."""


@router.post("/list_models")
async def list_models(parts: TheParts, grant: TheGrant) -> dict[str, list[str]]:
    """Language models that answer now."""
    return {"models": list(ready(parts, grant))}


@router.post("/list_language_models")
async def list_language_models(parts: TheParts, grant: TheGrant) -> dict[str, list[str]]:
    """Those of them that take text alone."""
    return {"models": [uid for uid, view in ready(parts, grant).items() if not _sees(view)]}


@router.post("/list_multimodal_models")
async def list_multimodal_models(parts: TheParts, grant: TheGrant) -> dict[str, list[str]]:
    """Those of them that see pictures."""
    return {"models": [uid for uid, view in ready(parts, grant).items() if _sees(view)]}


@router.post("/get_worker_address")
async def get_worker_address(body: OfModel, request: Request, parts: TheParts, grant: TheGrant) -> dict[str, str]:
    """Where a model's worker is; empty for one that does not answer now."""
    if _answering(parts, grant, body.model) is None:
        return {"address": ""}
    return {"address": f"{request.base_url}fastchat/{quote(body.model, safe='')}"}


@router.post("/worker_get_status")
async def controller_status(parts: TheParts, grant: TheGrant) -> dict[str, Any]:
    """All workers together: their models, replicas that are ready, and answers in progress."""
    views = ready(parts, grant)
    return _status(parts, list(views), list(views.values()))


@router.post(WORKER + "/worker_get_status")
async def worker_status(uid: str, parts: TheParts) -> dict[str, Any]:
    """One worker."""
    return _status(parts, [uid], [parts.deployments.view(uid)])


@router.post("/release_worker")
async def release_worker(body: Release, parts: TheParts, grant: TheGrant, trust: TheTrust) -> dict[str, Any]:
    """Stop a language model; with `new_model_name` start that one, and leave the first as it is if `keep_origin`."""
    return await release(parts, grant, trust, body.model_name, body.new_model_name, body.keep_origin)


@router.post("/worker_generate_stream", response_class=StreamingResponse)
async def controller_generate_stream(
    body: Generate, parts: TheParts, models: TheModels, grant: TheGrant
) -> StreamingResponse:
    """A text gone on with: JSON values with NUL bytes between, each with the whole text so far."""
    name = chat_model(parts, grant, body.model)
    return StreamingResponse(generated(models, name, body))


@router.post(WORKER + "/worker_generate_stream", response_class=StreamingResponse)
async def worker_generate_stream(uid: str, body: Generate, parts: TheParts, models: TheModels) -> StreamingResponse:
    """The same of one worker."""
    return StreamingResponse(generated(models, uid, body))


@router.post("/worker_generate")
async def controller_generate(body: Generate, parts: TheParts, models: TheModels, grant: TheGrant) -> JSONResponse:
    """The last value of `/worker_generate_stream`."""
    return JSONResponse(await last(models, chat_model(parts, grant, body.model), body))


@router.post(WORKER + "/worker_generate")
async def worker_generate(uid: str, body: Generate, parts: TheParts, models: TheModels) -> JSONResponse:
    """The same of one worker."""
    return JSONResponse(await last(models, uid, body))


@router.post("/count_token")
async def controller_count_token(body: Counting, parts: TheParts, models: TheModels, grant: TheGrant) -> dict[str, Any]:
    """How many tokens a text has, by the engine's own count."""
    return await _counted(models, chat_model(parts, grant, body.model), body.prompt)


@router.post(WORKER + "/count_token")
async def worker_count_token(uid: str, body: Counting, parts: TheParts, models: TheModels) -> dict[str, Any]:
    """The same of one worker."""
    return await _counted(models, uid, body.prompt)


@router.post("/worker_get_embeddings")
async def controller_embeddings(body: Embedding, parts: TheParts, models: TheModels, grant: TheGrant) -> dict[str, Any]:
    """A vector for each text."""
    if grant is not None:
        grant.check_model(body.model)
    return await _embedded(models, body.model, body.input)


@router.post(WORKER + "/worker_get_embeddings")
async def worker_embeddings(uid: str, body: Embedding, parts: TheParts, models: TheModels) -> dict[str, Any]:
    """The same of one worker."""
    return await _embedded(models, uid, body.input)


@router.post("/model_details")
async def controller_model_details(body: OfModel, parts: TheParts, grant: TheGrant) -> dict[str, int]:
    """The longest context of a model in tokens."""
    return _details(parts, chat_model(parts, grant, body.model))


@router.post(WORKER + "/model_details")
async def worker_model_details(uid: str, parts: TheParts) -> dict[str, int]:
    """The same of one worker."""
    return _details(parts, uid)


def _answering(parts: Parts, grant: Grant | None, name: str) -> ModelView | None:
    """A model of whatever kind that answers now."""
    try:
        view = parts.deployments.view(name)
    except ModelNotFound:
        return None
    return view if view.state is ReplicaState.READY and (grant is None or grant.sees(name)) else None


def _sees(view: ModelView) -> bool:
    return "vision" in view.desired.launch.model.abilities


def _status(parts: Parts, names: list[str], views: list[ModelView]) -> dict[str, Any]:
    running = [each for view in views for each in view.replicas if each.replica.state is ReplicaState.READY]
    queue = sum(parts.traffic.in_flight.get(each.replica.name, 0) for each in running)
    return {"model_names": names, "speed": len(running), "queue_length": queue}


def _details(parts: Parts, name: str) -> dict[str, int]:
    view = parts.deployments.view(name)
    planned = view.replicas[0].plan.context_length if view.replicas else None
    return {"context_length": planned or view.desired.launch.model.context_length or UNKNOWN_CONTEXT}


async def _counted(models: ServedModels, name: str, prompt: str) -> dict[str, Any]:
    """By asking for one token more: no engine counts for nothing, but all tell what they have read."""
    if not prompt:
        return {"count": 0, "error_code": 0}
    try:
        answer = await models.ask("completions", {"model": name, "prompt": prompt, "max_tokens": 1})
    except ModelyardError as error:
        return told(error)
    return {"count": answer["usage"]["prompt_tokens"], "error_code": 0}


async def _embedded(models: ServedModels, name: str, texts: str | list[str]) -> dict[str, Any]:
    body = {"model": name, "input": texts, "encoding_format": "float"}
    try:
        answer = await models.ask("embeddings", body)
    except ModelyardError as error:
        return told(error)
    rows = sorted(answer["data"], key=lambda row: int(row["index"]))
    usage = answer.get("usage") or {}
    return {"embedding": [row["embedding"] for row in rows], "token_num": usage.get("prompt_tokens", 0)}
