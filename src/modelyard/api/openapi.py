"""Builds `/openapi.json`: FastAPI's description of the management routes, the gateway's paths, and the error format."""

from __future__ import annotations

import re
from functools import cache
from http import HTTPStatus
from typing import Any

import msgspec
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter

from modelyard import __version__
from modelyard.api.invalid import CHATCHAT
from modelyard.api.routes import ROUTES
from modelyard.dialects.paths import PATHS as DIALECT_PATHS
from modelyard.dialects.paths import FileBytes
from modelyard.gateway.paths import PATHS, BodyFormat
from modelyard.web.router import ManagementRoute

REFERENCE = "#/components/schemas/{name}"
PARAMETER = re.compile(r"\{(\w+)\}")
"""A parameter in a path."""

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
"""Answer of Chatchat's routes to invalid fields: `detail` is FastAPI's list."""

JSON = "application/json"
CONTENT = {BodyFormat.JSON: JSON, BodyFormat.FORM: "multipart/form-data"}

ANYWHERE = (400, 401, 403, 404, 409, 413, 415, 421, 429, 503)
"""Status codes that any operation may return."""
ENGINES = (499, 502, 504)
"""Status codes of operations that wait for an engine."""


@cache
def document() -> dict[str, Any]:
    """The document: the management routes as FastAPI describes them, every path of the gateway, and every error."""
    found = get_openapi(title="Modelyard", version=__version__, routes=ROUTES)
    schemas = found["components"]["schemas"]
    schemas.update(Error=ERROR, FieldErrors=FIELD_ERRORS)
    for name in ("HTTPValidationError", "ValidationError"):  # FastAPI's format of invalid input, which ours replaces
        schemas.pop(name, None)
    for route in ROUTES:
        operation = found["paths"][route.path_format][route.method.lower()]
        _complete_answer(route, operation, schemas)
        _document_errors(operation, (*ANYWHERE, *ENGINES) if route.waits else ANYWHERE)
    _add_gateway(found["paths"], schemas)
    _add_dialects(found["paths"], schemas)
    return found


def _complete_answer(route: ManagementRoute, operation: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add what FastAPI does not describe: server-sent events, and routes that always refuse."""
    if route.refuses:
        del operation["responses"]["200"]
        return
    answer = operation["responses"][str(route.status_code or 200)]
    if route.events is not None:
        if route.response_field is None:
            answer["content"] = {}
        answer["content"]["text/event-stream"] = {"schema": _events(route.events, schemas)}


def _events(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of each server-sent event, whose data is JSON of a type, or plain text."""
    data: dict[str, Any] = {"type": "string"}
    if kind is not str:
        data |= {"contentMediaType": JSON, "contentSchema": _schema(kind, schemas)}
    return {"type": "object", "required": ["data"], "properties": {"data": data}}


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a pydantic model or a type that msgspec encodes; schemas that it refers to are added to `schemas`."""
    if not _is_struct(kind):
        own = TypeAdapter(kind).json_schema(ref_template=REFERENCE.replace("name", "model"), mode="serialization")
        for name, schema in own.pop("$defs", {}).items():
            schemas.setdefault(name, schema)
        if "properties" not in own:
            return own
        schemas.setdefault(own["title"], own)
        return {"$ref": REFERENCE.format(name=own["title"])}
    (schema,), components = msgspec.json.schema_components([kind], ref_template=REFERENCE)
    schemas.update(components)
    return schema


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _add_gateway(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add the paths of the gateway, from its table, with the schemas of their requests and answers."""
    for path, row in PATHS.items():
        content: dict[str, Any] = {
            kind: {"schema": {"type": "string", "format": "binary"} if answer is bytes else _schema(answer, schemas)}
            for kind, answer in row.answers.items()
        }
        if row.events is not None:
            content["text/event-stream"] = {"schema": _events(row.events, schemas)}
        operation = {
            "tags": ["inference"],
            "summary": (row.request.__doc__ or path).strip().splitlines()[0],
            "operationId": path.strip("/").replace("/", "_"),
            "requestBody": {
                "required": True,
                "content": {CONTENT[row.format]: {"schema": _schema(row.request, schemas)}},
            },
            "responses": {"200": {"description": "The engine's answer.", "content": content}},
        }
        _document_errors(operation, (*ANYWHERE, *ENGINES))
        paths[path] = {row.method.lower(): operation}


def _add_dialects(paths: dict[str, Any], schemas: dict[str, Any]) -> None:
    """Add the paths of other vendors' APIs, whose errors have forms of their own."""
    for path, row in DIALECT_PATHS.items():
        content: dict[str, Any] = {JSON: {"schema": _schema(row.answer, schemas)}}
        if row.events is not None and row.stream_type == "text/event-stream":
            content[row.stream_type] = {"schema": _events(row.events, schemas)}
        elif row.events is not None:
            content[row.stream_type] = {"schema": {"type": "string", "description": "Lines of JSON."}}
        if row.error is not None:
            _schema(row.error, schemas)
        operation: dict[str, Any] = {
            "tags": [row.tag],
            "summary": (row.request.__doc__ or path).strip().splitlines()[0],
            "operationId": path.strip("/").replace("/", "_"),
            "responses": {str(row.status): {"description": "The answer.", "content": content}},
        }
        if names := PARAMETER.findall(path):
            operation["parameters"] = [
                {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
            ]
        if row.method == "GET":  # without a body
            operation["summary"] = (row.answer.__doc__ or path).strip().splitlines()[0]
        elif row.request is FileBytes:
            binary = {"type": "string", "format": "binary"}
            operation["requestBody"] = {"required": True, "content": {"application/octet-stream": {"schema": binary}}}
        else:
            schema = _schema(row.request, schemas)
            operation["requestBody"] = {"required": True, "content": {JSON: {"schema": schema}}}
        for status in (*ANYWHERE, *ENGINES, 500):
            name = "Error" if status == 421 or row.error is None else row.error.__name__
            operation["responses"][str(status)] = _described(status, name)
        paths[path] = {row.method.lower(): operation}


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
