"""Warnings about models that a knowledge base names and that are not running, with the command that launches them."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from modelyard.catalog.index import Catalog
from modelyard.core.errors import NotFound
from modelyard.core.types import ModelType, ReplicaState
from modelyard.db.tables import KnowledgeBase
from modelyard.gateway.app import Gateway

KINDS: Mapping[str, tuple[ModelType, str]] = {
    "embedding_model": (ModelType.EMBEDDING, "documents wait for it, and searches use words only"),
    "rerank_model": (ModelType.RERANK, "hits are not reranked"),
    "chat_model": (ModelType.LLM, "questions that name no other model are refused"),
}
"""Column of a base → the type of its model, and the effect of its absence."""


def why_absent(gateway: Gateway, catalog: Catalog, name: str, kind: ModelType) -> str:
    """Why no model of this name answers, with the command that launches one; empty if one answers."""
    state = gateway.state(name)
    if state is ReplicaState.READY:
        return ""
    if state is not None:
        return f"The {kind.lower()} model '{name}' is {state}."
    here = f"No {kind.lower()} model '{name}' runs here"
    arguments = f"{shlex.quote(name)} --model-type {kind}"
    try:
        catalog.get(name, kind)
    except NotFound:
        launch = f"modelyard launch --model-path /path/to/model --model-uid {arguments}"
        return f"{here}, and the catalog has none of that name. With your files, launch one: {launch}"
    return f"{here}. Launch it: modelyard launch --model-name {arguments}"


def warnings(gateway: Gateway, catalog: Catalog, base: KnowledgeBase) -> list[str]:
    """Sentences about features of a base that do not work because a model that it names is not running."""
    found = []
    for column, (kind, effect) in KINDS.items():
        name = getattr(base, column)
        if name and (why := why_absent(gateway, catalog, name, kind)):
            found.append(f"{why} ({effect} until then)")
    return found
