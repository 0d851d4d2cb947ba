"""What a request says its answer must look like, in the words of OpenAI, of vLLM and of Xinference. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Grammar
from modelyard.serving.bodies import Asked
from modelyard.serving.text import OPENING

ANY_OBJECT = '{"type":"object"}'

GUIDED = ("guided_json", "guided_regex", "guided_choice", "guided_grammar", "guided_json_object")
STRUCTURED = ("json", "regex", "choice", "grammar", "json_object")

Found = tuple[Grammar, str]
"""A grammar and the parameter that asks for it."""


def constraint(request: Asked) -> Found | None:
    """What the answer must follow. Raises `InvalidParameter`; that a grammar can be followed, the engine says."""
    asked = [(name, name.removeprefix("guided_"), getattr(request, name)) for name in GUIDED]
    outputs = request.structured_outputs or {}
    if unknown := sorted(set(outputs) - set(STRUCTURED)):
        raise InvalidParameter("structured_outputs", f"has no '{unknown[0]}' here; it takes {', '.join(STRUCTURED)}.")
    asked += [("structured_outputs", kind, value) for kind, value in outputs.items()]
    found = [(MAKERS[kind](name, value), name) for name, kind, value in asked if value is not None and _asks(value)]
    if isinstance(request.response_format, dict) and (grammar := response_format(request.response_format)):
        found.append((grammar, "response_format"))
    if len(found) > 1:
        raise InvalidParameter(found[1][1], f"'{found[0][1]}' says already what the answer must look like.")
    return found[0] if found else None


def _asks(value: Any) -> bool:
    return value is not msgspec.UNSET and value is not False


def response_format(given: Mapping[str, Any]) -> Grammar | None:
    """OpenAI's parameter; None for plain text."""
    kind = given.get("type")
    if kind == "text":
        return None
    if kind == "json_object":
        return Grammar("json", ANY_OBJECT)
    if kind != "json_schema":
        raise InvalidParameter("response_format", f"type is one of text, json_object, json_schema, not {kind!r}.")
    named = given.get("json_schema")
    schema = named.get("schema") if isinstance(named, dict) else None
    if not isinstance(schema, dict):
        raise InvalidParameter("response_format", "json_schema must be an object that has a 'schema', an object too.")
    return _json("response_format", schema)


def _json(name: str, value: Any) -> Grammar:
    """A schema as an object or as its text; `true` is any object."""
    if value is True:
        return Grammar("json", ANY_OBJECT)
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise InvalidParameter(name, f"is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidParameter(name, "a JSON schema is an object.")
    return Grammar("json", msgspec.json.encode(value).decode())


def _choice(name: str, value: Any) -> Grammar:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise InvalidParameter(name, "must be a list of texts, none of them empty.")
    return Grammar("choice", msgspec.json.encode(value).decode())


def _written(kind: Literal["regex", "grammar"]) -> Callable[[str, Any], Grammar]:
    def make(name: str, value: Any) -> Grammar:
        if not isinstance(value, str) or not value.strip():
            raise InvalidParameter(name, f"the {kind} must be a text, and not an empty one.")
        return Grammar(kind, value)

    return make


MAKERS: Mapping[str, Callable[[str, Any], Grammar]] = {
    "json": _json,
    "json_object": _json,
    "choice": _choice,
    "regex": _written("regex"),
    "grammar": _written("grammar"),
}


def thoughts_before(prompt: str, thinks: bool, off: bool = False) -> Literal["none", "open", "possible"]:
    """Whether the model may think after a prompt before it answers; `off` when the template was told that it may not."""
    if not thinks:
        return "none"
    end = prompt.rstrip()
    if end.endswith(OPENING):
        return "open"
    return "none" if off or end.endswith("</think>") else "possible"
