"""Reads the constraint on an answer's format from a request, under the names of OpenAI, vLLM and Xinference. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from modelyard.core.errors import InvalidParameter
from modelyard.engines.generation import Grammar
from modelyard.protocol import checks
from modelyard.serving.bodies import TextBody
from modelyard.serving.text import OPENING

ANY_OBJECT = '{"type":"object"}'

GUIDED = ("guided_json", "guided_regex", "guided_choice", "guided_grammar", "guided_json_object")
STRUCTURED = ("json", "regex", "choice", "grammar", "json_object")

ParameterGrammar = tuple[Grammar, str]
"""A grammar and the name of the parameter that it comes from."""


def constraint(request: TextBody) -> ParameterGrammar | None:
    """Return the grammar that the answer must follow. Raises `InvalidParameter`. The engine checks whether it can follow it."""
    fields = [(name, name.removeprefix("guided_"), getattr(request, name)) for name in GUIDED]
    outputs = request.structured_outputs or {}
    if unknown := sorted(set(outputs) - set(STRUCTURED)):
        raise InvalidParameter(
            "structured_outputs", f"it has no '{unknown[0]}' here; it takes {', '.join(STRUCTURED)}."
        )
    fields += [("structured_outputs", kind, value) for kind, value in outputs.items()]
    found = [(MAKERS[kind](name, value), name) for name, kind, value in fields if value is not None and _asks(value)]
    if isinstance(request.response_format, dict) and (grammar := response_format(request.response_format)):
        found.append((grammar, "response_format"))
    if len(found) > 1:
        raise InvalidParameter(found[1][1], f"'{found[0][1]}' says already what the answer must look like.")
    return found[0] if found else None


def _asks(value: Any) -> bool:
    return value is not msgspec.UNSET and value is not False


def response_format(given: dict[str, Any]) -> Grammar | None:
    """Read OpenAI's `response_format`; None for plain text. Raises `InvalidParameter` for an unknown form."""
    form = checks.response_format(given)
    match form["type"]:
        case "json_object":
            return Grammar("json", ANY_OBJECT)
        case "json_schema":
            return _json("response_format", form["json_schema"]["schema"])
        case "structural_tag":
            raise InvalidParameter("response_format.type", "it must be one of text, json_object, json_schema.")
        case _:
            return None


def _json(name: str, value: Any) -> Grammar:
    """Read a schema from an object or from JSON text; `true` means any object."""
    if value is True:
        return Grammar("json", ANY_OBJECT)
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError as error:
            raise InvalidParameter(name, f"it is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise InvalidParameter(name, "a JSON schema is an object.")
    return Grammar("json", msgspec.json.encode(value).decode())


def _choice(name: str, value: Any) -> Grammar:
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise InvalidParameter(name, "it must be a list of texts, none of them empty.")
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
    """Whether the model may think before it answers; `off` if the template received the instruction not to think."""
    if not thinks:
        return "none"
    end = prompt.rstrip()
    if end.endswith(OPENING):
        return "open"
    return "none" if off or end.endswith("</think>") else "possible"
