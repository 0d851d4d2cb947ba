"""Converts constraints of answers, in vLLM's and OpenAI's terms, to llama.cpp's: schemas and grammars. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from modelyard.core.wording import reason
from modelyard.engines.llama_cpp import schemas
from modelyard.engines.llama_cpp.plans import Body, RequestRefused
from modelyard.protocol import checks

GUIDED = {
    "guided_json": "json",
    "guided_json_object": "json_object",
    "guided_choice": "choice",
    "guided_grammar": "grammar",
    "guided_regex": "regex",
}
"""vLLM's older parameters → their names in `structured_outputs`."""
OWN = {"json_schema": "json", "grammar": "grammar"}
"""llama.cpp's parameters → their names in `structured_outputs`."""

Form = tuple[str, Any]
"""llama.cpp's parameter for a constraint, and its value."""


def hold(request: Body) -> None:
    """Convert the constraint of a request to llama.cpp's parameters, in place. Raises `RequestRefused`."""
    given = request.pop("structured_outputs", None)
    if given is not None and not isinstance(given, dict):
        raise RequestRefused("structured_outputs", "it must be an object.")
    candidates = [(name, name, kind, request.pop(name, None)) for name, kind in (GUIDED | OWN).items()]
    candidates += [
        ("structured_outputs", f"structured_outputs.{kind}", kind, value) for kind, value in (given or {}).items()
    ]
    found = {
        name: _form(name, place, kind, value)
        for name, place, kind, value in candidates
        if value not in (None, False, "")
    }
    if (form := response_format(request.pop("response_format", None))) is not None:
        found["response_format"] = form
    if len(found) > 1:
        first, second, *_ = found
        raise RequestRefused(second, f"'{first}' says already what the answer must look like.")
    for name, value in found.values():
        request[name] = value


def hold_to_calls(request: Body, schema: Body) -> None:
    """Constrain an answer to the schema of its calls, in place. The tools stay in the prompt; other constraints are removed."""
    for name in (*GUIDED, *OWN, "structured_outputs", "response_format", "parallel_tool_calls"):
        request.pop(name, None)
    request["tool_choice"] = "none"
    request["json_schema"] = schema


def counted(request: Body) -> bool:
    """Whether the client requests token counts of a stream."""
    options = request.get("stream_options")
    if options is not None and not isinstance(options, dict):
        raise RequestRefused("stream_options", "it must be an object.")
    return bool((options or {}).get("include_usage"))


def response_format(given: Any) -> Form | None:
    """OpenAI's parameter; None for plain text. Raises `RequestRefused` for an unknown form."""
    if given is None:
        return None
    if not isinstance(given, dict):
        raise RequestRefused("response_format", "it must be an object.")
    form = checks.response_format(given)
    match form["type"]:
        case "json_object":
            return _json("response_format", "response_format.schema", form.get("schema") or {"type": "object"})
        case "json_schema":
            return _json("response_format", "response_format.json_schema.schema", form["json_schema"]["schema"])
        case "structural_tag":
            raise RequestRefused("response_format", "llama.cpp holds answers to json_object and json_schema.")
        case _:
            return None


def _form(name: str, place: str, kind: str, value: Any) -> Form:
    if kind not in MAKERS:
        raise RequestRefused(name, f"llama.cpp does not know '{kind}': it holds answers to json, choice and grammar.")
    return MAKERS[kind](name, place, value)


def _json(name: str, place: str, value: Any) -> Form:
    """A schema as an object or as JSON text; `true` means any object."""
    if value is True:
        return "json_schema", {"type": "object"}
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except (msgspec.DecodeError, RecursionError) as error:
            raise RequestRefused(name, f"it is no JSON: {reason(error)}.") from None
    if not isinstance(value, dict):
        raise RequestRefused(name, "a JSON schema is an object.")
    return "json_schema", schemas.held(value, name, place)


def _choice(name: str, place: str, value: Any) -> Form:
    """A grammar of some texts; JSON escapes the characters that llama.cpp's grammars escape, and no other letters."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) and each for each in value):
        raise RequestRefused(name, "it must be a list of texts, none of them empty.")
    return "grammar", "root ::= " + " | ".join(msgspec.json.encode(each).decode() for each in value)


def _grammar(name: str, place: str, value: Any) -> Form:
    if not isinstance(value, str) or not value.strip():
        raise RequestRefused(name, "the grammar must be a text, and not an empty one.")
    return "grammar", value


MAKERS: Mapping[str, Callable[[str, str, Any], Form]] = {
    "json": _json,
    "json_object": _json,
    "choice": _choice,
    "grammar": _grammar,
}
