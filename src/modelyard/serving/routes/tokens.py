"""`POST /tokenize` and `POST /detokenize`, vLLM's paths, of models that generate and of those that encode."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from modelyard.core.errors import InvalidParameter
from modelyard.protocol.tokens import DetokenizeReply, DetokenizeRequest, TokenizeReply, TokenizeRequest
from modelyard.serving.app import ReplicaRequest
from modelyard.serving.bodies import ChatBody
from modelyard.serving.encoding import Encoding
from modelyard.serving.generating import Writer, value_or
from modelyard.serving.pictures import pictures_of, prompt_of
from modelyard.serving.routes.chat import render_prompt
from modelyard.serving.tools import offer_of


async def tokenize(request: ReplicaRequest, writer: Writer) -> bytes:
    """The tokens of a text, or of a conversation as the model reads it."""
    body = request.read(TokenizeRequest)
    writer.adapters.source(body.model)
    if isinstance(body.prompt, str):
        found = writer.language.encode(body.prompt, special=body.add_special_tokens is not False)
    else:
        found = await _conversation(body, writer)
    texts = [writer.token_text(token) for token in found] if body.return_token_strs is True else None
    return msgspec.json.encode(
        TokenizeReply(count=len(found), max_model_len=writer.language.context, tokens=found, token_strs=texts)
    )


async def _conversation(body: TokenizeRequest, writer: Writer) -> list[int]:
    assert body.messages is not UNSET
    chat = ChatBody(
        model=body.model,
        messages=body.messages,
        tools=body.tools,
        enable_thinking=body.enable_thinking,
        chat_template_kwargs=_variables(body),
    )
    pictures = await pictures_of(writer, body.messages)
    offer = offer_of(chat, writer.language.template, writer.tool_call_parser)
    prompt = await prompt_of(writer, render_prompt(writer, chat, offer), pictures)
    if body.add_special_tokens is True and not pictures:
        return writer.language.encode(prompt.text, special=True)
    return prompt.tokens


def _variables(body: TokenizeRequest) -> dict[str, Any]:
    """The variables of the template, with the two by which a conversation ends."""
    found = dict(value_or(body.chat_template_kwargs, {}))
    for name in ("add_generation_prompt", "continue_final_message"):
        if isinstance(value := getattr(body, name), bool):
            found[name] = value
    return found


async def detokenize(request: ReplicaRequest, writer: Writer) -> bytes:
    """The text of tokens."""
    tokens = request.read(DetokenizeRequest).tokens
    check_tokens(tokens, writer.language.vocabulary)
    return msgspec.json.encode(DetokenizeReply(prompt=writer.language.decode(tokens, skip_special=False)))


async def encoder_tokenize(request: ReplicaRequest, model: Encoding) -> bytes:
    """The tokens of a text, as a model that makes vectors or ranks reads it."""
    body = request.read(TokenizeRequest)
    if not isinstance(body.prompt, str):
        raise InvalidParameter("messages", "this model reads texts; give one as 'prompt'.")
    text, special = body.prompt, body.add_special_tokens is not False
    found = await model.apart(lambda: model.encoder.tokens(text, special))
    texts = [model.encoder.text([token]) for token in found] if body.return_token_strs is True else None
    return msgspec.json.encode(
        TokenizeReply(count=len(found), max_model_len=model.encoder.limit, tokens=found, token_strs=texts)
    )


async def encoder_detokenize(request: ReplicaRequest, model: Encoding) -> bytes:
    """The text of tokens."""
    tokens = request.read(DetokenizeRequest).tokens
    check_tokens(tokens, model.encoder.vocabulary)
    return msgspec.json.encode(DetokenizeReply(prompt=model.encoder.text(tokens)))


def check_tokens(tokens: Sequence[int], vocabulary: int) -> None:
    """Raise `InvalidParameter` for an id that the model does not have."""
    for index, token in enumerate(tokens):
        if not 0 <= token < vocabulary:
            raise InvalidParameter(f"tokens[{index}]", f"{token} is no token of this model, which has {vocabulary}.")
