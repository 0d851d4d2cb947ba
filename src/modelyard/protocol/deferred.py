"""The base of all pydantic models."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema


class DeferredModel(BaseModel):
    """A pydantic model whose validator is built when it is first used. The docstrings of its fields describe them in schemas.

    A server has hundreds of these classes. All their validators are 6 MB and a tenth of its start; it needs those of the routes
    that it is asked for. Threads may be the first to use a model together, because pydantic 2.14 and later builds it once
    (https://github.com/pydantic/pydantic/pull/13438). Docstrings are read then, too: pydantic's own `use_attribute_docstrings`
    reads them while modules are imported, which is another tenth.
    """

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler, /) -> CoreSchema:
        for parent in cls.__mro__:
            if issubclass(parent, DeferredModel):
                for name, text in _field_docstrings(parent.__module__).get(parent.__qualname__, {}).items():
                    field = cls.__pydantic_fields__.get(name)
                    if field is not None and field.description is None:
                        field.description = text
        return handler(source)


@cache
def _field_docstrings(module: str) -> dict[str, dict[str, str]]:
    """Name of a class of a module → name of a field → its docstring."""
    tree = ast.parse(inspect.getsource(sys.modules[module]))
    return {node.name: _docstrings(node) for node in tree.body if isinstance(node, ast.ClassDef)}


def _docstrings(node: ast.ClassDef) -> dict[str, str]:
    found = {}
    for pair in pairwise(node.body):
        match pair:
            case ast.AnnAssign(target=ast.Name(id=field)), ast.Expr(value=ast.Constant(value=str(text))):
                found[field] = inspect.cleandoc(text)
    return found
