"""Checks that llama.cpp enforces a JSON schema, and rewrites or refuses keywords that it would ignore. Pure.

llama.cpp converts a schema to a grammar and ignores what it does not know. So a schema is walked like its converter does
(`common/json-schema.cpp`), and a keyword that would not be enforced is refused with its position. What can be expressed otherwise
is rewritten: patterns, one-sided bounds of integers, an `allOf` of one schema. Annotations pass.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from modelyard.engines.llama_cpp import patterns
from modelyard.engines.llama_cpp.plans import Body, RequestRefused, whole_number

DEEPEST = 64
MOST_FORMS = 1000
"""Maximum number of alternatives, values and properties of a schema: llama.cpp examines each for every token."""
MOST_COMPARED = 20_000
"""Maximum number of comparisons between alternatives of `oneOf`, so that no schema blocks the replica."""
LARGEST = 10**15 - 1
"""Numbers with more than fifteen digits are not exact everywhere."""

INDEX = re.compile("[0-9]{1,9}")
"""A position in a list, in a reference."""

NUMERIC = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})
TEXTUAL = frozenset({"pattern", "minLength", "maxLength", "format"})
LISTED = frozenset(
    {"items", "prefixItems", "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains",
     "unevaluatedItems", "additionalItems"}
)  # fmt: skip
KEYED = frozenset(
    {"properties", "required", "additionalProperties", "minProperties", "maxProperties", "patternProperties", "propertyNames",
     "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties"}
)  # fmt: skip
COMBINED = frozenset({"allOf", "anyOf", "oneOf", "not", "if", "then", "else", "const", "enum", "$ref", "$dynamicRef"})
EVERYWHERE = frozenset({"not", "if", "then", "else", "$dynamicRef", "allOf"})
"""Keywords that apply to values of every type, and are enforced for none."""

HELD: Mapping[str, frozenset[str]] = {
    "string": frozenset({"pattern", "minLength", "maxLength", "format"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "number": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
    "array": frozenset({"items", "prefixItems", "minItems", "maxItems"}),
    "object": frozenset({"properties", "required", "additionalProperties"}),
}
"""Type → keywords that llama.cpp enforces."""
ABOUT: Mapping[str, frozenset[str]] = {
    "string": TEXTUAL, "integer": NUMERIC, "number": NUMERIC, "boolean": frozenset(), "null": frozenset(), "array": LISTED,
    "object": KEYED,
}  # fmt: skip
"""Type → keywords that apply to its values; others have no meaning for them."""
FORMATS = frozenset({"date", "time", "date-time", "uuid"})
NEUTRAL: Mapping[str, tuple[Any, ...]] = {
    "uniqueItems": (False,), "multipleOf": (1,), "minProperties": (0,), "minContains": (0,), "unevaluatedProperties": (True, {}),
    "unevaluatedItems": (True, {}), "additionalItems": (True, {}), "propertyNames": (True, {}), "patternProperties": ({},),
    "dependentRequired": ({},), "dependentSchemas": ({},), "dependencies": ({},),
}  # fmt: skip
"""Keyword → value without effect."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_filled(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 0


def _names_types(value: Any) -> bool:
    return _is_text(value) or (_are_texts(value) and _is_filled(value))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


SHAPES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), (whole_number, "must be a whole number.")),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), (_is_number, "must be a number.")),
    **dict.fromkeys(("pattern", "format", "$ref"), (_is_text, "must be a text.")),
    **dict.fromkeys(("enum", "oneOf", "anyOf"), (_is_filled, "must be a list, and not an empty one.")),
    "required": (_are_texts, "must be a list of texts."),
    "properties": (_is_object, "must be an object."),
    "type": (_names_types, "must be a text or a list of texts."),
}
"""Keyword → test of its value, and the message if it fails."""


def held(schema: Body, param: str, place: str) -> Body:
    """The schema as llama.cpp enforces it. Raises `RequestRefused` for `param`, with the position in the schema."""
    walk = _Walk(schema, param, place)
    walk.node(schema, place, 0)
    return schema


