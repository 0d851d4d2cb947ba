"""The inference paths in `/openapi.json`: made from the gateway's table, because the gateway itself is no FastAPI app."""

from __future__ import annotations

from typing import Any

import msgspec

from modelyard.gateway.paths import PATHS

REFERENCE = "#/components/schemas/{name}"


def with_inference_paths(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every path of the gateway added."""
    requests = {row.request.__name__: row.request for row in PATHS.values()}
    _, components = msgspec.json.schema_components(requests.values(), ref_template=REFERENCE)
    document.setdefault("components", {}).setdefault("schemas", {}).update(components)
    for path, row in PATHS.items():
        schema = {"$ref": REFERENCE.format(name=row.request.__name__)}
        document["paths"][path] = {
            row.method.lower(): {
                "tags": ["inference"],
                "summary": (row.request.__doc__ or path).strip().splitlines()[0],
                "operationId": path.strip("/").replace("/", "_"),
                "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
                "responses": {"200": {"description": "The engine's answer, as JSON or as server-sent events."}},
            }
        }
    return document
