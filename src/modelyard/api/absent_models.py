"""Models that a knowledge base names and nothing answers to: a sentence, with the command that launches one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping

from modelyard.catalog.index import Catalog
from modelyard.core.errors import NotFound
from modelyard.core.types import ModelType, ReplicaState
from modelyard.db.tables import KnowledgeBase
from modelyard.gateway.app import Gateway

KINDS: Mapping[str, tuple[ModelType, str]] = {
    "embedding_model": (ModelType.EMBEDDING, "documents wait for it, and searches use words alone"),
    "rerank_model": (ModelType.RERANK, "hits are not ranked by it"),
    "chat_model": (ModelType.LLM, "questions that name no other model are refused"),
}
"""Column of a base → the type of its model, and what is so without it."""


def why_absent(gateway: Gateway, catalog: Catalog, name: str, kind: ModelType) -> str:
    """Why no model of a name answers, and what to type; empty where one does."""
    state = gateway.state(name)
    if state is ReplicaState.READY:
        return ""
    if state is not None:
        return f"The {kind.lower()} model '{name}' is {state}."
    return f"No {kind.lower()} model '{name}' runs here. Launch it: {launch_command(catalog, name, kind)}"


def launch_command(catalog: Catalog, name: str, kind: ModelType) -> str:
    """The command after which a model answers to a name."""
    typed = f"--model-type {kind}"
    try:
        catalog.get(name, kind)
    except NotFound:
        return f"modelyard launch --model-name FAMILY_OR_PATH --model-uid {shlex.quote(name)} {typed}"
    return f"modelyard launch --model-name {shlex.quote(name)} {typed}"


def warnings(gateway: Gateway, catalog: Catalog, base: KnowledgeBase) -> list[str]:
    """What does not work yet in a base, because a model that it names does not answer."""
    found = []
    for column, (kind, effect) in KINDS.items():
        name = getattr(base, column)
        if name and (why := why_absent(gateway, catalog, name, kind)):
            found.append(f"{why} ({effect} until then)")
    return found
