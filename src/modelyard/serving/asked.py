"""Bodies of the requests that write text: what the gateway checks, and the fields beyond that vLLM has too."""

from __future__ import annotations

from typing import Annotated, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.inference import ChatRequest, CompletionRequest

MOST_CHOICES = 128

Choices = Annotated[int, Meta(ge=1, le=MOST_CHOICES)]


class Chat(ChatRequest, kw_only=True):
    """Body of `/v1/chat/completions`."""

    n: Choices | None | UnsetType = UNSET
    stop_token_ids: list[int] | None | UnsetType = UNSET
    ignore_eos: bool | None | UnsetType = UNSET
    skip_special_tokens: bool | None | UnsetType = UNSET


class Completion(CompletionRequest, kw_only=True):
    """Body of `/v1/completions`."""

    n: Choices | None | UnsetType = UNSET
    stop_token_ids: list[int] | None | UnsetType = UNSET
    ignore_eos: bool | None | UnsetType = UNSET
    skip_special_tokens: bool | None | UnsetType = UNSET


Asked: TypeAlias = Chat | Completion
