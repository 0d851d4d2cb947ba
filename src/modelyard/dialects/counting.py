"""Counts the tokens of a chat completion's prompt: by the model's tokenizer, or where that cannot, by the model itself."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from modelyard.core.errors import BadRequest, ContextLengthExceeded
from modelyard.core.types import Task
from modelyard.dialects.anthropic.errors import tokens_in
from modelyard.dialects.calling import CHAT, whole_chat
from modelyard.gateway.app import Gateway
from modelyard.gateway.sender import Caller, Sender
from modelyard.protocol.tokens import TokenizeReply

TOKENIZE = "/tokenize"
PASSED = (
    *("model", "messages", "tools", "enable_thinking", "chat_template", "chat_template_kwargs"),
    *("add_generation_prompt", "continue_final_message"),
)
"""Fields of a chat completion that a tokenizer needs."""


async def prompt_tokens(gateway: Gateway, caller: Caller, body: Mapping[str, Any]) -> int:
    """The tokens that a model reads of a chat completion, with those that its template adds.

    A conversation with pictures, or for a model without a tokenizer's path (a base, a server elsewhere), is sent to the model,
    which generates one token and reports what it has read. Of a prompt that is too long the error says the tokens. Raises the
    other errors of the model.
    """
    try:
        return await _counted(gateway, caller, body)
    except ContextLengthExceeded as error:
        if (count := tokens_in(error)) is None:
            raise
        return count


async def _counted(gateway: Gateway, caller: Caller, body: Mapping[str, Any]) -> int:
    sender = gateway.sender(caller)
    gateway.check_inside(caller, CHAT, msgspec.json.encode(body))
    if has_tokenizer(gateway, body):
        with suppress(BadRequest):  # then the model says what is wrong, or can what its tokenizer cannot
            return await _tokenized(sender, body)
    part = await whole_chat(sender, {**body, "max_tokens": 1, "stream": False})
    return part.usage.prompt_tokens or 0 if part.usage else 0


def has_tokenizer(gateway: Gateway, body: Mapping[str, Any]) -> bool:
    """Whether the engine of a model counts a conversation of texts, which this one is."""
    route = gateway.route(str(body["model"]))
    return route is not None and Task.TOKENIZATION in route.tasks and all(map(_is_text, body["messages"]))


async def _tokenized(sender: Sender, body: Mapping[str, Any]) -> int:
    """The number of tokens. Raises `BadRequest` for what the engine's tokenizer cannot do, and `ContextLengthExceeded`."""
    answer = await sender(TOKENIZE, msgspec.json.encode({name: body[name] for name in PASSED if name in body}))
    try:
        return msgspec.json.decode(await answer.body(), type=TokenizeReply).count
    finally:
        await answer.aclose()


def _is_text(message: Mapping[str, Any]) -> bool:
    content = message.get("content")
    return not isinstance(content, list) or all(part.get("type") == "text" for part in content)
