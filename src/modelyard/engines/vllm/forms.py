"""Converts requests for vLLM (newer names of constraints, tools, texts), and its refusals. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

GUIDED = {"guided_json": "json", "guided_regex": "regex", "guided_choice": "choice", "guided_grammar": "grammar"}
MARKS = tuple(name.encode() for name in GUIDED)
HELD = ("response_format", "structured_outputs", *GUIDED)

THINKS = "VLLM_REPLICA_REASONING_PARSER"
"""Environment variable that is set if vLLM was given a reasoning parser."""
UNHELD = "vLLM with a reasoning_parser enforces a form in chats only, because it begins after the end of the thoughts"

GREEDY = 1e-5
"""Temperatures below this count as 0 in vLLM."""

SUBJECT = re.compile(r"`?([a-z]+_[a-z_]+|n|seed|stop)`? (?:must|cannot|should) ")
"""Matches the beginning of vLLM's messages about sampling parameters, some of which have no parameter field."""

NO_DIMENSIONS = (
    "vLLM shortens only vectors of models whose config.json says that they were trained for it, by matryoshka_dimensions or "
    "is_matryoshka"
)


def decoded(body: bytes) -> dict[str, Any]:
    """The object in a body; empty if it is not a JSON object."""
    try:
        found: Any = json.loads(body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def translated(body: bytes) -> bytes:
    """Rename `guided_*` to `structured_outputs`; returns the bytes unchanged if there is none."""
    if not any(mark in body for mark in MARKS):
        return body
    request = decoded(body)
    if not any(name in request for name in GUIDED):
        return body
    found = {kind: request.pop(name) for name, kind in GUIDED.items() if name in request}
    found = {kind: value for kind, value in found.items() if value is not None}
    if found:
        request["structured_outputs"] = {**found, **(request.get("structured_outputs") or {})}
    return json.dumps(request, ensure_ascii=False).encode()


def with_held_calls(body: bytes) -> bytes:
    """Let the arguments of required calls follow their schema, which is always that of an object.

    vLLM enforces the schema only for `strict` tools; otherwise a required call may have arguments such as `[true]`.
    """
    if b'"tool_choice"' not in body or b'"tools"' not in body:
        return body
    try:
        request: Any = json.loads(body)
        if request["tool_choice"] != "required" and not isinstance(request["tool_choice"], dict):
            return body
        tools = [{**tool, "function": _held(tool["function"])} for tool in request["tools"]]
    except (ValueError, TypeError, KeyError, AttributeError):
        return body
    return json.dumps({**request, "tools": tools}, ensure_ascii=False).encode()


def _held(function: dict[str, Any]) -> dict[str, Any]:
    parameters = {"type": "object", **(function.get("parameters") or {"properties": {}})}
    return {**function, "parameters": parameters, "strict": True}


def likeliest(body: bytes) -> bytes:
    """Express greedy sampling in a way that vLLM accepts: it refuses `top_p` 0, and several choices at
    temperature 0.
    """
    if b'"n"' not in body and b'"top_p"' not in body:
        return body
    request = decoded(body)
    several = _number(request, "n") > 1 and _number(request, "temperature", 1) < GREEDY
    narrow = _number(request, "top_p", 1) == 0
    if not several and not narrow:
        return body
    changed = {"top_k": 1, "temperature": 1.0, "top_p": 1.0} if several else {"top_k": 1, "top_p": 1.0}
    return json.dumps({**request, **changed}, ensure_ascii=False).encode()


def _number(request: dict[str, Any], name: str, default: float = 0) -> float:
    value = request.get(name)
    return value if isinstance(value, int | float) else default


def refused(body: bytes) -> str:
    """The parameter of a completion that a vLLM with a reasoning parser would ignore; empty if there is none."""
    if not any(name.encode() in body for name in HELD):
        return ""
    request = decoded(body)
    return next((name for name in HELD if (value := request.get(name)) and value != {"type": "text"}), "")


def blamed(body: bytes) -> bytes:
    """The body of a refusal. If it is about a parameter without naming it, the name is added, and that of vLLM."""
    message = sentence(body)
    if "does not support Matryoshka" in message:
        return _restated(body, f"{NO_DIMENSIONS}.", "dimensions")
    if "only supports Matryoshka" in message or "only supports dimensions" in message:
        return _restated(body, f"vLLM: {message}", "dimensions")
    if "grammar specification" in message:
        return _restated(body, f"vLLM: {message}", "guided_grammar")
    if "is not a multimodal model" in message:
        return _restated(body, f"vLLM: 'messages' hold what this model cannot read: {message}", "messages")
    subject = SUBJECT.match(message)
    return _restated(body, f"vLLM: {message}", subject[1]) if subject else body


def _restated(body: bytes, sentence: str, param: str) -> bytes:
    answer: Any = json.loads(body)
    error = {**answer["error"], "message": sentence, "param": answer["error"].get("param") or param}
    return json.dumps({**answer, "error": error}, ensure_ascii=False).encode()


def sentence(body: bytes) -> str:
    """The message of a refusal; empty if the format is unknown."""
    try:
        answer: Any = json.loads(body)
        return str(answer["error"]["message"])
    except (ValueError, TypeError, KeyError):
        return ""


def as_texts(body: bytes) -> bytes:
    """Convert documents of a rerank from objects with a `text`, which Cohere's clients send, to texts."""
    if b'"text"' not in body:
        return body
    try:
        request: Any = json.loads(body)
        documents = [_text(document) for document in request["documents"]]
    except (ValueError, TypeError, KeyError):
        return body
    return json.dumps({**request, "documents": documents}, ensure_ascii=False).encode()


def _text(document: Any) -> Any:
    whole = isinstance(document, dict) and isinstance(document.get("text"), str)
    return document["text"] if whole else document