class _Walk:
    """Processes one schema, in place."""

    def __init__(self, root: Body, param: str, place: str) -> None:
        self._root = root
        self._param = param
        self._place = place
        self._seen: set[int] = set()
        self._compared = 0
        self._alike = dict.fromkeys(("enum", "anyOf", "oneOf", "properties"), 0)

    def refuse(self, place: str, why: str) -> RequestRefused:
        return RequestRefused(self._param, f"llama.cpp cannot hold an answer to '{place}': {why}")

    def node(self, schema: Any, place: str, depth: int) -> None:
        if not isinstance(schema, dict):
            raise self.refuse(place, "a schema must be an object.")
        if depth > DEEPEST:
            raise self.refuse(place, "it is nested too deeply.")
        if id(schema) in self._seen:
            return
        self._seen.add(id(schema))
        self._unfold(schema)
        for key, (fits, problem) in SHAPES.items():
            if key in schema and not fits(schema[key]):
                raise self.refuse(f"{place}.{key}", problem)
        self._count(schema, place)
        if "$ref" in schema:
            self._only(schema, place, {"$ref"})
            self.node(self._target(schema["$ref"], f"{place}.$ref"), f"{place}.$ref", depth + 1)
        elif "oneOf" in schema or "anyOf" in schema:
            self._alternatives(schema, place, depth)
        elif isinstance(schema.get("type"), list):
            self._types(schema, place, depth)
        elif "const" in schema or "enum" in schema:
            self._values(schema, place)
        else:
            self._typed(schema, place, depth)

    def _count(self, schema: Body, place: str) -> None:
        for key in self._alike:
            self._alike[key] += len(schema.get(key, ()))
            if self._alike[key] > MOST_FORMS:
                raise self.refuse(f"{place}.{key}", f"at most {MOST_FORMS:,} in a schema.")

    def _unfold(self, schema: Body) -> None:
        """Replace a parent without other keywords by the single schema of its `allOf`."""
        inner = schema.get("allOf")
        while (
            isinstance(inner, list)
            and len(inner) == 1
            and isinstance(inner[0], dict)
            and not self._others(schema, {"allOf"})
        ):
            schema.pop("allOf")
            schema.update(inner[0])
            inner = schema.get("allOf")

    @staticmethod
    def _others(schema: Body, but: set[str]) -> list[str]:
        constraints = NUMERIC | TEXTUAL | LISTED | KEYED | COMBINED | {"type"}
        return [key for key in schema if key in constraints and key not in but and not _asks_nothing(key, schema[key])]

    def _only(self, schema: Body, place: str, keys: set[str]) -> None:
        """Refuse other keywords beside `keys`, because llama.cpp ignores them."""
        if others := self._others(schema, keys):
            key = next(each for each in schema if each in keys)
            raise self.refuse(f"{place}.{others[0]}", f"it is ignored beside '{key}'.")

    def _target(self, ref: str, place: str) -> Any:
        if not ref.startswith("#/"):
            raise self.refuse(place, "a reference must begin with '#/'.")
        found: Any = self._root
        for step in ref.split("/")[1:]:
            if isinstance(found, dict) and step in found:
                found = found[step]
            elif isinstance(found, list) and INDEX.fullmatch(step) and int(step) < len(found):
                found = found[int(step)]
            else:
                raise self.refuse(place, f"there is nothing at '{ref}'.")
        return found

    def _alternatives(self, schema: Body, place: str, depth: int) -> None:
        key = "oneOf" if "oneOf" in schema else "anyOf"
        self._only(schema, place, {key, "type"})
        alternatives = schema[key]
        for number, each in enumerate(alternatives):
            self.node(each, f"{place}.{key}.{number}", depth + 1)
        if "type" in schema and any(each.get("type") != schema["type"] for each in map(self._resolved, alternatives)):
            raise self.refuse(f"{place}.type", f"it is ignored beside '{key}'.")
        if key == "oneOf":
            self._check_apart([self._resolved(each) for each in alternatives], f"{place}.oneOf")

    def _resolved(self, schema: Body) -> Body:
        for _ in range(DEEPEST):
            if not isinstance(schema.get("$ref"), str):
                break
            found = self._target(schema["$ref"], self._place)
            schema = found if isinstance(found, dict) else {}
        return schema

    def _check_apart(self, schemas: list[Body], place: str) -> None:
        for number, one in enumerate(schemas):
            for other in schemas[number + 1 :]:
                if not self._apart(one, other):
                    many = self._compared > MOST_COMPARED
                    why = "they are too many to compare" if many else "a value may fit several of them"
                    raise self.refuse(place, f"{why}, so use 'anyOf'.")

    def _apart(self, a: Body, b: Body, depth: int = 0) -> bool:
        """Whether no value satisfies both schemas: by type, by listed values, or by those of a property that both require.

        False if unknown, and after `MOST_COMPARED` comparisons.
        """
        self._compared += max(1, len(_values_of(a) or ())) * max(1, len(_values_of(b) or ()))
        if self._compared > MOST_COMPARED:
            return False
        if (kinds := (_kinds(a), _kinds(b))) and kinds[0] and kinds[1] and not kinds[0] & kinds[1]:
            return True
        values = (_values_of(a), _values_of(b))
        if values[0] is not None and values[1] is not None:
            return not any(value in values[1] for value in values[0])
        shared = set(a.get("required") or ()) & set(b.get("required") or ())
        pairs = [(a.get("properties", {}).get(name), b.get("properties", {}).get(name)) for name in shared]
        return depth < DEEPEST and any(
            self._apart(self._resolved(one), self._resolved(other), depth + 1)
            for one, other in pairs
            if isinstance(one, dict) and isinstance(other, dict)
        )

    def _types(self, schema: Body, place: str, depth: int) -> None:
        """Convert a list of types to an alternative per type, with equal keywords."""
        for kind in schema["type"]:
            if kind not in HELD:
                raise self.refuse(f"{place}.type", f"there is no type {kind!r}.")
        if "const" in schema or "enum" in schema:
            schema.pop("type")  # implied by its values
            self._values(schema, place)
            return
        alternatives = [{**schema, "type": kind} for kind in dict.fromkeys(schema.pop("type"))]
        schema["anyOf"] = alternatives
        for key in list(self._others(schema, {"anyOf"})):
            schema.pop(key)
        for each in alternatives:
            self._typed(each, place, depth)

    def _values(self, schema: Body, place: str) -> None:
        key = "const" if "const" in schema else "enum"
        self._only(schema, place, {key, "type"})
        values = [schema["const"]] if key == "const" else schema["enum"]
        if "type" in schema and any(schema["type"] not in _kinds_of(value) for value in values):
            raise self.refuse(f"{place}.type", f"'{key}' has a value of another type.")

    def _typed(self, schema: Body, place: str, depth: int) -> None:
        kind = schema.get("type") or self._implied(schema)
        if kind is None:
            self._only_annotated(schema, place)
            return
        if not isinstance(kind, str) or kind not in HELD:
            raise self.refuse(f"{place}.type", f"there is no type {kind!r}.")
        for key in schema:
            if key in EVERYWHERE or (
                key in ABOUT[kind] and key not in HELD[kind] and not _asks_nothing(key, schema[key])
            ):
                raise self.refuse(f"{place}.{key}", "it would be ignored.")
        schema["type"] = kind
        CHECKS.get(kind, _Walk._nothing)(self, schema, place, depth)

    def _only_annotated(self, schema: Body, place: str) -> None:
        if others := self._others(schema, set()):
            raise self.refuse(f"{place}.{others[0]}", "it would be ignored, for the schema names no type.")

    @staticmethod
    def _implied(schema: Body) -> str | None:
        """The type that llama.cpp assumes for a schema without one."""
        if "properties" in schema or schema.get("additionalProperties", True) is not True:
            return "object"
        if "items" in schema or "prefixItems" in schema:
            return "array"
        if "pattern" in schema or "minLength" in schema or "maxLength" in schema or schema.get("format") in FORMATS:
            return "string"
        return None

    def _nothing(self, schema: Body, place: str, depth: int) -> None:
        """All keywords for values of this type were refused before."""

    def _string(self, schema: Body, place: str, depth: int) -> None:
        if "pattern" in schema:
            for key in ("minLength", "maxLength", "format"):
                if key in schema:
                    raise self.refuse(f"{place}.{key}", "it is ignored beside 'pattern'.")
            try:
                schema["pattern"] = patterns.held(schema["pattern"])
            except patterns.NotHeld as error:
                raise self.refuse(f"{place}.pattern", f"its grammars have no {error}.") from None
        if "format" in schema:
            if schema["format"] not in FORMATS:
                raise self.refuse(f"{place}.format", f"it knows the formats {', '.join(sorted(FORMATS))}.")
            for key in ("minLength", "maxLength"):
                if key in schema:
                    raise self.refuse(f"{place}.{key}", "it is ignored beside 'format'.")

    def _integer(self, schema: Body, place: str, depth: int) -> None:
        for one, other in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
            if one in schema and other in schema:
                raise self.refuse(f"{place}.{other}", f"it is ignored beside '{one}'.")
        below, above = (
            ("minimum" in schema or "exclusiveMinimum" in schema),
            ("maximum" in schema or "exclusiveMaximum" in schema),
        )
        if below and not above:
            schema["maximum"] = LARGEST
        elif above and not below:
            schema["minimum"] = -LARGEST

    def _array(self, schema: Body, place: str, depth: int) -> None:
        items, ahead = schema.get("items"), schema.get("prefixItems")
        if ahead is not None and items is False:
            schema.pop("items")  # llama.cpp would treat it as a tuple
            items = None
        if ahead is not None and items is not None:
            raise self.refuse(f"{place}.prefixItems", "it is ignored beside 'items'.")
        if isinstance(items, bool):
            raise self.refuse(f"{place}.items", "a schema must be an object.")
        tuple_ = ahead if ahead is not None else items if isinstance(items, list) else None
        if tuple_ is not None:
            if not isinstance(tuple_, list):
                raise self.refuse(f"{place}.prefixItems", "it must be a list of schemas.")
            if not schema.get("minItems", 0) <= len(tuple_) <= schema.get("maxItems", sys.maxsize):
                raise self.refuse(f"{place}.minItems", "it holds lists of as many values as there are schemas.")
            for number, each in enumerate(tuple_):
                self.node(each, f"{place}.{'items' if ahead is None else 'prefixItems'}.{number}", depth + 1)
        elif items is not None:
            self.node(items, f"{place}.items", depth + 1)

    def _object(self, schema: Body, place: str, depth: int) -> None:
        properties = schema.get("properties", {})
        for name in schema.get("required") or ():
            if name not in properties:
                raise self.refuse(f"{place}.required", f"there is no property '{name}'.")
        for name, each in properties.items():
            if each is True:
                properties[name] = each = {}
            self.node(each, f"{place}.properties.{name}", depth + 1)
        additional = schema.get("additionalProperties")
        if isinstance(additional, dict):
            self.node(additional, f"{place}.additionalProperties", depth + 1)


