"""TypedDicts of models' answers in OpenAI's format. Engines add fields of their own, which are passed through."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict

Role = Literal["system", "user", "assistant", "tool"]


class UsageDict(TypedDict, total=False):
    """Tokens of a request and its answer."""

    prompt_tokens: Required[int]
    completion_tokens: int
    total_tokens: Required[int]
    prompt_tokens_details: dict[str, Any] | None
    completion_tokens_details: dict[str, Any] | None


class FunctionCallDict(TypedDict):
    """The function that a model calls; `arguments` is JSON as text."""

    name: str
    arguments: str


class ToolCallDict(TypedDict, total=False):
    """A call of a tool; the pieces of a streamed one have an `index`."""

    id: str
    type: str
    index: int
    function: Required[FunctionCallDict]


class ReplyDict(TypedDict, total=False):
    """The message in a model's answer."""

    role: Required[Role]
    content: Required[str | None]
    reasoning_content: str | None
    tool_calls: list[ToolCallDict] | None


class DeltaDict(TypedDict, total=False):
    """The next piece of a message."""

    role: Role
    content: str | None
    reasoning_content: str | None
    tool_calls: list[ToolCallDict] | None


class ReplyChoiceDict(TypedDict, total=False):
    """One of `n` messages."""

    index: Required[int]
    message: Required[ReplyDict]
    finish_reason: Required[str | None]
    logprobs: dict[str, Any] | None


class DeltaChoiceDict(TypedDict, total=False):
    """A piece of one of `n` messages."""

    index: Required[int]
    delta: Required[DeltaDict]
    finish_reason: str | None
    logprobs: dict[str, Any] | None


class TextChoiceDict(TypedDict, total=False):
    """One of `n` continuations of a text, or a piece of it."""

    index: Required[int]
    text: Required[str]
    finish_reason: str | None
    logprobs: dict[str, Any] | None


class ChatCompletionDict(TypedDict, total=False):
    """The answer to messages. That of a knowledge base has the cited documents in `citations`."""

    id: Required[str]
    object: Required[str]
    created: Required[int]
    model: Required[str]
    choices: Required[list[ReplyChoiceDict]]
    usage: UsageDict
    system_fingerprint: str | None
    citations: list[dict[str, Any]]


class ChatChunkDict(TypedDict, total=False):
    """One event of a streamed answer to messages; the last may have `usage` and no choices."""

    id: Required[str]
    object: Required[str]
    created: Required[int]
    model: Required[str]
    choices: Required[list[DeltaChoiceDict]]
    usage: UsageDict | None
    system_fingerprint: str | None
    citations: list[dict[str, Any]]


class TextCompletionDict(TypedDict, total=False):
    """The continuation of a text, or one event of it."""

    id: Required[str]
    object: Required[str]
    created: Required[int]
    model: Required[str]
    choices: Required[list[TextChoiceDict]]
    usage: UsageDict | None
    system_fingerprint: str | None


class EmbeddingDict(TypedDict):
    """The vector of one text; as base64 text if `encoding_format` says so."""

    index: int
    object: str
    embedding: list[float]


class EmbeddingsDict(TypedDict):
    """The vectors of texts, in their order."""

    object: str
    model: str
    data: list[EmbeddingDict]
    usage: UsageDict


class RankDict(TypedDict, total=False):
    """One document of a ranking: its place in the request, and the document itself with `return_documents`."""

    index: Required[int]
    relevance_score: Required[float]
    document: dict[str, Any] | str | None


class RankingDict(TypedDict, total=False):
    """Documents by how well they answer a query, best first."""

    id: str
    results: Required[list[RankDict]]
    meta: dict[str, Any] | None


class MediaItemDict(TypedDict, total=False):
    """One picture or video: its URL, or its bytes as base64."""

    url: str | None
    b64_json: str | None


class MediaListDict(TypedDict):
    """The generated pictures or videos."""

    created: int
    data: list[MediaItemDict]


class StreamedConfigDict(TypedDict, total=False):
    """Generation settings that ask for a stream, as programs written for Xinference do. Other programs give `stream=True`."""

    stream: Required[Literal[True]]
    max_tokens: int
    temperature: float
    top_p: float
    top_k: int
    min_p: float
    stop: str | list[str]
    seed: int
    n: int
    presence_penalty: float
    frequency_penalty: float
    repetition_penalty: float
    stream_options: dict[str, Any]
    response_format: dict[str, Any]
    chat_template_kwargs: dict[str, Any]
