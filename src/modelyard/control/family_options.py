"""Launch options that a registered family sets: its context length and its adapters. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from modelyard.catalog.find import looks_like_path
from modelyard.catalog.index import Catalog
from modelyard.core.errors import NotFound
from modelyard.core.types import Json, ModelType
from modelyard.protocol.models import LaunchRequest

CONTEXT, ADAPTERS = "n_ctx", "lora"
"""Options of engines. Every engine knows the first one; llama.cpp, whose adapters are GGUF files, has the second one."""
CONTEXT_NAMES = (CONTEXT, "max_model_len", "context_length", "ctx_size")


def options_of_family(request: LaunchRequest, catalog: Catalog, options: Mapping[str, Json]) -> dict[str, Json]:
    """The options that the request's family adds to those that are given."""
    name = request.model_name
    if not name or looks_like_path(name):
        return {}
    try:
        family = catalog.get(name, ModelType.LLM)
    except NotFound:
        return {}
    additions: dict[str, Json] = {}
    if family.default_context_length and not any(each in options for each in CONTEXT_NAMES):
        additions[CONTEXT] = family.default_context_length
    if family.adapters:
        additions[ADAPTERS] = list(family.adapters)
    return additions
