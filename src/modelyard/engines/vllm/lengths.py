"""Lengths of prompts and answers in vLLM: `max_tokens` as on other engines, and one error for too long prompts."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from typing import Any

from modelyard.core.asgi import App, Message, Scope
from modelyard.core.errors import BadRequest, ContextLengthExceeded, UnsupportedParameter
from modelyard.engines.vllm.forms import decoded

TOKENIZE = "/tokenize"
FIELDS = {
    "/v1/chat/completions": "messages",
    "/v1/completions": "prompt",
    "/v1/embeddings": "input",
    "/v1/rerank": "documents",
    "/classify": "input",
    TOKENIZE: "messages",
    "/detokenize": "tokens",
}
"""Path → the field whose texts are limited."""
GENERATING = ("/v1/chat/completions", "/v1/completions")
NAMES = ("max_completion_tokens", "max_tokens")
NUMBER = re.compile(rb'"max_(?:completion_)?tokens"\s*:\s*(-?\d+)')

LONGEST = 4 << 20
"""Maximum bytes of a body whose tokens are counted for the message of a refusal."""
SPECIAL = 8
"""Tokens that a tokenizer may add to a text, which otherwise has at most as many tokens as bytes."""

TOO_LONG = (
    re.compile(
        r"context length is (?P<limit>\d+) tokens\. .*?contains (?P<least>at least )?(?P<given>\d+) input tokens"
    ),
    re.compile(r"context length is (?P<limit>\d+) tokens\. .*?contains \d+ characters"),
    re.compile(r"Input length \((?P<given>\d+)\) exceeds model's maximum context length \((?P<limit>\d+)\)(?P<least>)"),
)
"""The second one has no token count, because vLLM does not tokenize such a text."""
NO_ROOM = "max_tokens must be at least 1, got 0"

LONGER = "shorten it, or launch the model with a larger max_model_len"
SHORTER = "shorten it, or let truncate_prompt_tokens cut it"

CHAT_FIELDS = ("model", "messages", "tools", "chat_template_kwargs", "add_generation_prompt", "continue_final_message")
"""The fields of a chat that its number of prompt tokens depends on."""


def limit_of(scope: Scope) -> int | None:
    """Maximum tokens of prompt and answer together, as vLLM computed it; None if this version has it elsewhere."""
    config = getattr(getattr(scope.get("app"), "state", None), "vllm_config", None)
    found = getattr(getattr(config, "model_config", None), "max_model_len", None)
    return found if isinstance(found, int) else None


def within(body: bytes, limit: int | None) -> bytes:
    """Limit the answer to the context, because vLLM refuses a larger `max_tokens`, and -1 for the maximum."""
    numbers = [int(found) for found in NUMBER.findall(body)]
    if limit is None or all(0 <= number <= limit for number in numbers):
        return body
    request = decoded(body)
    if not request:
        return body
    for name in NAMES:
        number = request.get(name)
        if type(number) is int and not 0 <= number <= limit:
            request[name] = limit
    return json.dumps(request, ensure_ascii=False).encode()


def only_echoes(body: bytes) -> bool:
    """Whether a request asks for its prompt only. Raises `UnsupportedParameter` for an empty answer, which vLLM cannot give."""
    if not any(int(found) == 0 for found in NUMBER.findall(body)):
        return False
    request = decoded(body)
    name = next((name for name in NAMES if request.get(name) is not None), "")
    if not name or type(request[name]) is not int or request[name] != 0:
        return False
    if request.get("echo") is not True:
        raise UnsupportedParameter(name, str(request.get("model")), "vLLM writes at least one token.")
    return True


async def too_long(app: App, scope: Scope, body: bytes, message: str) -> BadRequest | None:
    """The error for a vLLM refusal about a prompt's length; None for other refusals."""
    path, limit = scope["path"], limit_of(scope)
    match = next((found for pattern in TOO_LONG if (found := pattern.search(message))), None)
    if match is not None:
        counts: dict[str, str | None] = {"given": None, "least": "at least ", **match.groupdict()}
    elif NO_ROOM in message and limit and path in GENERATING:
        counts = {"limit": str(limit), "given": str(limit), "least": None}
    else:
        return None
    most, least = int(counts["limit"] or 0), bool(counts["least"])
    given = int(counts["given"] or most + 1)
    cure = LONGER if path in GENERATING else SHORTER
    if least and len(body) <= LONGEST:
        for where, counted in _texts(path, body, most):
            count = await _count(app, scope, counted)
            if count > most or (count == most and path in GENERATING):
                return ContextLengthExceeded(where, most, count, cure)
    return ContextLengthExceeded(FIELDS[path], most, given, cure, at_least=least)


def _texts(path: str, body: bytes, limit: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The prompts of a request that may be too long: the position of each, and the body of a request that counts its tokens."""
    request = json.loads(body)
    field = FIELDS[path]
    if field == "messages":
        yield field, {name: request[name] for name in CHAT_FIELDS if name in request}
        return
    given = request.get(field)
    texts = given if isinstance(given, list) else [given]
    for index, text in enumerate(texts if field in ("prompt", "input") else ()):
        if isinstance(text, str) and len(text.encode("utf-8", "replace")) + SPECIAL > limit:
            where = field if field == "prompt" else f"{field}[{index}]"
            yield where, {"model": request.get("model"), "prompt": text}


async def _count(app: App, scope: Scope, body: dict[str, Any]) -> int:
    """Count tokens with vLLM's own route, which clients cannot reach; 0 if it returns no count."""
    sent = json.dumps(body, ensure_ascii=False).encode()
    parts: list[bytes] = []
    unread = [{"type": "http.request", "body": sent, "more_body": False}]

    async def receive() -> Message:
        while not unread:
            await asyncio.Event().wait()  # the client stays connected; vLLM cancels this when it has counted
        return unread.pop()

    async def send(message: Message) -> None:
        parts.append(message.get("body", b""))

    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(sent)).encode())]
    kept = [pair for pair in scope["headers"] if pair[0] == b"authorization"]
    inner = {**scope, "path": TOKENIZE, "raw_path": TOKENIZE.encode(), "headers": [*kept, *headers]}
    await app(inner, receive, send)
    try:
        count = json.loads(b"".join(parts))["count"]
    except (ValueError, TypeError, KeyError):
        return 0
    return count if isinstance(count, int) else 0
