"""Rewrites llama.cpp's errors: the right status, the field, and what to do. Pure.

Its server answers 500 if a request has a value of the wrong type, returns messages of its JSON library's exceptions, and
has its own formats for texts that are too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from modelyard.core.errors import ContextLengthExceeded, InvalidParameter
from modelyard.engines.llama_cpp.plans import Body
from modelyard.protocol.errors import encode

NO_PROJECTOR = (
    "llama.cpp was given no projector for this model, so it takes text only, no picture or sound in 'messages'."
)
UNREADABLE = "does not match the expected"
BROKEN = "The model broke off its answer: it wrote bytes that are no text, or a call that is none. Ask again."
CURE = "shorten it, or launch the model with a larger n_ctx, if it was trained for more"

TOO_LARGE = re.compile(r"\((\d+) tokens\).*(?:batch size|context size)[^\d]*(\d+)", re.DOTALL)
JSON_EXCEPTION = re.compile(r"\[json\.exception\.[\w.]+\] ?")
NAMED = re.compile(r"['\"](\w+)['\"]|\b([a-z]+_[a-z_]+)\b")
FIELD = re.compile(r"Field '(\w+)': (.*)", re.DOTALL)

Fault = tuple[str | None, str]
"""The field, or None if it is unknown, and its problem."""


def _of_field(found: re.Match[str]) -> Fault:
    return found[1], f"llama.cpp does not take this value: {_plain(found[2])}"


def _of_schema(found: re.Match[str]) -> Fault:
    return "response_format", f"llama.cpp cannot hold an answer to this JSON schema: {_plain(found[1])}"


def _of_grammar(found: re.Match[str]) -> Fault:
    return "grammar", "llama.cpp cannot read this grammar; it takes GBNF, its own form."


def _of_template(found: re.Match[str]) -> Fault:
    return None, f"The model's chat template does not take this conversation: {_plain(found[1])}"


def _of_tools(found: re.Match[str]) -> Fault:
    return "tools", "llama.cpp holds an answer to a grammar, or lets it call tools, not both."


def _of_type(found: re.Match[str]) -> Fault:
    return None, f"The request has a value that llama.cpp does not take: {_plain(found[1])}"


KINDS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], Fault]], ...] = (
    (re.compile(r"\"?json_schema\"?: (.*)", re.DOTALL), _of_schema),
    (re.compile(r"(?:JSON schema (?:conversion failed|error)[^:]*|Invalid schema): ?\s*(.*)", re.DOTALL), _of_schema),
    (
        re.compile(r"(?:failed to parse grammar|[Ff]ailed to initialize (?:samplers|grammar)|invalid grammar)"),
        _of_grammar,
    ),
    (FIELD, _of_field),
    (
        re.compile(r"Unknown (reasoning) format: (.*)", re.DOTALL),
        lambda found: ("reasoning_format", f"unknown: {_plain(found[2])}"),
    ),
    (re.compile(r"Failed to parse (messages|tools): ([^;]*)", re.DOTALL), lambda found: (found[1], _plain(found[2]))),
    (re.compile(r"(Cannot use custom grammar constraints with tools)"), _of_tools),
    (re.compile(r"(?:Jinja Exception|Unable to generate parser|[^\n]*template[^\n]*): ?(.*)", re.DOTALL), _of_template),
    (re.compile(r".*?\[json\.exception\.[\w.]+\] ?(.*)", re.DOTALL), _of_type),
)
"""Messages about the request, whatever their status."""


def mended(status: int, body: bytes, param: str | None = None) -> tuple[int, bytes]:
    """Rewrite an error answer; `param` is the field with the text."""
    if status < 400:
        if body.lstrip()[:1] == b"{":
            return status, body
        return 502, envelope(502, "llama.cpp gave an answer that is no JSON object.")
    error = _error_of(body)
    if error is None:
        return status, envelope(status, _cut(body))
    message = str(error.get("message") or "")
    if (lengths := _lengths(error, message)) is not None:
        return 400, too_long(*lengths, param)
    if "input is not supported" in message:
        return 400, envelope(400, NO_PROJECTOR, "messages")
    for pattern, fault in KINDS:
        if found := pattern.match(message):
            field, problem = fault(found)
            return 400, envelope(400, sentence(field, problem), field or param)
    if UNREADABLE in message:
        return status, envelope(status, BROKEN)
    if status >= 500:
        return status, body
    field = error.get("param") or _named(message) or (param if status == 400 else None)
    return status, envelope(status, JSON_EXCEPTION.sub("", message), field, error.get("type"))


def event_of(data: bytes) -> bytes:
    """An error during a stream, as an event in our envelope."""
    error = _error_of(data[6:])
    code = error.get("code") if error else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return b"data: " + mended(status, data[6:].strip())[1] + b"\n\n"


def too_long(given: int, limit: int, param: str | None) -> bytes:
    """The error for a text with more tokens than the model as launched accepts."""
    return encode(ContextLengthExceeded(param, limit, given, CURE))


def sentence(param: str | None, problem: str) -> str:
    """The problem of a parameter, worded like the server's own errors."""
    return InvalidParameter(param, problem).message if param else problem


def envelope(status: int, message: str, param: Any = None, kind: Any = None, code: str | int | None = None) -> bytes:
    """The body of an error, in OpenAI's shape."""
    kind = kind or ("invalid_request_error" if status < 500 else "server_error")
    if code is None:
        code = "invalid_parameter" if status == 400 and param else status
    error = {"code": code, "message": message, "type": kind, "param": param}
    return msgspec.json.encode({"error": error})


def _error_of(body: bytes) -> Body | None:
    try:
        error = msgspec.json.decode(body, type=Body).get("error")
    except (msgspec.DecodeError, RecursionError):
        return None
    return error if isinstance(error, dict) else None


def _lengths(error: Body, message: str) -> tuple[int, int] | None:
    """The given and the maximum number of tokens in an error about them."""
    given, limit = error.get("n_prompt_tokens"), error.get("n_ctx")
    if isinstance(given, int) and isinstance(limit, int):
        return given, limit
    if "too large to process" in message and (found := TOO_LARGE.search(message)):
        return int(found[1]), int(found[2])
    return None


def _named(message: str) -> str | None:
    """The field that a message names."""
    found = NAMED.search(message)
    return found[1] or found[2] if found else None


def _plain(text: str) -> str:
    """A message of llama.cpp without the names of its exceptions, as one line with one full stop."""
    line = " ".join(JSON_EXCEPTION.sub("", text).split())
    return (line[:500].rstrip(".") or "no reason is given") + "."


def _cut(body: bytes) -> str:
    return body.decode("utf-8", "replace").strip()[:500] or "llama.cpp gave no reason."
