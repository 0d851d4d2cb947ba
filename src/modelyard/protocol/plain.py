"""Structs of request bodies that every engine accepts without changes. Most requests are such; one decode recognises them.

Any other body is decoded again into the full struct of its path, which finds what is wrong or must be changed. So each limit
here is as narrow as that of the strictest engine, and no field may be null."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.extensions import MOST
from modelyard.protocol.inference import Name, Penalty, Stop, Unit

Tokens = Annotated[int, Meta(ge=1, le=MOST)]


class PlainMessage(msgspec.Struct, forbid_unknown_fields=True):
    """A message whose content is a text."""

    role: Literal["system", "user", "assistant"]
    content: str


class PlainStreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Options of a stream that every engine supports."""

    include_usage: bool = False


class PlainSampling(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Fields that plain chats and plain completions share."""

    model: Name
    stream: bool = False
    stream_options: PlainStreamOptions | UnsetType = UNSET
    max_tokens: Tokens | UnsetType = UNSET
    temperature: Annotated[float, Meta(ge=0, le=2)] | UnsetType = UNSET
    top_p: Unit | UnsetType = UNSET
    n: Literal[1] | UnsetType = UNSET
    stop: Stop | Annotated[list[Stop], Meta(max_length=16)] | UnsetType = UNSET
    seed: Annotated[int, Meta(ge=0, le=MOST)] | UnsetType = UNSET
    presence_penalty: Penalty | UnsetType = UNSET
    frequency_penalty: Penalty | UnsetType = UNSET
    user: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        if self.stream_options is not UNSET and not self.stream:
            raise ValueError


class PlainChat(PlainSampling, kw_only=True, forbid_unknown_fields=True):
    """A conversation whose messages are texts."""

    messages: Annotated[list[PlainMessage], Meta(min_length=1)]
    max_completion_tokens: Tokens | UnsetType = UNSET


class PlainCompletion(PlainSampling, kw_only=True, forbid_unknown_fields=True):
    """A single text to continue."""

    prompt: str


class PlainEmbedding(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Texts to embed."""

    model: Name
    input: str | Annotated[list[str], Meta(min_length=1)]
    encoding_format: Literal["float", "base64"] | UnsetType = UNSET
    user: str | UnsetType = UNSET


PLAIN: frozenset[type[msgspec.Struct]] = frozenset({PlainChat, PlainCompletion, PlainEmbedding})
