"""What a key may do with knowledge bases and models that a path or a body names, beyond what its scopes say."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Depends, Request

from modelyard.core.access import READ, Grant, Owner
from modelyard.core.errors import KnowledgeBaseNotFound
from modelyard.gateway.app import Gateway
from modelyard.gateway.sender import Caller
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import KnowledgeService
from modelyard.web.deps import Parts, TheGrant, TheKnowledge


async def check_bases(
    knowledge: KnowledgeService, grant: Grant | None, names: Sequence[str], level: str = READ
) -> None:
    """Raises `PermissionDenied` for a base that a key may not use in that way, and `KnowledgeBaseNotFound` for a temporary
    base of another owner; for reading, also for one that does not exist, without naming others that the key may not see."""
    for name in names:
        if grant is not None:
            grant.check_base(name, level)
        await _check_private(knowledge, grant, name, missing=level != READ)


async def _named(request: Request, knowledge: TheKnowledge, grant: TheGrant) -> None:
    """Check a temporary base in a route's path for its owner. The guard has checked the key."""
    if (name := request.path_params.get("base")) is not None:
        await _check_private(knowledge, grant, name, missing=False)


NamedBase = Depends(_named)
"""Dependency of routers whose paths name a base."""


async def _check_private(knowledge: KnowledgeService, grant: Grant | None, name: str, *, missing: bool) -> None:
    """Raises `KnowledgeBaseNotFound` for a temporary base of another owner and, unless `missing` is set, for an unknown base."""
    try:
        base = await knowledge.bases.known(name)
    except KnowledgeBaseNotFound:
        if missing:
            return
        if grant is None or grant.bases is None:
            raise
        raise KnowledgeBaseNotFound(name) from None  # the first one suggests bases that the key may not see
    if base.temporary and not Owner.of(grant).sees(base.owner):
        raise KnowledgeBaseNotFound(name)


def check_models(grant: Grant | None, *names: str | None) -> None:
    """Raises `PermissionDenied` for a model that the key may not use. Empty names are ignored."""
    for name in names:
        if grant is not None and name:
            grant.check_model(name)


def models_for(parts: Parts, grant: Grant | None, *, admitted: bool = True) -> ServedModels:
    """The models for a search or an answer, whose tokens count for the key of the request.

    Where it is not `admitted`, each question to a model is checked and counted as a request of the key.
    """
    models = parts.knowledge.models
    assert isinstance(models, ServedModels)
    return models if grant is None else models_of(parts.gateway, models, Caller(grant, admitted=admitted))


def models_of(gateway: Gateway, models: ServedModels, caller: Caller) -> ServedModels:
    """Models for a caller. A caller with a token limit shares no embedding request with others, so that all are counted."""
    alone = not caller.admitted or (caller.grant is not None and caller.grant.counts_tokens)
    return models.on_behalf_of(gateway.sender(caller), alone=alone)