CHECKS = {"string": _Walk._string, "integer": _Walk._integer, "array": _Walk._array, "object": _Walk._object}


def _asks_nothing(key: str, value: Any) -> bool:
    return any(value == neutral and type(value) is type(neutral) for neutral in NEUTRAL.get(key, ()))


def _kinds(schema: Body) -> set[str]:
    """Types of the values that satisfy a schema; empty if unknown. An integer is a number too."""
    values = _values_of(schema)
    if values is not None:
        return {kind for value in values for kind in _kinds_of(value)}
    kind = schema.get("type")
    found = set(kind) if isinstance(kind, list) else {kind} if isinstance(kind, str) else set()
    return found | ({"integer"} if "number" in found else set())


def _values_of(schema: Body) -> list[Any] | None:
    """The values that a schema lists."""
    if "const" in schema:
        return [schema["const"]]
    values = schema.get("enum")
    return values if isinstance(values, list) else None


def _kinds_of(value: Any) -> Iterator[str]:
    """The types of a value."""
    if value is None:
        yield "null"
    elif isinstance(value, bool):
        yield "boolean"
    elif isinstance(value, int | float):
        yield "number"
        if isinstance(value, int) or value.is_integer():
            yield "integer"
    elif isinstance(value, str):
        yield "string"
    else:
        yield "array" if isinstance(value, list) else "object"
