"""Shared by Chatchat's routes: response bodies, error rendering, lookup of knowledge bases, and the choice of default models."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Generic, TypeVar
from urllib.parse import unquote

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse

from modelyard.control.views import ModelView
from modelyard.core.access import READ, Grant
from modelyard.core.errors import ChatchatRefused as ChatchatRefused
from modelyard.core.errors import InvalidKey, InvalidParameter, KnowledgeBaseNotFound, ModelyardError, PermissionDenied
from modelyard.core.types import ModelType, ReplicaState
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import KnowledgeService
from modelyard.protocol.deferred import DeferredModel
from modelyard.web.base_access import models_for
from modelyard.web.deps import Parts, TheGrant, TheParts
from modelyard.web.router import ManagementRoute

DEFAULT_EMBEDDING = "bge-large-zh-v1.5"
"""The model that Chatchat's clients send by default; here it means any running embedding model."""
Data = TypeVar("Data")
ATTACK = "Don't attack me"


class ChatchatResponse(DeferredModel, Generic[Data]):
    """The body of every response that is not a stream. The HTTP status is 200; `code` distinguishes success from failure."""

    code: int = 200
    msg: str = "success"
    data: Data | None = None


class BaseResponse(ChatchatResponse[None]):
    """A response without data."""


class ListResponse(ChatchatResponse[list[str]]):
    """A response whose `data` is a list of names."""


class ChatchatRoute(ManagementRoute):
    """A route whose errors are sent as `{"code", "msg", "data"}` with status 200. Errors about keys keep their own status."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap the handler so that its errors are rendered."""
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await handler(request)
            except (PermissionDenied, InvalidKey):
                raise
            except ChatchatRefused as error:
                return JSONResponse({"code": error.number, "msg": error.message, "data": error.data})
            except ModelyardError as error:
                return JSONResponse({"code": error.status, "msg": error.message, "data": None})

        return handle


def check_access(grant: Grant | None, base: str, level: str = READ) -> None:
    """Raise `PermissionDenied` if the request's key may not access a base at this level."""
    if grant is not None:
        grant.check_base(base, level)


def checked_name(name: str, data: Any = None) -> str:
    """Return a base's name. Raises `ChatchatRefused` for names that Chatchat rejects as path traversal."""
    if "../" in name:
        raise ChatchatRefused(403, ATTACK, data)
    return name


async def find_base(knowledge: KnowledgeService, name: str) -> KnowledgeBase | None:
    """Find a base by its name, percent-encoded or not; None if it does not exist."""
    for each in dict.fromkeys((name, unquote(name))):
        try:
            return await knowledge.bases.get(each)
        except KnowledgeBaseNotFound:
            continue
    return None


async def base_of(
    knowledge: KnowledgeService, grant: Grant | None, name: str, level: str = READ, *, data: Any = None
) -> KnowledgeBase:
    """Find a base like `permanent_base`, on routes where Chatchat also rejects path traversal."""
    return await permanent_base(knowledge, grant, checked_name(name, data), level, data=data)


async def permanent_base(
    knowledge: KnowledgeService, grant: Grant | None, name: str, level: str = READ, *, data: Any = None
) -> KnowledgeBase:
    """Find a base that the key may use and that is not temporary. Raises `PermissionDenied` and `ChatchatRefused`."""
    check_access(grant, unquote(name), level)
    base = await find_base(knowledge, name)
    if base is None or base.temporary:
        raise ChatchatRefused(404, f"未找到知识库 {name}", data)
    check_access(grant, base.name, level)
    return base


def launched_models(parts: Parts, kind: ModelType, grant: Grant | None = None) -> dict[str, ModelView]:
    """Return the models of a type by uid, in any state, that the key may see."""
    return {
        view.desired.uid: view
        for view in parts.deployments.views()
        if view.desired.launch.model.type is kind and (grant is None or grant.sees(view.desired.uid))
    }


def ready_models(parts: Parts, kind: ModelType, grant: Grant | None = None) -> list[str]:
    """Return the uids of the models of a type that are ready and that the key may see."""
    models = launched_models(parts, kind, grant)
    return sorted(uid for uid, view in models.items() if view.state is ReplicaState.READY)


def chat_model(parts: Parts, grant: Grant | None, name: str | None) -> str:
    """Choose the chat model: the named one, else any that is ready. Raises `InvalidParameter` and `PermissionDenied`."""
    if name:
        if grant is not None:
            grant.check_model(name)
        return name
    if (uid := parts.gateway.chats(grant)) is not None:
        return uid
    for each in ready_models(parts, ModelType.LLM, grant):
        return each
    raise InvalidParameter("model_name", "no chat model is running; launch one, or name one.")


def embedding_model(parts: Parts, grant: Grant | None, name: str | None) -> str:
    """Choose the embedding model of a new base; empty if none is running that the key may use.

    Raises `ChatchatRefused` if the request names a model that is not running.
    """
    ready = ready_models(parts, ModelType.EMBEDDING, grant)
    if name in ready:
        return str(name)
    if name and name != DEFAULT_EMBEDDING:
        alternatives = f"正在运行：{'、'.join(ready)}" if ready else "没有正在运行的向量模型"
        raise ChatchatRefused(500, f"向量模型 {name} 未运行（{alternatives}）")
    return ready[0] if ready else ""


def caller_models(parts: TheParts, grant: TheGrant) -> ServedModels:
    """Return the server's models, asked with the caller's grant if there is one, so that its limits and usage counts apply."""
    return models_for(parts, grant, admitted=False)


TheModels = Annotated[ServedModels, Depends(caller_models)]
