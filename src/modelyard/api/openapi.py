"""What FastAPI cannot know of `/openapi.json`: the gateway's paths, made from its table, and how errors look."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec

from modelyard.api.invalid import CHATCHAT
from modelyard.gateway.paths import PATHS, BodyFormat

REFERENCE = "#/components/schemas/{name}"

ERROR = {
    "title": "Error",
    "type": "object",
    "required": ["error", "detail", "object", "message"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["message", "type", "code", "param"],
            "properties": {
                "message": {"type": "string"},
                "type": {"type": "string"},
                "code": {"type": "string"},
                "param": {"type": ["string", "null"]},
            },
        },
        "detail": {"type": "string", "description": "The message once more, where Xinference's clients look for it."},
        "object": {"const": "error"},
        "message": {"type": "string", "description": "The same, where ms-swift's client looks for it."},
    },
}

FIELD = {
    "type": "object",
    "required": ["type", "loc", "msg"],
    "properties": {
        "type": {"type": "string"},
        "loc": {"type": "array", "items": {"type": ["string", "integer"]}},
        "msg": {"type": "string"},
    },
}
FIELD_ERRORS = {
    **ERROR,
    "title": "FieldErrors",
    "properties": {**ERROR["properties"], "detail": {"type": "array", "items": FIELD}},  # type: ignore[dict-item]
}
"""Answer of Chatchat's routes to wrong fields: `detail` is FastAPI's list."""

CONTENT = {BodyFormat.JSON: "application/json", BodyFormat.FORM: "multipart/form-data"}

ANYWHERE = (400, 401, 403, 404, 409, 413, 415, 421, 429, 503)
"""Statuses that any operation may answer with."""
ENGINES = (499, 502, 504)
"""Statuses of operations that wait for an engine."""
WAITING = {
    ("/v1/load_lora_adapter", "post"),
    ("/v1/models", "post"),
    ("/v1/models/instance", "post"),
    ("/v1/models/{uid}", "delete"),
}
"""Management operations that wait for an engine."""


def completed(document: dict[str, Any]) -> dict[str, Any]:
    """The document with every path of the gateway, and every error that can come."""
    requests = {row.request.__name__: row.request for row in PATHS.values()}
    _, components = msgspec.json.schema_components(requests.values(), ref_template=REFERENCE)
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas.update(components, Error=ERROR, FieldErrors=FIELD_ERRORS)
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's own answer to bad input, which ours replaces
        schemas.pop(name, None)
    for path, row in PATHS.items():
        schema = {"$ref": REFERENCE.format(name=row.request.__name__)}
        document["paths"][path] = {
            row.method.lower(): {
                "tags": ["inference"],
                "summary": (row.request.__doc__ or path).strip().splitlines()[0],
                "operationId": path.strip("/").replace("/", "_"),
                "requestBody": {"required": True, "content": {CONTENT[row.format]: {"schema": schema}}},
                "responses": {"200": {"description": "The engine's answer, as JSON or as server-sent events."}},
            }
        }
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            waits = path in PATHS or (path, method) in WAITING
            _document_errors(operation, (*ANYWHERE, *ENGINES) if waits else ANYWHERE)
            _document_stream(operation, schemas)
    return document


def _document_stream(operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """An operation whose body has `stream` answers with JSON or with events."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    name = body.get("$ref", "").rpartition("/")[2]
    if "stream" in schemas.get(name, {}).get("properties", {}):
        content = operation["responses"]["200"].setdefault("content", {})
        content.setdefault("application/json", {"schema": {}})
        content["text/event-stream"] = {"schema": {}}


def _document_errors(operation: dict[str, Any], statuses: tuple[int, ...]) -> None:
    answers = operation["responses"]
    checks_fields = answers.pop("422", None) is not None
    if checks_fields and CHATCHAT in operation.get("tags", ()):
        answers["422"] = _described(422, "FieldErrors")
    for status in statuses:
        answers.setdefault(str(status), _described(status, "Error"))


def _described(status: int, schema: str) -> dict[str, Any]:
    title = "Client left" if status == 499 else HTTPStatus(status).phrase
    content = {"application/json": {"schema": {"$ref": REFERENCE.format(name=schema)}}}
    return {"description": title, "content": content}
