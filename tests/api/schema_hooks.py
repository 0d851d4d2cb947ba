"""What schemathesis cannot know: names that exist. Half of all requests are about them, so that more is reached than refusals."""

from __future__ import annotations

import os
from typing import Any

import schemathesis

REAL: dict[str, list[str]] = {
    "uid": ["subject", "vectors"],
    "type": ["LLM", "embedding", "rerank", "image", "audio", "video"],
    "model_type": ["LLM", "embedding"],
    "name": ["modelyard-demo", "qwen2.5-instruct", "bge-m3"],
    "model_name": ["modelyard-demo", "qwen2.5-instruct", "bge-m3"],
    "replica_id": ["0"],
}


KEPT = set(os.environ.get("SCHEMA_KEPT", "").split(","))
"""What the run itself lives on: found in one answer, it must not be deleted by the next request."""


@schemathesis.hook
def filter_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> bool:
    """No request deletes what is kept."""
    deletes = context.operation.method.upper() == "DELETE" or context.operation.path.endswith("/cancel")
    return not (deletes and KEPT & {str(value) for value in (path_parameters or {}).values()})


STOPPING = ("/llm_model/stop", "/llm_model/change", "/release_worker")
"""Paths whose bodies name a model that they stop."""


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """No request stops what is kept."""
    return not (context.operation.path in STOPPING and isinstance(body, dict) and body.get("model_name") in KEPT)


@schemathesis.hook
def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Real names in every second request; terminating a real model would leave nothing to ask."""
    if path_parameters is None or context.operation.method.upper() == "DELETE":
        return path_parameters
    chosen = sum(map(ord, repr(path_parameters)))
    if chosen % 2:
        return path_parameters
    return {
        name: REAL[name][chosen % len(REAL[name])] if name in REAL else value for name, value in path_parameters.items()
    }


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """No request follows a log, which has no end while its model runs; tests/api has tests of its own for that."""
    return {**query, "follow": "false"} if query and "follow" in query else query


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Inference requests name a real model in every second request."""
    if isinstance(body, dict) and "model" in body and context.operation.path.startswith("/v1/") and len(repr(body)) % 2:
        return {**body, "model": "vectors" if "embed" in context.operation.path else "subject"}
    return body
