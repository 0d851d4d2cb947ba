"""What Chatchat's routes share: its answers and its errors, names of bases, and which models stand for its defaults."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from modelyard.api.base_access import models_for
from modelyard.api.deps import Parts, TheGrant, TheParts
from modelyard.api.router import Route
from modelyard.control.views import ModelView
from modelyard.core.access import READ, Grant
from modelyard.core.errors import InvalidKey, InvalidParameter, KnowledgeBaseNotFound, ModelyardError, PermissionDenied
from modelyard.core.errors import Refused as Refused
from modelyard.core.types import ModelType, ReplicaState
from modelyard.db.tables import KnowledgeBase
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import Knowledge

DEFAULT_EMBEDDING = "bge-large-zh-v1.5"
"""What Chatchat's clients name where nobody chose; any embedding model stands for it."""
ATTACK = "Don't attack me"


class BaseResponse(BaseModel):
    """Every answer that is no stream. HTTP says 200; `code` says how it went."""

    code: int = 200
    msg: str = "success"
    data: Any = None


class ListResponse(BaseResponse):
    """The same with names."""

    data: list[str] = []


class ChatchatRoute(Route):
    """A route whose errors are `{"code", "msg", "data"}` with status 200, but for what a key may not do."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler with its errors rendered."""
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await plain(request)
            except (PermissionDenied, InvalidKey):
                raise
            except Refused as error:
                return JSONResponse({"code": error.number, "msg": error.message, "data": error.data})
            except ModelyardError as error:
                return JSONResponse({"code": error.status, "msg": error.message, "data": None})

        return handle


def allow(grant: Grant | None, base: str, level: str = READ) -> None:
    """Raises `PermissionDenied` if the key of a request may not use a base so."""
    if grant is not None:
        grant.check_base(base, level)


def checked(name: str, data: Any = None) -> str:
    """A base's name. Raises `Refused` for what Chatchat took for an attack."""
    if "../" in name:
        raise Refused(403, ATTACK, data)
    return name


async def find(knowledge: Knowledge, name: str) -> KnowledgeBase | None:
    """The base of a name, percent-encoded or not; None where there is none."""
    for each in dict.fromkeys((name, unquote(name))):
        try:
            return await knowledge.bases.get(each)
        except KnowledgeBaseNotFound:
            continue
    return None


async def base_of(
    knowledge: Knowledge, grant: Grant | None, name: str, level: str = READ, *, data: Any = None
) -> KnowledgeBase:
    """As `lasting`, for routes where Chatchat looks for attacks. Raises `PermissionDenied` and `Refused`."""
    return await lasting(knowledge, grant, checked(name, data), level, data=data)


async def lasting(
    knowledge: Knowledge, grant: Grant | None, name: str, level: str = READ, *, data: Any = None
) -> KnowledgeBase:
    """A base that the key may use, and that was not made for one talk. Raises `PermissionDenied` and `Refused`."""
    allow(grant, unquote(name), level)
    found = await find(knowledge, name)
    if found is None or found.temporary:
        raise Refused(404, f"未找到知识库 {name}", data)
    allow(grant, found.name, level)
    return found


def launched(parts: Parts, kind: ModelType, grant: Grant | None = None) -> dict[str, ModelView]:
    """Every model of a kind by uid, whatever its state, that the key may know of."""
    return {
        view.desired.uid: view
        for view in parts.deployments.views()
        if view.desired.launch.model.type is kind and (grant is None or grant.sees(view.desired.uid))
    }


def running(parts: Parts, kind: ModelType, grant: Grant | None = None) -> list[str]:
    """Those of them that answer now."""
    found = launched(parts, kind, grant)
    return sorted(uid for uid, view in found.items() if view.state is ReplicaState.READY)


def chat_model(parts: Parts, grant: Grant | None, name: str | None) -> str:
    """The model that shall answer: the one named, else any that chats. Raises `InvalidParameter`, `PermissionDenied`."""
    if name:
        if grant is not None:
            grant.check_model(name)
        return name
    if (found := parts.gateway.chats(grant)) is not None:
        return found
    for each in running(parts, ModelType.LLM, grant):
        return each
    raise InvalidParameter("model_name", "no chat model is running; launch one, or name one.")


def embedding_model(parts: Parts, grant: Grant | None, name: str | None) -> str:
    """The embedding model of a new base, one that the key may use, empty for none.

    Raises `Refused` for one that was chosen and does not run.
    """
    there = running(parts, ModelType.EMBEDDING, grant)
    if name in there:
        return str(name)
    if name and name != DEFAULT_EMBEDDING:
        have = f"正在运行：{'、'.join(there)}" if there else "没有正在运行的向量模型"
        raise Refused(500, f"向量模型 {name} 未运行（{have}）")
    return there[0] if there else ""


def served(parts: TheParts, grant: TheGrant) -> ServedModels:
    """The models of this server, asked with the key of the request where keys are asked for: its limits and counts hold."""
    return models_for(parts, grant, admitted=False)


TheModels = Annotated[ServedModels, Depends(served)]
