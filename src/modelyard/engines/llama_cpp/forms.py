"""Answers held to a form, as vLLM's users and OpenAI's ask for them, in llama.cpp's words: schemas and grammars. Pure."""

from __future__ import annotations

from typing import Any

import msgspec

Body = dict[str, Any]

GUIDED = {"guided_json": "json", "guided_choice": "choice", "guided_grammar": "grammar", "guided_regex": "regex"}
"""vLLM's older parameters, and what `structured_outputs` calls each."""


class Refused(Exception):
    """A request that we answer ourselves with a 400."""

    def __init__(self, param: str, message: str) -> None:
        super().__init__(message)
        self.param = param


def hold(request: Body) -> bool:
    """Translate vLLM's parameters, in place; whether there were any. Raises `Refused`."""
    asked = {(name, kind): request.pop(name) for name, kind in GUIDED.items() if name in request}
    given = request.pop("structured_outputs", None)
    if given is not None and not isinstance(given, dict):
        raise Refused("structured_outputs", "must be an object.")
    asked |= {("structured_outputs", kind): value for kind, value in (given or {}).items()}
    for (name, kind), value in asked.items():
        if value is not None and value is not False:
            _constrain(request, name, kind, value)
    return bool(asked) or given is not None


def _constrain(request: Body, name: str, kind: str, value: Any) -> None:
    if kind == "json":
        request.setdefault("json_schema", _schema(name, value))
    elif kind == "json_object":
        request.setdefault("json_schema", {"type": "object"})
    elif kind == "choice":
        request.setdefault("grammar", _choices(name, value))
    elif kind == "grammar":
        request.setdefault("grammar", value)
    else:
        raise Refused(name, f"llama.cpp does not know '{kind}': it holds answers to json, choice and grammar.")


def _schema(name: str, value: Any) -> Any:
    """A schema, which may come as text."""
    if not isinstance(value, str):
        return value
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError as error:
        raise Refused(name, f"is no JSON: {error}") from None


def _choices(name: str, value: Any) -> str:
    """A grammar of some texts; JSON escapes what llama.cpp's grammars escape, and leaves all other letters."""
    if not isinstance(value, list) or not value or not all(isinstance(each, str) for each in value):
        raise Refused(name, "must be a list of texts.")
    return "root ::= " + " | ".join(msgspec.json.encode(each).decode() for each in value)


def format_of_completion(request: Body) -> bool:
    """`response_format` of a completion, which llama.cpp reads in chats only; in place, whether it was there."""
    given = request.pop("response_format", None)
    if not isinstance(given, dict):
        return given is not None
    if given.get("type") == "json_object":
        request.setdefault("json_schema", given.get("schema") or {"type": "object"})
    elif given.get("type") == "json_schema":
        request.setdefault("json_schema", (given.get("json_schema") or {}).get("schema") or {})
    elif given.get("type") not in (None, "text"):
        raise Refused("response_format", f"llama.cpp does not know the type '{given.get('type')}'.")
    return True


def check_tool_choice(request: Body) -> None:
    """Raises `Refused` for a call that is demanded: llama.cpp's server takes the demand, and answers with text all the same."""
    choice = request.get("tool_choice")
    if choice == "required" or isinstance(choice, dict):
        raise Refused("tool_choice", "llama.cpp leaves it to the model whether it calls a tool: 'auto' or 'none'.")
