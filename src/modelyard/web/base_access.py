"""Checks a key's access to the knowledge bases and models that a path or a body names, in addition to its scopes."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Depends, Request

from modelyard.core.access import READ, Grant, Owner
from modelyard.core.errors import KnowledgeBaseNotFound
from modelyard.core.types import ModelType, ReplicaState
from modelyard.gateway.app import Gateway
from modelyard.gateway.sender import Caller
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import KnowledgeService
from modelyard.web.deps import Parts, TheGrant, TheKnowledge


async def check_bases(
    knowledge: KnowledgeService, grant: Grant | None, names: Sequence[str], level: str = READ
) -> None:
    """Raise `PermissionDenied` for a base that a key may not use at this level, and `KnowledgeBaseNotFound` for a temporary
    base of another owner; for reading, also for one that does not exist, without suggesting bases that the key may not see."""
    for name in names:
        if grant is not None:
            grant.check_base(name, level)
        await _check_private(knowledge, grant, name, missing=level != READ)


async def _named(request: Request, knowledge: TheKnowledge, grant: TheGrant) -> None:
    """Check the owner of a temporary base in a route's path. The guard has checked the key already."""
    if (name := request.path_params.get("base")) is not None:
        await _check_private(knowledge, grant, name, missing=False)


NamedBase = Depends(_named)
"""Dependency of routers whose paths name a base."""


async def _check_private(knowledge: KnowledgeService, grant: Grant | None, name: str, *, missing: bool) -> None:
    """Raise `KnowledgeBaseNotFound` for a temporary base of another owner and, unless `missing` is set, for an unknown base."""
    try:
        base = await knowledge.bases.known(name)
    except KnowledgeBaseNotFound:
        if missing:
            return
        if grant is None or grant.bases is None:
            raise
        raise KnowledgeBaseNotFound(
            name
        ) from None  # without the suggestions of the first error, which the key may not see
    if base.temporary and not Owner.of(grant).sees(base.owner):
        raise KnowledgeBaseNotFound(name)


def check_models(grant: Grant | None, *names: str | None) -> None:
    """Raise `PermissionDenied` for a model that the key may not use. Empty names are ignored."""
    for name in names:
        if grant is not None and name:
            grant.check_model(name)


def ready_embedding_model(parts: Parts, grant: Grant | None) -> str:
    """An embedding model that is ready and that the key may use; empty if there is none: words alone are searched then."""
    ready = [
        view.desired.uid
        for view in parts.deployments.views()
        if view.desired.launch.model.type is ModelType.EMBEDDING and view.state is ReplicaState.READY
    ]
    return next((uid for uid in sorted(ready) if grant is None or grant.sees(uid)), "")


def models_for(parts: Parts, grant: Grant | None, *, admitted: bool = True) -> ServedModels:
    """The models for a search or an answer, with tokens counted for the key of the request.

    If the request is not `admitted`, each call of a model is checked and counted as a request of the key.
    """
    models = parts.knowledge.models
    assert isinstance(models, ServedModels)
    if grant is None:  # nobody's tokens are counted, so queries may share a request; what models answer is listed
        return models.on_behalf_of(parts.gateway.sender(Caller()), alone=False, rankers=parts.gateway.rankers)
    return models_of(parts.gateway, models, Caller(grant, admitted=admitted))


def models_of(gateway: Gateway, models: ServedModels, caller: Caller) -> ServedModels:
    """Models for a caller. Embedding requests of a caller with a token limit are not merged with others, so that all count."""
    alone = not caller.admitted or (caller.grant is not None and caller.grant.counts_tokens)
    return models.on_behalf_of(gateway.sender(caller), alone=alone, rankers=lambda: gateway.rankers(caller.grant))
