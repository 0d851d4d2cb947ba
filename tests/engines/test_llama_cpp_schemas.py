"""Keywords of JSON schemas on llama.cpp: each is held, which a random model and a validator prove, or refused by its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import jsonschema_rs
import pytest

from modelyard.engines.llama_cpp import patterns, schemas
from modelyard.engines.llama_cpp.plans import Refused
from modelyard.engines.llama_cpp.tool_calls import parameters
from tests import make_gguf
from tests.engines.test_llama_cpp import CHAT, HELLO, Replica, launch

DIGIT = {"enum": [1, 2]}
HELD: list[dict[str, Any]] = [
    {"type": "string", "maxLength": 5},
    {"type": "string", "minLength": 2, "maxLength": 5},
    {"type": "string", "maxLength": 0, "$comment": "c", "title": "t", "default": 1, "examples": [1], "x-own": 2},
    *(
        {"type": "string", "pattern": pattern}
        for pattern in (
            r"^\d{3}$", r"^\w{3}$", "^a.c$", "^[^a]{2}$", r"^ab\.{2}$", "^(a|bc){2}$", "^(?:x|y)?z$",
            "^é{2}ü?$", "^a|b$", r"^[\d.-]{1,4}$",
            r"^\S{2}$", r"^\D\W$", r"^[\^a]{3}$", r"^\$\^\/\-$", "^[a-f]{2,3}x$", r"^[\w ]{2}$", "^杭[州京]$",
        )
    ),
    {"type": "string", "format": "date-time"}, {"type": "string", "format": "time"}, {"type": "string", "format": "uuid"},
    {"type": "integer", "minimum": 3}, {"type": "integer", "minimum": -7}, {"type": "integer", "exclusiveMinimum": 11},
    {"type": "integer", "maximum": -5}, {"type": "integer", "maximum": 120}, {"type": "integer", "exclusiveMaximum": 0},
    {"type": "integer", "minimum": -12, "maximum": 34}, {"type": "integer", "minimum": 5.5, "maximum": 8.2},
    {"type": "integer", "minimum": 98, "maximum": 1203}, {"type": "integer", "format": "int32", "multipleOf": 1},
    {"type": "number", "format": "double"}, {"type": "boolean"}, {"type": "null"}, {"const": {"a": [1, None]}}, DIGIT,
    {"type": "string", "enum": ["a", "b\"c\n"]}, {"type": ["integer", "null"], "minimum": 4, "maximum": 5},
    {"type": ["string", "null"], "enum": ["a", None]},
    {"type": "array", "items": DIGIT, "minItems": 2, "maxItems": 3},
    {"type": "array", "items": DIGIT, "maxItems": 2, "uniqueItems": False},
    {"type": "array", "prefixItems": [DIGIT, {"type": "boolean"}], "items": False, "minItems": 2},
    {"type": "object", "properties": {"a": DIGIT, "b": True}, "required": ["a"], "additionalProperties": False, "maximum": 3},
    {"type": "object", "properties": {"a": DIGIT}, "required": ["a"], "additionalProperties": {"type": "boolean"}},
    {"anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]},
    {"oneOf": [{"type": "integer", "maximum": 9}, {"type": "boolean"}]},
    {"oneOf": [
        {"type": "object", "properties": {"k": {"const": name}, "v": value}, "required": ["k", "v"],
         "additionalProperties": False}
        for name, value in (("a", DIGIT), ("b", {"type": "boolean"}))
    ]},
    {"allOf": [{"type": "integer", "minimum": 1, "maximum": 3}], "description": "d"},
    {"$ref": "#/$defs/digit", "description": "d"},
    {"type": "array", "maxItems": 2, "items": {"$ref": "#/$defs/digit"}},
]  # fmt: skip

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "string", "pattern": "^(?=a)b$"}, "pattern"),
    ({"type": "string", "pattern": r"^(a)\1$"}, "pattern"),
    ({"type": "string", "pattern": r"^a\b$"}, "pattern"),
    ({"type": "string", "pattern": "^a+?$"}, "pattern"),
    ({"type": "string", "pattern": '^"$'}, "pattern"),
    ({"type": "string", "pattern": "^[ -~]$"}, "pattern"),
    ({"type": "string", "pattern": "^a$", "minLength": 4}, "minLength"),
    ({"type": "string", "format": "email"}, "format"),
    ({"type": "string", "format": "ipv4"}, "format"),
    ({"type": "string", "format": "uuid", "maxLength": 3}, "maxLength"),
    ({"type": "number", "minimum": 5.5}, "minimum"),
    ({"type": "number", "exclusiveMinimum": 0}, "exclusiveMinimum"),
    ({"type": "number", "maximum": 9}, "maximum"),
    ({"type": "number", "exclusiveMaximum": 9}, "exclusiveMaximum"),
    ({"type": "number", "multipleOf": 0.5}, "multipleOf"),
    ({"type": "integer", "multipleOf": 7}, "multipleOf"),
    ({"type": "integer", "minimum": 1, "exclusiveMinimum": 3}, "exclusiveMinimum"),
    ({"minimum": 3}, "minimum"),
    ({"type": "array", "items": DIGIT, "uniqueItems": True}, "uniqueItems"),
    ({"type": "array", "contains": DIGIT}, "contains"),
    ({"type": "array", "items": DIGIT, "prefixItems": [DIGIT]}, "prefixItems"),
    ({"type": "array", "prefixItems": [DIGIT], "minItems": 2}, "minItems"),
    ({"type": "object", "minProperties": 1}, "minProperties"),
    ({"type": "object", "maxProperties": 1}, "maxProperties"),
    ({"type": "object", "patternProperties": {"^a": DIGIT}}, "patternProperties"),
    ({"type": "object", "propertyNames": {"maxLength": 3}}, "propertyNames"),
    ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
    ({"type": "object", "dependentSchemas": {"a": {}}}, "dependentSchemas"),
    ({"type": "object", "unevaluatedProperties": False}, "unevaluatedProperties"),
    ({"type": "object", "required": ["a"]}, "required"),
    ({"type": "object", "if": {}, "then": {}}, "if"),
    ({"type": "string", "not": {"const": "a"}}, "not"),
    ({"allOf": [{"type": "string"}, {"maxLength": 3}]}, "allOf"),
    ({"anyOf": [{"type": "string"}], "minLength": 3}, "minLength"),
    ({"anyOf": [{"type": "string"}], "oneOf": [{"type": "string"}]}, "anyOf"),
    ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "oneOf"),
    ({"$ref": "#/$defs/digit", "maximum": 1}, "maximum"),
    ({"$ref": "other.json"}, "$ref"),
    ({"$ref": "#/$defs/none"}, "$ref"),
    ({"const": 3, "minimum": 4}, "minimum"),
    ({"enum": [3], "type": "string"}, "type"),
    ({"type": "poem"}, "type"),
]


BYTES = {str(token): -100 for token in range(3 + 0x80, 3 + 0x100)}
"""Tokens of single bytes beyond ASCII: where it may write any, a random model makes no characters of them."""


@pytest.fixture(scope="module")
def replica(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replica]:
    folder = tmp_path_factory.mktemp("schemas")
    made = Replica(folder, launch(make_gguf.chat_model(folder / "m.gguf")))
    yield made
    assert made.stop() == 0


def around(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {"x": schema}
    return {
        "type": "object",
        "$defs": {"digit": DIGIT},
        "properties": properties,
        "required": ["x"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("schema", HELD, ids=json.dumps)
def test_what_is_accepted_holds(replica: Replica, schema: dict[str, Any]) -> None:
    whole = around(schema)
    validator = jsonschema_rs.validator_for(whole, validate_formats=True)
    seen = 0
    for seed in range(6):
        given = {"type": "json_schema", "json_schema": {"name": "a", "schema": whole, "strict": True}}
        answer = replica.json(
            CHAT, messages=HELLO, max_tokens=400, temperature=3, seed=seed, logit_bias=BYTES, response_format=given
        )
        (choice,) = answer["choices"]
        if choice["finish_reason"] == "stop":
            value = json.loads(choice["message"]["content"])
            assert validator.is_valid(value), value
            seen += 1
    assert seen > 0


@pytest.mark.parametrize(("schema", "key"), REFUSED, ids=json.dumps)
def test_what_would_not_hold_is_refused_by_its_place(schema: dict[str, Any], key: str) -> None:
    with pytest.raises(Refused) as refused:
        schemas.held(around(json.loads(json.dumps(schema))), "response_format", "response_format.json_schema.schema")
    assert refused.value.param == "response_format"
    assert f"'response_format.json_schema.schema.properties.x.{key}'" in str(refused.value)


def test_every_keyword_is_decided() -> None:
    """Keywords of a type are held, or one of the schemas above shows that they are refused."""
    shown = {key for _, key in REFUSED}
    rare = {"contains", "minContains", "maxContains", "unevaluatedItems", "additionalItems", "dependencies"}
    for kind, keys in schemas.ABOUT.items():
        assert keys - schemas.HELD[kind] - shown <= rare


ODD: list[Any] = [
    None,
    True,
    False,
    -1,
    1.5,
    10**30,
    10**400,
    [10**400],
    "",
    "x",
    [],
    [None],
    [{}],
    ["a"],
    [[]],
    {},
    {"a": 1},
    {"$ref": 3},
    {"$ref": "#/"},
    [{"$ref": "#/oneOf/\u00b2"}],
    [{"$ref": "#/oneOf/" + "9" * 5000}],
]


def test_odd_values_of_keywords_are_taken_or_refused() -> None:
    keys = [
        *schemas.NUMERIC,
        *schemas.TEXTUAL,
        *schemas.LISTED,
        *schemas.KEYED,
        *schemas.COMBINED,
        "type",
        "$defs",
        "title",
    ]
    for kind in (*schemas.HELD, None):
        for key in keys:
            for value in ODD:
                schema = {**({"type": kind} if kind else {}), key: value}
                for whole in (schema, around(schema), {"oneOf": [schema, schema]}, {"allOf": [schema]}):
                    with suppress(Refused):
                        assert isinstance(schemas.held(json.loads(json.dumps(whole)), "p", "p"), dict)


def test_schemas_that_name_themselves() -> None:
    tree = {"type": "object", "properties": {"next": {"$ref": "#/$defs/a"}}, "required": ["next"]}
    other = {"type": "object", "properties": {"next": {"$ref": "#/$defs/b"}}, "required": ["next"]}
    whole = {"$defs": {"a": tree, "b": other}, "oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}]}
    with pytest.raises(Refused, match="several"):
        schemas.held(whole, "p", "p")
    assert schemas.held({"$defs": {"a": tree}, "$ref": "#/$defs/a"}, "p", "p")
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"type": "array", "items": deep}
    with pytest.raises(Refused, match="nested"):
        schemas.held(deep, "p", "p")


NODE = {
    "type": "object",
    "properties": {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/a"}},
    "required": ["x", "y"],
}


@pytest.mark.parametrize(
    "schema",
    [
        {"$defs": {"a": NODE}, "oneOf": [{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/a"}]},
        {"oneOf": [{"const": number} for number in range(1000)]},
        {"oneOf": [{"enum": list(range(500))}, {"enum": list(range(500, 1000))}]},
    ],
    ids=("branching", "alternatives", "values"),
)
def test_alternatives_that_are_too_many_to_compare(schema: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=r"p\.oneOf': they are too many to compare, so use 'anyOf'"):
        schemas.held(schema, "p", "p")


@pytest.mark.parametrize(
    ("key", "schema"),
    [
        ("enum", {"enum": list(range(1001))}),
        ("anyOf", {"anyOf": [{"const": number} for number in range(1001)]}),
        ("oneOf", {"oneOf": [{"const": number} for number in range(1001)]}),
        ("properties", {"type": "object", "properties": {str(number): {} for number in range(1001)}}),
        ("items.enum", {"type": "array", "items": {"enum": list(range(1001))}}),
        ("anyOf.1.enum", {"anyOf": [{"enum": list(range(600))}, {"enum": list(range(600))}]}),
    ],
)
def test_schemas_that_are_too_large(key: str, schema: dict[str, Any]) -> None:
    with pytest.raises(Refused, match=rf"'p\.{key}': at most 1,000 in a schema"):
        schemas.held(schema, "p", "p")


def test_a_function_that_is_not_strict_is_held_as_far_as_that_goes() -> None:
    properties = {
        "x": {"type": "number", "minimum": 1},
        "y": {"type": "string", "pattern": "^(?=a).*$", "maxLength": 3},
    }
    schema = {"type": "object", "properties": properties, "required": ["x", "y"], "additionalProperties": False}
    made = parameters({"type": "function", "function": {"name": "f", "parameters": schema}}, 0)
    assert "pattern" not in made["properties"]["y"] and made["properties"]["x"] == properties["x"]


def test_refusals_reach_the_client_with_each_parameter(replica: Replica) -> None:
    wrong = {"type": "object", "properties": {"x": {"type": "number", "minimum": 1}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": wrong, "strict": True}}
    for param, place, body in (
        (
            "response_format",
            "json_schema.schema.",
            {"response_format": {"type": "json_schema", "json_schema": {"schema": wrong}}},
        ),
        ("response_format", "schema.", {"response_format": {"type": "json_object", "schema": wrong}}),
        ("guided_json", "", {"guided_json": json.dumps(wrong)}),
        ("structured_outputs", "json.", {"structured_outputs": {"json": wrong}}),
        ("json_schema", "", {"json_schema": wrong}),
        ("tools", "0.function.parameters.", {"tools": [tool], "tool_choice": "required"}),
    ):
        answer = replica.post(CHAT, messages=HELLO, **body)
        assert answer.status_code == 400 and answer.json()["error"]["param"] == param
        assert f"'{param}.{place}properties.x.minimum'" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    "pattern",
    ["(", ")", "[", "[]", "a{2}{3}", "\\", "a\\", "*", "^*$", "(?<n>a)", r"\p{L}", "\n", "a**", r"[\b]", "[z-a]"],
)
def test_patterns_that_are_none_or_not_held(pattern: str) -> None:
    with pytest.raises(patterns.NotHeld):
        patterns.held(pattern)
