"""The TypeScript declarations of the API for the web page: `src/modelyard/ui/types/api.d.ts`, which `make docs` writes.

They are made from `/openapi.json`, without the routes that other systems' clients call. A field of an answer that has a default
in Python is always there; in a body it may be left out. A type that stands in both is declared as a body takes it, and an
answer refers to it as `Required<…>`. `Answers` and `Events` list what each route answers, and its server-sent events.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from modelyard.api.openapi import document
from modelyard.api.routes import ROUTES
from modelyard.core.access import SCOPES
from modelyard.dialects.paths import PATHS

NOTICE = "// Written by `make docs` from the Python models; a test holds it against them.\n"
UNCHECKED = {"inference"}
"""Tags of routes whose answers an engine makes, so that a field with a default may be missing."""
FOREIGN = {"chatchat", "fastchat", *(path.tag for path in PATHS.values())} - UNCHECKED
"""Tags of routes that the page never calls."""
WIDTH = 160
"""A comment stands in the line of its field up to this length."""
PLAIN = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
NAME = re.compile(r"[A-Za-z_$][\w$]*")

Schema = dict[str, Any]


def render() -> str:
    """The whole file."""
    writer = _Writer(document())
    scopes = " | ".join(json.dumps(scope) for scope in SCOPES)
    return "\n".join([NOTICE, f"export type Scope = {scopes};\n", *writer.routes(), *writer.declarations()])


class _Writer:
    """Writes the schemas that the page's routes reach, by name."""

    def __init__(self, whole: Schema) -> None:
        self._schemas: dict[str, Schema] = whole["components"]["schemas"]
        self._operations: dict[str, tuple[Schema, bool]] = {}
        """The responses by `METHOD /path`, and whether their fields are always there."""
        self._bodies: set[str] = set()
        """Names that may leave out fields with a default."""
        self._answers: set[str] = set()
        sparse = {
            f"{route.method} {route.path_format}"
            for route in ROUTES
            if route.response_model_exclude_none or route.response_model_exclude_unset
        }
        for path, methods in whole["paths"].items():
            for method, operation in methods.items():
                tags = set(operation.get("tags", ()))
                if tags & FOREIGN:
                    continue
                name = f"{method.upper()} {path.replace(':path}', '}')}"
                strict = not tags & UNCHECKED and name not in sparse
                self._operations[name] = operation["responses"], strict
                self._reach(operation.get("requestBody", {}), self._bodies)
                self._reach(operation["responses"], self._answers if strict else self._bodies)

    def routes(self) -> Iterator[str]:
        """The answer of each route in JSON, and the data of its events."""
        for title, kind in (("Answers", "application/json"), ("Events", "text/event-stream")):
            lines = []
            for name, (responses, strict) in sorted(self._operations.items(), key=lambda item: item[0].split()[::-1]):
                schema = _content(responses, kind)
                if schema:
                    lines.append(f"  {json.dumps(name)}: {self._type(schema, strict, '  ')};")
            yield "\n".join([f"export interface {title} {{", *lines, "}\n"])

    def declarations(self) -> Iterator[str]:
        """Each type, in alphabetical order."""
        for name in sorted(self._bodies | self._answers):
            schema = self._schemas[name]
            strict = name not in self._bodies
            comment = f"{_comment(schema)}\n".lstrip()
            if schema.get("properties"):
                yield f"{comment}export interface {name} {self._object(schema, strict, '')}\n"
            else:
                yield f"{comment}export type {name} = {self._type(schema, strict, '')};\n"

    def _reach(self, schema: Any, found: set[str]) -> None:
        """Add the names of all schemas that one refers to."""
        if isinstance(schema, list):
            for each in schema:
                self._reach(each, found)
        elif isinstance(schema, dict):
            name = _reference(schema)
            if name is not None and name not in found:
                found.add(name)
                self._reach(self._schemas[name], found)
            for each in schema.values():
                self._reach(each, found)

    def _type(self, schema: Schema, strict: bool, indent: str) -> str:
        name = _reference(schema)
        if name is not None:
            return f"Required<{name}>" if strict and name in self._bodies else name
        if "const" in schema:
            return json.dumps(schema["const"])
        if "enum" in schema:
            return " | ".join(json.dumps(each) for each in schema["enum"])
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return " | ".join(dict.fromkeys(self._type(each, strict, indent) for each in schema[union]))
        match schema.get("type"):
            case "object":
                return self._object(schema, strict, indent)
            case "array":
                return self._array(schema, strict, indent)
            case list() as kinds:
                return " | ".join(dict.fromkeys(PLAIN.get(kind, "unknown") for kind in kinds))
            case str() as kind:
                return "Blob" if schema.get("format") == "binary" else PLAIN[kind]
        return "unknown"

    def _object(self, schema: Schema, strict: bool, indent: str) -> str:
        properties: dict[str, Schema] = schema.get("properties", {})
        if not properties:
            values = schema.get("additionalProperties", True)
            kind = self._type(values, strict, indent) if isinstance(values, dict) else "unknown"
            return f"Record<string, {kind}>"
        required = set(properties) if strict else set(schema.get("required", ()))
        lines = []
        for name, field in properties.items():
            key = name if NAME.fullmatch(name) else json.dumps(name)
            mark = "" if name in required else "?"
            line = f"{key}{mark}: {self._type(field, strict, indent + '  ')};"
            comment = _comment(field)
            if comment and len(comment) + len(line) > WIDTH:
                lines.append(f"{indent}  {comment}")
                comment = ""
            lines.append(f"{indent}  {comment}{' ' if comment else ''}{line}")
        return "\n".join(["{", *lines, f"{indent}}}"])

    def _array(self, schema: Schema, strict: bool, indent: str) -> str:
        if "prefixItems" in schema:
            return f"[{', '.join(self._type(each, strict, indent) for each in schema['prefixItems'])}]"
        item = self._type(schema.get("items", {}), strict, indent)
        return f"({item})[]" if "|" in item else f"{item}[]"


def _content(responses: Schema, kind: str) -> Schema | None:
    """The schema of a successful answer of one content type; of an event, the schema of its data."""
    for status, response in responses.items():
        schema: Schema | None = response.get("content", {}).get(kind, {}).get("schema")
        if status.startswith("2") and schema:
            data: Schema = schema.get("properties", {}).get("data", {})
            return data.get("contentSchema", schema) if kind == "text/event-stream" else schema
    return None


def _reference(schema: Schema) -> str | None:
    target = schema.get("$ref")
    return target.rpartition("/")[2] if isinstance(target, str) else None


def _comment(schema: Schema) -> str:
    text = " ".join(str(schema.get("description") or "").split()).replace("*/", "*\\/")
    return f"/** {text} */" if text else ""
