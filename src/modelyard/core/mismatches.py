"""Rewords what msgspec and pydantic say about values of a wrong type, for people who do not know Python's types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import inspect

FRACTION: Final = "a number with a fraction"
TYPES: Mapping[str, str] = {
    "int": "an integer",
    "float": "a number",
    "str": "a text",
    "bytes": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}
"""msgspec's names of types → those in sentences."""

EXPECTED = re.compile(r"^Expected `(?P<kind>[^`]+)`(?P<rest>.*)$", re.DOTALL)
FOUND_TYPE = re.compile(r"^, got `(?P<type>\w+)`$")
LENGTH = re.compile(r"^ of length (?P<sign>>=|<=)? ?(?P<number>\d+)$")
BOUND = re.compile(r"^ (?P<sign>>=|<=|>|<) (?P<number>\S+)$")
CHOICE = re.compile(r"^Invalid (?:enum )?value (?P<value>.+)$", re.DOTALL)
STEP = re.compile(r"[^.\[\]]+|\[[^\]]*\]")
BOUNDS: Mapping[str, str] = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
UNITS: Mapping[str, str] = {"str": "characters", "array": "items", "object": "fields"}
MOST_CHOICES = 20

SUBJECT = re.compile(r"^(Input|Value|String|List|Dictionary|Number|Bytes|Tuple|Set|Data|JSON|Datetime) should ")
PARSED = re.compile(r", (?:unable to (?:parse|interpret)|got a number with a fractional part).*$", re.DOTALL)
NAMED: Mapping[str, str] = {
    "a valid integer": "an integer",
    "a valid number": "a number",
    "a valid string": "a text",
    "a valid boolean": "true or false",
    "a valid list": "a list",
    "a valid dictionary": "an object",
}
"""Pydantic's names of types → those in sentences."""


def reworded(sentence: str, kind: type | None = None, place: str = "") -> str:
    """A sentence of msgspec without its place, with the value as its subject and without a full stop.

    `kind` and `place` are the type that was decoded and the place in it, from which the choices of an enumeration are listed.
    """
    if choice := CHOICE.match(sentence):
        values = list(_choices(kind, place)) if kind is not None else []
        listed = f"one of {', '.join(values[:MOST_CHOICES])}" if values else "one of its known values"
        return f"it must be {listed}, not {choice['value']}"
    if not (match := EXPECTED.match(sentence)):
        return sentence
    names, rest = match["kind"].split(" | "), match["rest"]
    expected = " or ".join(TYPES.get(name, name) for name in names)
    if match := FOUND_TYPE.match(rest):
        there = (
            FRACTION if match["type"] == "float" and "float" not in names else TYPES.get(match["type"], match["type"])
        )
        return f"it must be {expected}, not {there}"
    unit = UNITS.get(names[0], "items")
    if length := LENGTH.match(rest):
        bound = BOUNDS[length["sign"]] if length["sign"] else "exactly"
        return f"it must have {bound} {length['number']} {unit if length['number'] != '1' else unit.removesuffix('s')}"
    if bound_found := BOUND.match(rest):
        return f"it must be {expected}, {BOUNDS[bound_found['sign']]} {bound_found['number'].removesuffix('.0')}"
    return f"it must be {expected}{rest}"


def field_problem(kind: str, text: str) -> str:
    """What pydantic says about a field, by the type and the text of its error, with the field as its subject."""
    if kind == "missing":
        return "it is required"
    if kind == "extra_forbidden":
        return "there is no such field here"
    text = text.removeprefix("Value error, ").removeprefix("Assertion failed, ").replace(" after validation", "")
    text = PARSED.sub("", SUBJECT.sub("it should ", text).rstrip("."))
    for theirs, ours in NAMED.items():
        text = text.replace(theirs, ours)
    return text


def _choices(kind: Any, place: str) -> Iterator[str]:
    """The values that an enumeration or a `Literal` at a place of a type may have."""
    nodes = [inspect.type_info(kind)]
    for step in STEP.findall(place):
        nodes = [each for node in nodes for each in _inner(node, step)]
    for node in nodes:
        if isinstance(node, inspect.EnumType):
            yield from (str(each.value) for each in node.cls)
        elif isinstance(node, inspect.LiteralType):
            yield from map(str, node.values)


def _inner(node: inspect.Type, step: str) -> Iterator[inspect.Type]:
    """The types at a step of a place: of a field of a struct, of an item, of a value."""
    match node:
        case inspect.StructType():
            types = [each.type for each in node.fields if each.encode_name == step]
        case inspect.ListType() | inspect.SetType() | inspect.VarTupleType():
            types = [node.item_type]
        case inspect.DictType():
            types = [node.value_type]
        case _:
            types = []
    for each in types:
        yield from _members(each)


def _members(node: inspect.Type) -> Iterator[inspect.Type]:
    """The types of a union; else the type itself."""
    if isinstance(node, inspect.UnionType):
        yield from node.types
    elif isinstance(node, inspect.Metadata):
        yield from _members(node.type)
    else:
        yield node
