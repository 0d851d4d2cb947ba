"""Answers of OpenAI's `/v1/responses`: the response, the items of its output, and the events of a stream."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from modelyard.protocol.responses_items import Item, SummaryText, ThoughtText

ItemStatus = Literal["in_progress", "completed", "incomplete"]
Status = Literal["completed", "failed", "in_progress", "cancelled", "queued", "incomplete"]


class FileCitation(msgspec.Struct, tag_field="type", tag="file_citation"):
    """A citation of a knowledge base's document."""

    index: int
    """Index in the text of the bracketed number; the length of the text if the model wrote none."""
    file_id: str
    filename: str


class UrlCitation(msgspec.Struct, tag_field="type", tag="url_citation"):
    """A citation of a web page."""

    start_index: int
    """Index in the text of the bracketed number; the length of the text if the model wrote none."""
    end_index: int
    url: str
    title: str


class OutputText(msgspec.Struct, tag_field="type", tag="output_text"):
    """A text in the output."""

    text: str = ""
    annotations: list[Any] = []
    logprobs: list[dict[str, Any]] = []


class OutputRefusal(msgspec.Struct, tag_field="type", tag="refusal"):
    """A refusal in the output."""

    refusal: str = ""


class OutputMessage(msgspec.Struct, tag_field="type", tag="message"):
    """A message in the output."""

    id: str
    status: ItemStatus = "in_progress"
    content: list[OutputText | OutputRefusal] = []
    role: Literal["assistant"] = "assistant"


class OutputReasoning(msgspec.Struct, tag_field="type", tag="reasoning", omit_defaults=True):
    """The model's reasoning in the output."""

    id: str
    summary: list[SummaryText]
    content: list[ThoughtText] | None = None
    encrypted_content: str | None = None
    status: ItemStatus | None = None


class OutputFunctionCall(msgspec.Struct, tag_field="type", tag="function_call", omit_defaults=True):
    """A call of a function."""

    id: str
    call_id: str
    name: str
    arguments: str
    status: ItemStatus
    namespace: str | None = None


class OutputCustomCall(msgspec.Struct, tag_field="type", tag="custom_tool_call", omit_defaults=True):
    """A call of a custom tool."""

    id: str
    call_id: str
    name: str
    input: str
    status: ItemStatus
    namespace: str | None = None


OutputItem = OutputMessage | OutputReasoning | OutputFunctionCall | OutputCustomCall


class InputDetails(msgspec.Struct):
    """Breakdown of the prompt's tokens."""

    cached_tokens: int = 0
    cache_write_tokens: int = 0


class OutputDetails(msgspec.Struct):
    """Breakdown of the answer's tokens."""

    reasoning_tokens: int = 0


class ResponseUsage(msgspec.Struct):
    """Numbers of tokens of a response."""

    input_tokens: int
    input_tokens_details: InputDetails
    output_tokens: int
    output_tokens_details: OutputDetails
    total_tokens: int


class Incompleteness(msgspec.Struct):
    """The reason for which a response is incomplete."""

    reason: Literal["max_output_tokens", "content_filter"]


class ResponseProblem(msgspec.Struct):
    """The error of a failed response."""

    code: str
    message: str


class ResponseAnswer(msgspec.Struct, kw_only=True):
    """A response, with the settings of its request."""

    id: str
    object: Literal["response"] = "response"
    created_at: int
    completed_at: int | None = None
    status: Status = "in_progress"
    background: bool = False
    error: ResponseProblem | None = None
    incomplete_details: Incompleteness | None = None
    instructions: str | None = None
    max_output_tokens: int | None = None
    max_tool_calls: int | None = None
    metadata: dict[str, str] = {}
    model: str
    output: list[Any] = []
    """Items of the types in `OutputItem`, and items of hosted tools as JSON objects."""
    parallel_tool_calls: bool = True
    previous_response_id: str | None = None
    conversation: dict[str, str] | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning: dict[str, Any] = {}
    safety_identifier: str | None = None
    service_tier: str = "default"
    store: bool = False
    temperature: float = 1.0
    text: dict[str, Any] = {}
    tool_choice: str | dict[str, Any] = "auto"
    tools: list[Item] = []
    top_logprobs: int = 0
    top_p: float = 1.0
    truncation: Literal["auto", "disabled"] = "disabled"
    usage: ResponseUsage | None = None
    user: str | None = None


class ResponseEvent(msgspec.Struct):
    """Data of an event of a streamed response. `type` is also the name of the event; further fields depend on it."""

    type: str
    sequence_number: int
    response: ResponseAnswer | None = None
    output_index: int | None = None
    content_index: int | None = None
    item_id: str | None = None
    item: dict[str, Any] | None = None
    part: dict[str, Any] | None = None
    delta: str | None = None


class InputTokens(msgspec.Struct):
    """Answer of `POST /v1/responses/input_tokens`."""

    input_tokens: int
    object: Literal["response.input_tokens"] = "response.input_tokens"


class OpenAiError(msgspec.Struct):
    """An error in OpenAI's form."""

    message: str
    type: str
    code: str | None = None
    param: str | None = None


class OpenAiFailure(msgspec.Struct):
    """Body of an error answer."""

    error: OpenAiError
