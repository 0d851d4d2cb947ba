"""The OpenAPI document against the code: every operation is there, and every body has a type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from modelyard.api.openapi import document
from modelyard.api.routes import ROUTES
from modelyard.compat.constants import CONSTANT_ROUTES, Refusal
from modelyard.dialects.paths import PATHS as DIALECT_PATHS
from modelyard.gateway.paths import PATHS

Schema = dict[str, Any]

WITHOUT_CONTENT_TYPE = {"/worker_generate_stream", "/fastchat/{uid}/worker_generate_stream"}
"""FastChat sends its values with NUL bytes between them and names no content type, so there is none to describe."""
ANYTHING = {"/v1/images/ocr"}
"""What a model reads in a picture is whatever JSON the model makes of it."""


def untyped(schema: Schema) -> Iterator[Schema]:
    """The schemas in a schema, itself included, that let any value pass."""
    alternatives = [each for name in ("anyOf", "oneOf", "allOf") for each in schema.get(name, [])]
    kind = schema.get("type")
    if alternatives:
        parts = alternatives
    elif kind == "object" and "properties" not in schema:
        values = schema.get("additionalProperties")
        parts = [values] if isinstance(values, dict) else [{}]
    elif kind == "array" and "prefixItems" not in schema:
        parts = [schema.get("items", {})]
    else:
        parts = []
        if not schema.keys() & {"$ref", "type", "const", "enum"}:
            yield schema
    for part in parts:
        yield from untyped(part)


def contents(operation: Schema) -> dict[str, Any]:
    """The contents of an operation's answers, by status, and of its request."""
    answers = {status: answer.get("content", {}) for status, answer in operation["responses"].items()}
    return {**answers, "request": operation.get("requestBody", {}).get("content", {})}


def test_every_body_has_a_type() -> None:
    found = [
        (path, method, where, kind)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        for where, content in contents(operation).items()
        for kind, media in content.items()
        if list(untyped(media.get("schema", {})))
    ]
    assert [each for each in found if each[0] not in ANYTHING] == []


def test_every_answer_has_a_content_type() -> None:
    found = [
        (path, method, status)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
        for status, answer in operation["responses"].items()
        if not answer.get("content")
    ]
    assert {path for path, *_ in found} == WITHOUT_CONTENT_TYPE


def test_every_reference_has_a_schema() -> None:
    schemas = document()["components"]["schemas"]

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from [part["$ref"]] if isinstance(part.get("$ref"), str) else []
            for each in part.values():
                yield from references(each)
        elif isinstance(part, list):
            for each in part:
                yield from references(each)

    missing = {name for each in references(document()) if (name := each.rpartition("/")[2]) not in schemas}
    assert missing == set()


def test_every_operation_is_described() -> None:
    described = {(method.upper(), path) for path, methods in document()["paths"].items() for method in methods}
    routes = {(route.method, route.path_format) for route in ROUTES}
    gateway = {(row.method, path) for path, row in PATHS.items()} | {
        (row.method, path) for path, row in DIALECT_PATHS.items()
    }
    assert described == routes | gateway


def test_a_constant_refusal_names_parts_of_its_path() -> None:
    refusals = [(each.path, each.answer) for each in CONSTANT_ROUTES if isinstance(each.answer, Refusal)]
    assert len(refusals) > 5
    for path, refusal in refusals:
        names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
        assert "{" not in refusal.message.format(**dict.fromkeys(names, "x"))


def test_the_data_of_every_chatchat_response_has_a_type() -> None:
    schemas = document()["components"]["schemas"]
    data = {
        name: each["properties"]["data"]
        for name, each in schemas.items()
        if {"code", "msg", "data"} <= each.get("properties", {}).keys()
    }
    assert "BaseResponse" in data and "ModelConfigResponse" in data
    assert [name for name, schema in data.items() if list(untyped(schema))] == []
    assert "model_path" in schemas["ModelConfig"]["properties"]
