"""Bodies of answers that msgspec encodes and FastAPI documents from the same struct definition."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any, get_type_hints

import msgspec
from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


class Documented(msgspec.Struct, frozen=True):
    """A struct whose fields, with the docstrings below them, become a schema of `/openapi.json`.

    A route names it as its `response_model` and answers with bytes that msgspec wrote, which have every field but those
    that are `UNSET`.
    """

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        hints = get_type_hints(cls)
        fields = {
            field.encode_name: core_schema.typed_dict_field(handler.generate_schema(hints[field.name]), required=True)
            for field in msgspec.structs.fields(cls)
            if field.default is not msgspec.UNSET
        }
        return core_schema.typed_dict_schema(fields, ref=f"{cls.__module__}.{cls.__qualname__}")

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        document = handler(schema)
        described = handler.resolve_ref_schema(document)
        described |= {"title": cls.__name__, "description": inspect.getdoc(cls)}
        for name, text in _field_texts(cls).items():
            described["properties"].get(name, {})["description"] = text
        return document


def _field_texts(cls: type) -> dict[str, str]:
    """The docstring below each field of a struct and of those it extends."""
    found: dict[str, str] = {}
    for each in reversed([base for base in cls.__mro__ if issubclass(base, Documented) and base is not Documented]):
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(each))).body
        assert isinstance(tree, ast.ClassDef)
        for field, below in zip(tree.body, tree.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
                found[field.target.id] = inspect.cleandoc(ast.literal_eval(below.value))
    return found
