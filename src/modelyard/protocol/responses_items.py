"""Items of OpenAI's `/v1/responses`: what a conversation consists of. Their parts are those of requests.

`dialects/responses/features.py` lists the kinds of items that no struct here has.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelyard.protocol.inference import Effort

Item = dict[str, Any]
"""An item as its JSON."""

CallName = Annotated[str, Meta(min_length=1, max_length=256)]
CallId = Annotated[str, Meta(min_length=1, max_length=1000)]


class TextInput(msgspec.Struct, tag_field="type", tag="input_text"):
    """A text."""

    text: str


class ImageInput(msgspec.Struct, tag_field="type", tag="input_image"):
    """A picture: an address, a data URL, or a stored file."""

    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class FileInput(msgspec.Struct, tag_field="type", tag="input_file"):
    """A document: a stored file, or its content in base64 or as a data URL. `text` is what it says, once it was read."""

    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    detail: str | None = None
    text: str | None = None


class SoundData(msgspec.Struct):
    """A recording in base64."""

    data: str
    format: str


class SoundInput(msgspec.Struct, tag_field="type", tag="input_audio"):
    """A recording."""

    input_audio: SoundData


class EarlierText(msgspec.Struct, tag_field="type", tag="output_text"):
    """A text of an earlier answer."""

    text: str


class EarlierRefusal(msgspec.Struct, tag_field="type", tag="refusal"):
    """A refusal of an earlier answer."""

    refusal: str


AnyPart = TextInput | ImageInput | FileInput | SoundInput | EarlierText | EarlierRefusal
InputPart = TextInput | ImageInput | FileInput | SoundInput


class MessageItem(msgspec.Struct, tag_field="type", tag="message"):
    """A message."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[AnyPart]


class FunctionCallItem(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call of a function. `arguments` is the JSON of an object."""

    call_id: CallId
    name: CallName
    arguments: str = ""
    namespace: str | None = None


class FunctionOutputItem(msgspec.Struct, tag_field="type", tag="function_call_output"):
    """What a function has returned."""

    output: str | list[InputPart]
    call_id: CallId | None = None


class CustomCallItem(msgspec.Struct, tag_field="type", tag="custom_tool_call"):
    """A call of a tool whose input is a text."""

    call_id: CallId
    name: CallName
    input: str
    namespace: str | None = None


class CustomOutputItem(msgspec.Struct, tag_field="type", tag="custom_tool_call_output"):
    """What a custom tool has returned."""

    call_id: CallId
    output: str | list[InputPart]


class SummaryText(msgspec.Struct, tag_field="type", tag="summary_text"):
    """A part of thoughts that are shown as their summary."""

    text: str


class ThoughtText(msgspec.Struct, tag_field="type", tag="reasoning_text"):
    """A part of thoughts."""

    text: str


class PlainThought(msgspec.Struct, tag_field="type", tag="text"):
    """A part of thoughts, as Codex may return it."""

    text: str


class ReasoningItem(msgspec.Struct, tag_field="type", tag="reasoning"):
    """Thoughts of the model. `encrypted_content` is opaque for clients, which return it."""

    summary: list[SummaryText] | None = None
    content: list[ThoughtText | PlainThought] | None = None
    encrypted_content: str | None = None


class AgentMessageItem(msgspec.Struct, tag_field="type", tag="agent_message"):
    """A message of one of Codex's agents to another one."""

    content: str | list[dict[str, Any]]
    author: str | None = None
    recipient: str | None = None


class AddedToolsItem(msgspec.Struct, tag_field="type", tag="additional_tools"):
    """Tools that are offered from here on."""

    tools: list[dict[str, Any]]
    role: str | None = None


class TextFormat(msgspec.Struct):
    """The form of an answer."""

    type: Literal["text", "json_schema", "json_object"]
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class TextSetting(msgspec.Struct):
    """How an answer's text is written."""

    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningSetting(msgspec.Struct):
    """How the model thinks, and how its thoughts are returned."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    """The older name of `summary`."""


class ConfigurationItem(msgspec.Struct, tag_field="type", tag="configuration_update"):
    """Settings that hold from here on, in place of those of the request."""

    reasoning: ReasoningSetting | None = None
    text: TextSetting | None = None


class FileSearchItem(msgspec.Struct, tag_field="type", tag="file_search_call"):
    """A search in knowledge bases. Other servers may write these fields as they like."""

    id: Any = None
    queries: Any = None
    output: Any = None
    """What the model has read."""


class WebSearchItem(msgspec.Struct, tag_field="type", tag="web_search_call"):
    """A search of the web, or a page that was read."""

    id: Any = None
    action: Any = None
    output: Any = None
    """What the model has read."""


class McpCallItem(msgspec.Struct, tag_field="type", tag="mcp_call"):
    """A call of a tool of an MCP server."""

    id: Any = None
    server_label: Any = None
    name: Any = None
    arguments: Any = None
    output: Any = None
    error: Any = None


HostedItem = FileSearchItem | WebSearchItem | McpCallItem
"""A call that a server has carried out."""

AnyItem = (
    HostedItem
    | MessageItem
    | FunctionCallItem
    | FunctionOutputItem
    | CustomCallItem
    | CustomOutputItem
    | ReasoningItem
    | AgentMessageItem
    | AddedToolsItem
    | ConfigurationItem
)
