"""Items of OpenAI's `/v1/responses`, of which a conversation consists, with the content parts of requests.

`dialects/responses/features.py` lists the kinds of items that are in no struct here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelyard.protocol.inference import Effort

Item = dict[str, Any]
"""An item as a JSON object."""

CallName = Annotated[str, Meta(min_length=1, max_length=256)]
CallId = Annotated[str, Meta(min_length=1, max_length=1000)]


class TextInput(msgspec.Struct, tag_field="type", tag="input_text"):
    """A text part."""

    text: str


class ImageInput(msgspec.Struct, tag_field="type", tag="input_image"):
    """A picture: a URL, a data URL, or a stored file."""

    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class FileInput(msgspec.Struct, tag_field="type", tag="input_file"):
    """A document: a stored file, or its content in base64 or as a data URL. `text` is its text, once it has been read."""

    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    detail: str | None = None
    text: str | None = None


class SoundData(msgspec.Struct):
    """A sound recording in base64."""

    data: str
    format: str


class SoundInput(msgspec.Struct, tag_field="type", tag="input_audio"):
    """A part that is a sound recording."""

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
    """A message of the conversation."""

    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[AnyPart]


class FunctionCallItem(msgspec.Struct, tag_field="type", tag="function_call"):
    """A call of a function. `arguments` is the text of a JSON object."""

    call_id: CallId
    name: CallName
    arguments: str = ""
    namespace: str | None = None


class FunctionOutputItem(msgspec.Struct, tag_field="type", tag="function_call_output"):
    """The result of a function."""

    output: str | list[InputPart]
    call_id: CallId | None = None


class CustomCallItem(msgspec.Struct, tag_field="type", tag="custom_tool_call"):
    """A call of a custom tool, whose input is a text."""

    call_id: CallId
    name: CallName
    input: str
    namespace: str | None = None


class CustomOutputItem(msgspec.Struct, tag_field="type", tag="custom_tool_call_output"):
    """The result of a custom tool."""

    call_id: CallId
    output: str | list[InputPart]


class SummaryText(msgspec.Struct, tag_field="type", tag="summary_text"):
    """A part of the summary of the model's reasoning."""

    text: str


class ThoughtText(msgspec.Struct, tag_field="type", tag="reasoning_text"):
    """A part of the model's reasoning."""

    text: str


class PlainThought(msgspec.Struct, tag_field="type", tag="text"):
    """A part of the model's reasoning, in the form that Codex may send."""

    text: str


class ReasoningItem(msgspec.Struct, tag_field="type", tag="reasoning"):
    """The model's reasoning. `encrypted_content` is opaque; clients send it back unchanged."""

    summary: list[SummaryText] | None = None
    content: list[ThoughtText | PlainThought] | None = None
    encrypted_content: str | None = None


class AgentMessageItem(msgspec.Struct, tag_field="type", tag="agent_message"):
    """A message from one agent of Codex to another."""

    content: str | list[dict[str, Any]]
    author: str | None = None
    recipient: str | None = None


class AddedToolsItem(msgspec.Struct, tag_field="type", tag="additional_tools"):
    """Tools that are offered from this point of the conversation on."""

    tools: list[dict[str, Any]]
    role: str | None = None


class TextFormat(msgspec.Struct):
    """The format of an answer."""

    type: Literal["text", "json_schema", "json_object"]
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    schema: dict[str, Any] | None = None
    description: str | None = None
    strict: bool | None = None


class TextSetting(msgspec.Struct):
    """Settings for the text of an answer."""

    format: TextFormat | None = None
    verbosity: Literal["low", "medium", "high"] | None = None


class ReasoningSetting(msgspec.Struct):
    """Settings for the model's reasoning and how it is returned."""

    effort: Effort | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None
    generate_summary: Literal["auto", "concise", "detailed"] | None = None
    """The older name of `summary`."""


class ConfigurationItem(msgspec.Struct, tag_field="type", tag="configuration_update"):
    """Settings that replace those of the request from this point of the conversation on."""

    reasoning: ReasoningSetting | None = None
    text: TextSetting | None = None


class FileSearchItem(msgspec.Struct, tag_field="type", tag="file_search_call"):
    """A call of `file_search`. The fields are not typed, because items of other servers differ."""

    id: Any = None
    queries: Any = None
    output: Any = None
    """The text that the model read."""


class WebSearchItem(msgspec.Struct, tag_field="type", tag="web_search_call"):
    """A call of `web_search`: a search, or a page that was opened."""

    id: Any = None
    action: Any = None
    output: Any = None
    """The text that the model read."""


class McpCallItem(msgspec.Struct, tag_field="type", tag="mcp_call"):
    """A call of a tool of an MCP server."""

    id: Any = None
    server_label: Any = None
    name: Any = None
    arguments: Any = None
    output: Any = None
    error: Any = None


HostedItem = FileSearchItem | WebSearchItem | McpCallItem
"""A call of a hosted tool, which a server has carried out."""

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
