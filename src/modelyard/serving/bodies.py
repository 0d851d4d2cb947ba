"""Bodies of the requests that generate text: the fields that the gateway checks, and vLLM's additional fields."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.inference import ChatRequest, CompletionRequest

MOST_CHOICES = 128

Choices = Annotated[int, Meta(ge=1, le=MOST_CHOICES)]


class ChatBody(ChatRequest, kw_only=True):
    """Body of `/v1/chat/completions`."""

    n: Choices | None | UnsetType = UNSET
    stop_token_ids: list[int] | None | UnsetType = UNSET
    ignore_eos: bool | None | UnsetType = UNSET
    min_tokens: Annotated[int, Meta(ge=0)] | None | UnsetType = UNSET
    include_stop_str_in_output: bool | None | UnsetType = UNSET
    return_token_ids: bool | None | UnsetType = UNSET
    skip_special_tokens: bool | None | UnsetType = UNSET
    guided_json: dict[str, Any] | str | bool | None | UnsetType = UNSET
    guided_json_object: bool | None | UnsetType = UNSET
    guided_regex: str | None | UnsetType = UNSET
    guided_choice: list[str] | None | UnsetType = UNSET
    guided_grammar: str | None | UnsetType = UNSET
    structured_outputs: dict[str, Any] | None | UnsetType = UNSET


class CompletionBody(CompletionRequest, kw_only=True):
    """Body of `/v1/completions`."""

    response_format: dict[str, Any] | None | UnsetType = UNSET
    n: Choices | None | UnsetType = UNSET
    stop_token_ids: list[int] | None | UnsetType = UNSET
    ignore_eos: bool | None | UnsetType = UNSET
    min_tokens: Annotated[int, Meta(ge=0)] | None | UnsetType = UNSET
    include_stop_str_in_output: bool | None | UnsetType = UNSET
    return_token_ids: bool | None | UnsetType = UNSET
    skip_special_tokens: bool | None | UnsetType = UNSET
    guided_json: dict[str, Any] | str | bool | None | UnsetType = UNSET
    guided_json_object: bool | None | UnsetType = UNSET
    guided_regex: str | None | UnsetType = UNSET
    guided_choice: list[str] | None | UnsetType = UNSET
    guided_grammar: str | None | UnsetType = UNSET
    structured_outputs: dict[str, Any] | None | UnsetType = UNSET


TextBody: TypeAlias = ChatBody | CompletionBody
