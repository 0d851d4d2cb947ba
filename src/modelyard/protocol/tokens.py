"""Bodies of vLLM's `/tokenize`, `/detokenize` and `/classify`, which replicas answer."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.extensions import OrAll, TokenId
from modelyard.protocol.inference import Name, RequestMessage


class TokenizeRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /tokenize`: a text, or a conversation, to which the model's chat template is applied."""

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
    """Number of tokens."""
    max_model_len: int | None
    """Maximum number of tokens of prompt and answer; null if unknown."""
    tokens: list[int]
    token_strs: list[str] | None = None
    """The text of each token, if the request has `return_token_strs`."""


class DetokenizeRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /detokenize`."""

    model: Name
    tokens: list[TokenId]


class DetokenizeReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /detokenize`."""

    prompt: str


class ClassifyRequest(msgspec.Struct, kw_only=True):
    """Body of `POST /classify`: texts to classify."""

    model: Name
    input: str | list[str]
    truncate_prompt_tokens: OrAll | None | UnsetType = UNSET


class TextClass(msgspec.Struct, kw_only=True):
    """The classes of one text."""

    index: int
    label: str | None
    """The most probable label."""
    probs: list[float]
    """The probability of each label."""
    num_classes: int
    scores: dict[str, float] = {}
    """Label → probability."""
    multi_label: bool = False
    """Whether labels are independent of each other, so that the probabilities need not add up to 1."""
    safe_labels: list[str] | None = None
    """The labels that the launch declares harmless."""


class ClassifyReply(msgspec.Struct, kw_only=True):
    """Answer of `POST /classify`."""

    object: str
    model: str
    data: list[TextClass]
    id: str | None = None
    created: int | None = None
    usage: dict[str, Any] | None = None
