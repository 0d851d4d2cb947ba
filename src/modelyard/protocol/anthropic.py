"""Bodies of Anthropic's API: `/v1/messages` and `/v1/messages/count_tokens`.

`dialects/anthropic/features.py` lists the fields that no struct here has.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelyard.protocol.extensions import MOST
from modelyard.protocol.inference import Name, Stop, Unit

ToolName = Annotated[str, Meta(min_length=1, max_length=200)]


class Base64Data(msgspec.Struct, tag_field="type", tag="base64"):
    """Bytes of a picture or a document."""

    data: str
    media_type: str


class LinkedData(msgspec.Struct, tag_field="type", tag="url"):
    """The address of a picture or a document."""

    url: str


class StoredData(msgspec.Struct, tag_field="type", tag="file"):
    """A file of `/v1/files`."""

    file_id: str


class PlainData(msgspec.Struct, tag_field="type", tag="text"):
    """The text of a document."""

    data: str
    media_type: str = "text/plain"


class TextBlock(msgspec.Struct, tag_field="type", tag="text"):
    """A text. `citations` are those of an earlier answer."""

    text: str
    citations: list[Any] | None = None


class ImageBlock(msgspec.Struct, tag_field="type", tag="image"):
    """A picture."""

    source: Base64Data | LinkedData | StoredData
    transformations: dict[str, Any] | None = None


class BlockData(msgspec.Struct, tag_field="type", tag="content"):
    """The content of a document as blocks."""

    content: str | list[TextBlock | ImageBlock]


class CitationsSwitch(msgspec.Struct):
    """Whether an answer should cite a document."""

    enabled: bool = False


class DocumentBlock(msgspec.Struct, tag_field="type", tag="document"):
    """A document."""

    source: Base64Data | LinkedData | StoredData | PlainData | BlockData
    title: str | None = None
    context: str | None = None
    citations: CitationsSwitch | None = None


class SearchResultBlock(msgspec.Struct, tag_field="type", tag="search_result"):
    """A passage that a search of the client has found."""

    source: str
    title: str
    content: list[TextBlock]
    citations: CitationsSwitch | None = None


class ThinkingBlock(msgspec.Struct, tag_field="type", tag="thinking"):
    """Thoughts of the model. The signature is opaque for clients, which return it with the thoughts."""

    thinking: str
    signature: str = ""


class RedactedThinkingBlock(msgspec.Struct, tag_field="type", tag="redacted_thinking"):
    """Thoughts that only the server that made them can read."""

    data: str


class ToolUseBlock(msgspec.Struct, tag_field="type", tag="tool_use"):
    """A call of a tool."""

    id: Annotated[str, Meta(min_length=1)]
    name: ToolName
    input: dict[str, Any]


class ToolResultBlock(msgspec.Struct, tag_field="type", tag="tool_result"):
    """The result of a call."""

    tool_use_id: str
    content: str | list[TextBlock | ImageBlock | SearchResultBlock | DocumentBlock] | None = None
    is_error: bool | None = None


AnyBlock = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | SearchResultBlock
    | ThinkingBlock
    | RedactedThinkingBlock
    | ToolUseBlock
    | ToolResultBlock
)


class ConversationTurn(msgspec.Struct):
    """A message of a conversation."""

    role: Literal["user", "assistant", "system"]
    content: str | list[AnyBlock]


class ToolOffer(msgspec.Struct):
    """A tool: one of the client's own, or by its `type` one that Anthropic has defined."""

    name: ToolName | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ToolPreference(msgspec.Struct):
    """Which tool an answer must call."""

    type: Literal["auto", "any", "tool", "none"]
    name: ToolName | None = None
    disable_parallel_tool_use: bool | None = None


class ThinkingSetting(msgspec.Struct):
    """Whether the model thinks before its answer, and whether its thoughts are returned."""

    type: Literal["enabled", "disabled", "adaptive", "between_tools"]
    budget_tokens: Annotated[int, Meta(ge=1, le=MOST)] | None = None
    display: Literal["summarized", "omitted"] | None = None


