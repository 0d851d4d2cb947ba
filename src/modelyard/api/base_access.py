"""What a key may do with knowledge bases and models that a path or a body names, beyond what its scopes say."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import Depends, Request

from modelyard.api.deps import Parts, TheGrant, TheKnowledge
from modelyard.api.knowledge import models_of
from modelyard.core.access import READ, Grant, Owner
from modelyard.core.errors import KnowledgeBaseNotFound
from modelyard.gateway.sender import Caller
from modelyard.knowledge.models import ServedModels
from modelyard.knowledge.service import Knowledge


async def check_bases(knowledge: Knowledge, grant: Grant | None, names: Sequence[str], level: str = READ) -> None:
    """Raises `PermissionDenied` for a base that a key may not use in that way, and `KnowledgeBaseNotFound` for a temporary
    base of another owner; for reading, also for one that does not exist, without naming others that the key may not see."""
    for name in names:
        if grant is not None:
            grant.check_base(name, level)
        await _check_private(knowledge, grant, name, missing=level != READ)


async def _named(request: Request, knowledge: TheKnowledge, grant: TheGrant) -> None:
    """The same for the base of a route's path, of which the guard has checked what the key may do."""
    if (name := request.path_params.get("base")) is not None:
        await _check_private(knowledge, grant, name, missing=False)


NamedBase = Depends(_named)
"""Of routers whose paths name a base."""


async def _check_private(knowledge: Knowledge, grant: Grant | None, name: str, *, missing: bool) -> None:
    """`missing` says whether a base that does not exist passes."""
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
    """Raises `PermissionDenied` for a model that a body names and the key may not use; empty names are none."""
    for name in names:
        if grant is not None and name:
            grant.check_model(name)


def models_for(parts: Parts, grant: Grant | None, *, admitted: bool = True) -> ServedModels:
    """The models that a search or an answer asks, so that their tokens count for the key of the request.

    Where it is not `admitted`, each question to a model is checked and counted as a request of the key.
    """
    models = parts.knowledge.models
    assert isinstance(models, ServedModels)
    return models if grant is None else models_of(parts.gateway, models, Caller(grant, admitted=admitted))
