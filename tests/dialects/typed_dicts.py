"""What the types of a client's requests contain: names of fields, and values of `type`."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Any

from typing_extensions import is_typeddict


def fields(kind: Any) -> set[str]:
    """The names of the fields of a TypedDict."""
    return set(typing.get_type_hints(kind))


def members(union: Any) -> Iterator[Any]:
    """The alternatives of a union, and of those in it."""
    origin = typing.get_origin(union)
    if origin is typing.Annotated or str(origin).endswith(("Required", "NotRequired")):
        yield from members(typing.get_args(union)[0])
    elif typing.get_args(union) and not isinstance(union, type):
        for each in typing.get_args(union):
            yield from members(each)
    elif isinstance(union, type):
        yield union


def tags(union: Any) -> set[str]:
    """The values of `type` of the alternatives of a union."""
    kinds = [typing.get_type_hints(each).get("type") for each in members(union) if is_typeddict(each)]
    return {value for kind in kinds for value in texts(kind)}


def texts(kind: Any) -> Iterator[str]:
    """The texts in a type such as `Literal["a"]`."""
    for each in typing.get_args(kind):
        if isinstance(each, str):
            yield each
        else:
            yield from texts(each)