class SchemaFormat(msgspec.Struct):
    """A JSON schema that the answer must follow."""

    type: Literal["json_schema"]
    schema: dict[str, Any]


class OutputSetting(msgspec.Struct):
    """How the model answers."""

    effort: Literal["low", "medium", "high", "xhigh", "max"] | None = None
    format: SchemaFormat | None = None


class CountedMessages(msgspec.Struct, kw_only=True):
    """Body of `POST /v1/messages/count_tokens`."""

    model: Name
    messages: Annotated[list[ConversationTurn], Meta(min_length=1, max_length=100_000)]
    system: str | list[TextBlock] | None = None
    tools: list[ToolOffer] | None = None
    tool_choice: ToolPreference | None = None
    thinking: ThinkingSetting | None = None
    output_config: OutputSetting | None = None
    output_format: SchemaFormat | None = None
    """The older place of `output_config.format`."""


class MessagesRequest(CountedMessages, kw_only=True):
    """Body of `POST /v1/messages`."""

    max_tokens: Annotated[int, Meta(ge=0, le=MOST)]
    stream: bool | None = None
    stop_sequences: Annotated[list[Stop], Meta(max_length=128)] | None = None
    temperature: Annotated[float, Meta(ge=0, le=2)] | None = None
    top_p: Unit | None = None
    top_k: Annotated[int, Meta(ge=0, le=MOST)] | None = None


class SearchResultLocation(msgspec.Struct, tag_field="type", tag="search_result_location"):
    """Where an answer of a knowledge base has a statement from."""

    cited_text: str
    source: str
    """Path of the document on this server."""
    title: str
    search_result_index: int
    """From 0: one less than the number in brackets in the text."""
    start_block_index: int = 0
    end_block_index: int = 1


class MessageUsage(msgspec.Struct):
    """Tokens that a request took. The prompt's are the sum of the three `input` fields."""

    input_tokens: int = 0
    output_tokens: int = 0
    cache_creation_input_tokens: int = 0
    cache_read_input_tokens: int = 0


StopCause = Literal["end_turn", "max_tokens", "stop_sequence", "tool_use", "refusal", "model_context_window_exceeded"]


class MessageAnswer(msgspec.Struct, tag_field="type", tag="message"):
    """Answer of `POST /v1/messages`."""

    id: str
    model: str
    content: list[TextBlock | ThinkingBlock | ToolUseBlock]
    stop_reason: StopCause | None
    usage: MessageUsage
    stop_sequence: str | None = None
    role: Literal["assistant"] = "assistant"
    container: None = None


class TokensCounted(msgspec.Struct):
    """Answer of `POST /v1/messages/count_tokens`."""

    input_tokens: int


class MessageEvent(msgspec.Struct):
    """Data of an event of a streamed message; `type` is its name, too."""

    type: Literal[
        "message_start",
        "content_block_start",
        "content_block_delta",
        "content_block_stop",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    ]
    message: MessageAnswer | None = None
    index: int | None = None
    content_block: TextBlock | ThinkingBlock | ToolUseBlock | None = None
    delta: dict[str, Any] | None = None
    usage: MessageUsage | None = None
    error: dict[str, Any] | None = None


class AnthropicError(msgspec.Struct, omit_defaults=True):
    """The error of an answer in Anthropic's form."""

    type: str
    message: str
    details: dict[str, Any] | None = None
    """`error_code`, for errors that clients recover from."""


class AnthropicFailure(msgspec.Struct, tag_field="type", tag="error"):
    """Body of an answer that is an error."""

    error: AnthropicError
    request_id: str


class AnthropicModel(msgspec.Struct, tag_field="type", tag="model"):
    """A model in Anthropic's form."""

    id: str
    display_name: str
    created_at: str
    lifecycle: str = "active"
    max_input_tokens: int | None = None
    max_tokens: int | None = None
