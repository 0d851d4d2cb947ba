"""Bodies of vLLM's `/tokenize`, `/detokenize` and `/classify`, which replicas answer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.extensions import OrAll, TokenId
from modelyard.protocol.inference import Name, RequestMessage


class TokenizeRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /tokenize`: a text, or a conversation, which goes through the model's chat template."""

    model: Name
    prompt: str | UnsetType = UNSET
    messages: Annotated[list[RequestMessage], Meta(min_length=1)] | UnsetType = UNSET
    add_special_tokens: bool | None | UnsetType = UNSET
    return_token_strs: bool | None | UnsetType = UNSET
    add_generation_prompt: bool | None | UnsetType = UNSET
    continue_final_message: bool | None | UnsetType = UNSET
    tools: list[dict[str, Any]] | None | UnsetType = UNSET
    enable_thinking: bool | None | UnsetType = UNSET
    chat_template: str | None | UnsetType = UNSET
    chat_template_kwargs: dict[str, Any] | None | UnsetType = UNSET


class TokenizeReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /tokenize`."""

    count: int
    max_model_len: int | None
    """Tokens of prompt and answer that the model takes at most."""
    tokens: list[int]
    token_strs: list[str] | None = None
    """The text of each token, with `return_token_strs`."""


class DetokenizeRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /detokenize`."""

    model: Name
    tokens: list[TokenId]


class DetokenizeReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /detokenize`."""

    prompt: str


class ClassifyRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /classify`: texts for a classifier."""

    model: Name
    input: str | list[str]
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET


class TextClass(msgspec.Struct, kw_only=True):
    """What a classifier makes of one text."""

    index: int
    label: str | None
    """The likeliest label."""
    probs: list[float]
    """The probability of each label."""
    num_classes: int
    scores: dict[str, float] = {}
    """Label → probability."""
    multi_label: bool = False
    """Whether each label is true or false by itself, so that the probabilities do not add up to one."""
    safe_labels: list[str] | None = None
    """The labels that the launch says are harmless."""


class ClassifyReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /classify`."""

    object: str
    model: str
    data: list[TextClass]
    id: str | None = None
    created: int | None = None
    usage: dict[str, Any] | None = None
