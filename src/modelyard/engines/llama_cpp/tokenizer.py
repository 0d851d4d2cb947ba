"""vLLM's `/tokenize` and `/detokenize` by llama.cpp's own paths: conversations go through the model's chat template first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import msgspec

from modelyard.engines.llama_cpp.dialect import name_thoughts
from modelyard.engines.llama_cpp.faults import mended
from modelyard.engines.llama_cpp.plans import Body, RequestRefused
from modelyard.protocol.tokens import DetokenizeReply, TokenizeReply

TOKENIZE, DETOKENIZE = "/tokenize", "/detokenize"
PATHS = frozenset({TOKENIZE, DETOKENIZE})
TEMPLATE = b"/apply-template"
PASSED = ("messages", "tools", "chat_template_kwargs", "enable_thinking", "add_generation_prompt")
"""Fields that the template gets."""

Ask = Callable[[bytes, Body], Awaitable[tuple[int, bytes]]]
"""Sends a body to a path of llama.cpp; returns status and body of the answer."""


async def answer(path: str, body: bytes, ask: Ask, context: int, vocabulary: int | None) -> tuple[int, bytes]:
    """Status and body of the answer. Raises `RequestRefused`."""
    request = _decoded(body)
    if path == DETOKENIZE:
        return await _text(request.get("tokens"), ask, vocabulary)
    if isinstance(request.get("prompt"), str):
        return await _tokens(request["prompt"], request, ask, context)
    status, data = await ask(TEMPLATE, _conversation(request))
    if status != 200:
        return mended(status, data, "messages")
    return await _tokens(msgspec.json.decode(data, type=Body)["prompt"], request, ask, context)


def _conversation(request: Body) -> Body:
    """The body for llama.cpp's template. Raises `RequestRefused`."""
    if request.get("continue_final_message") is True:
        raise RequestRefused("continue_final_message", "llama.cpp does not continue messages.")
    for index, message in enumerate(request.get("messages") or ()):
        parts = message.get("content") if isinstance(message, dict) else None
        if isinstance(parts, list) and any(part.get("type", "text") != "text" for part in parts):
            raise RequestRefused(f"messages[{index}].content", "llama.cpp counts texts alone.")
    name_thoughts(request)
    return {name: request[name] for name in PASSED if name in request}


async def _tokens(text: str, request: Body, ask: Ask, context: int) -> tuple[int, bytes]:
    """Tokenize. Special tokens are put around conversations as well, because llama.cpp's template leaves them out."""
    named = request.get("return_token_strs") is True
    special = request.get("add_special_tokens") is not False or "messages" in request
    body = {"content": text, "add_special": special, "parse_special": True, "with_pieces": named}
    status, data = await ask(TOKENIZE.encode(), body)
    if status != 200:
        return mended(status, data, "prompt")
    found: list[Any] = msgspec.json.decode(data, type=Body)["tokens"]
    ids = [each["id"] for each in found] if named else found
    pieces = [_piece(each["piece"]) for each in found] if named else None
    return 200, msgspec.json.encode(
        TokenizeReply(count=len(ids), max_model_len=context or None, tokens=ids, token_strs=pieces)
    )


def _piece(given: str | list[int]) -> str:
    """The text of a token, which llama.cpp gives as bytes if it is no whole character."""
    return given if isinstance(given, str) else bytes(given).decode("utf-8", "replace")


async def _text(tokens: Sequence[int] | None, ask: Ask, vocabulary: int | None) -> tuple[int, bytes]:
    for index, token in enumerate(tokens or ()):
        if vocabulary is not None and not 0 <= token < vocabulary:
            raise RequestRefused(f"tokens[{index}]", f"{token} is no token of this model, which has {vocabulary}.")
    status, data = await ask(DETOKENIZE.encode(), {"tokens": tokens})
    if status != 200:
        return mended(status, data, "tokens")
    return 200, msgspec.json.encode(DetokenizeReply(prompt=msgspec.json.decode(data, type=Body)["content"]))


def _decoded(body: bytes) -> Body:
    try:
        return msgspec.json.decode(body, type=Body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RequestRefused("body", f"it is no JSON object: {error}") from None
