"""Bodies of requests to OpenAI's `/v1/responses` and `/v1/responses/input_tokens`.

`dialects/responses/features.py` lists the fields that are in no struct here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelyard.protocol.extensions import MOST
from modelyard.protocol.inference import Name, Unit
from modelyard.protocol.responses_items import Item, ReasoningSetting, TextSetting

MOST_ITEMS = 100_000
MetadataKey = Annotated[str, Meta(max_length=64)]
MetadataValue = Annotated[str, Meta(max_length=512)]


class ConversationName(msgspec.Struct):
    """The id of a conversation, as an object."""

    id: Annotated[str, Meta(min_length=1)]


class EventOptions(msgspec.Struct):
    """Options of a streamed response."""

    include_obfuscation: bool | None = None


class CountedInput(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/responses/input_tokens`."""

    model: Name
    input: Annotated[str, Meta(min_length=1)] | Annotated[list[Item], Meta(max_length=MOST_ITEMS)] | None = None
    instructions: str | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningSetting | None = None
    text: TextSetting | None = None
    truncation: Literal["auto", "disabled"] | None = None
    previous_response_id: Annotated[str, Meta(min_length=1)] | None = None
    conversation: Annotated[str, Meta(min_length=1)] | ConversationName | None = None


class ResponseRequest(CountedInput, kw_only=True):
    """Body of `POST /v1/responses`."""

    stream: bool | None = None
    stream_options: EventOptions | None = None
    max_output_tokens: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    max_tool_calls: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Unit | None = None
    top_logprobs: Annotated[int, Meta(ge=0, le=20)] | None = None
    include: list[str] | None = None
    metadata: dict[MetadataKey, MetadataValue] | None = None
    store: bool | None = None
    background: bool | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    service_tier: str | None = None
