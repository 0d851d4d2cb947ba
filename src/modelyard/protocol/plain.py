"""Bodies that every engine accepts as they are. Most requests are of this kind, and one decode recognises them.

Any other body is decoded again into the whole struct of its path, which finds what is wrong with it or must be changed. So every
limit here is as narrow as the narrowest engine, and nothing may be null.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from modelyard.protocol.extensions import MOST
from modelyard.protocol.inference import Name, Penalty, Stop, Unit

Tokens = Annotated[int, Meta(ge=1, le=MOST)]


class PlainMessage(msgspec.Struct, forbid_unknown_fields=True):
    """One message that is a text."""

    role: Literal["system", "user", "assistant"]
    content: str


class PlainStreamOptions(msgspec.Struct, forbid_unknown_fields=True):
    """Options of a streamed answer that every engine has."""

    include_usage: bool = False


class PlainSampling(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Fields that plain chats and completions share."""

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
    """A conversation in texts."""

    messages: Annotated[list[PlainMessage], Meta(min_length=1)]
    max_completion_tokens: Tokens | UnsetType = UNSET


class PlainCompletion(PlainSampling, kw_only=True, forbid_unknown_fields=True):
    """One text to continue."""

    prompt: str


class PlainEmbedding(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Texts to embed."""

    model: Name
    input: str | Annotated[list[str], Meta(min_length=1)]
    encoding_format: Literal["float", "base64"] | UnsetType = UNSET
    user: str | UnsetType = UNSET


PLAIN: frozenset[type[msgspec.Struct]] = frozenset({PlainChat, PlainCompletion, PlainEmbedding})
