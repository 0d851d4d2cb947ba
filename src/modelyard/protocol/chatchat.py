"""Answers of the routes that Langchain-Chatchat has, and the `data` of its `BaseResponse`."""

from __future__ import annotations

from typing import Any, Literal

from typing_extensions import TypedDict

from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.error_event import ErrorEvent


class ChatEvent(DeferredModel):
    """Event of `/chat/chat`: a piece of the answer, or all of it."""

    text: str
    message_id: str


class AgentEvent(DeferredModel):
    """Event of `/chat/agent_chat`. It has one of the fields; a whole answer, which is not streamed, has `answer` and
    `final_answer`."""

    answer: str | None = None
    tools: list[str] | None = None
    """A tool call, as lines of text."""
    final_answer: str | None = None
    notice: str | None = None


class SourcedEvent(DeferredModel):
    """Event of the chats with sources. It has one of the fields; a whole answer, which is not streamed, has both."""

    answer: str | None = None
    docs: list[str] | None = None
    """The sources, as Markdown."""


class ProgressEvent(DeferredModel):
    """Event of the routes that process the documents of a knowledge base one by one."""

    code: int
    msg: str
    total: int | None = None
    finished: int | None = None
    doc: str | None = None
    error: str | None = None


ChatEvents = ChatEvent | ErrorEvent
AgentEvents = AgentEvent | ErrorEvent
SourcedEvents = SourcedEvent | ErrorEvent
ProgressEvents = ProgressEvent | ErrorEvent


class ChatchatToolCall(DeferredModel):
    """A tool call and its result. Calls of the caller's own tools have no `tool_output`."""

    index: int | None = None
    id: str | None = None
    type: str
    function: dict[str, str]
    tool_output: str | None = None
    is_error: bool | None = None


class ChatchatMessage(DeferredModel):
    """The message of an answer."""

    role: str
    content: str | None
    finish_reason: str | None
    tool_calls: list[ChatchatToolCall]


class ChatchatChoice(DeferredModel):
    """The only choice of an answer."""

    index: int
    message: ChatchatMessage
    finish_reason: str | None


class ChatchatCompletion(DeferredModel):
    """An answer in one object. Chats with sources have `docs`; agents and forced tools have the last three fields."""

    id: str
    object: Literal["chat.completion"]
    model: str | None
    created: int
    status: int | None
    """Kind of an agent's chunk: 1 started, 2 piece of text, 5 finished, 6 tool started, 7 tool ended."""
    message_type: int
    message_id: str | None
    is_ref: bool
    docs: list[str] | None = None
    choices: list[ChatchatChoice]
    tool_call: str | None = None
    tool_output: str | None = None
    usage: dict[str, Any] | None = None


class ChatchatDelta(DeferredModel):
    """The new part of the answer in a chunk."""

    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    tool_calls: list[dict[str, Any]] | None = None


class ChatchatChunkChoice(DeferredModel):
    """The only choice of a chunk."""

    index: int
    delta: ChatchatDelta
    role: str | None = None
    finish_reason: str | None = None


class ChatchatChunk(DeferredModel):
    """A chunk of a streamed answer; one that a model's server sent has that server's fields. `docs` come with the first."""

    id: str
    object: str
    model: str | None
    created: int
    status: int | None = None
    message_type: int | None = None
    message_id: str | None = None
    is_ref: bool | None = None
    docs: list[str] | None = None
    choices: list[ChatchatChunkChoice]
    usage: dict[str, Any] | None = None


ChatchatChunks = ChatchatChunk | ErrorEvent


class ReleaseAnswer(DeferredModel):
    """Whether a model was stopped or changed: `code` is 200 or 500, `msg` is a sentence."""

    code: int
    msg: str


class SplitterConfig(DeferredModel):
    """A text splitter of `/server/configs`."""

    source: str
    tokenizer_name_or_path: str


class ServerConfigs(DeferredModel):
    """Answer of `/server/configs`."""

    DEFAULT_KNOWLEDGE_BASE: str
    DEFAULT_SEARCH_ENGINE: str
    DEFAULT_VS_TYPE: str
    CHUNK_SIZE: int
    OVERLAP_SIZE: int
    SCORE_THRESHOLD: float
    VECTOR_SEARCH_TOP_K: int
    SEARCH_ENGINE_TOP_K: int
    ZH_TITLE_ENHANCE: bool
    text_splitter_dict: dict[str, SplitterConfig]
    TEXT_SPLITTER_NAME: str
    LLM_MODELS: list[str]
    HISTORY_LEN: int
    TEMPERATURE: float
    PROMPT_TEMPLATES: dict[str, dict[str, str]]
    controller_address: str
    openai_api_address: str
    api_address: str


class ModelConfig(TypedDict, total=False):
    """A language model's configuration. Models of external servers have `online_api` in place of a path."""

    host: str
    port: int
    device: str
    infer_turbo: bool | str
    """The engine's name where Chatchat knows it as an accelerator, else false."""
    online_api: bool
    model_path: str
    """The path of the weights on this machine, else a repository id on a hub, else a name."""
    model_path_exists: bool


class BaseDescription(TypedDict):
    """A knowledge base's new description."""

    kb_info: str


class FailedFiles(TypedDict, total=False):
    """Messages about the documents that could not be processed, by document name."""

    failed_files: dict[str, str]


class TemporaryUpload(TypedDict):
    """A temporary base, and for each document that could not be processed, its name and a message."""

    id: str
    failed_files: list[dict[str, str]]


class SummaryMetadata(TypedDict):
    """Where a summary comes from; `doc_ids` are chunk ids joined by commas."""

    file_description: str
    summary_intermediate_steps: list[str]
    doc_ids: str


class SummaryDocument(TypedDict):
    """A summary in the form of LangChain's documents."""

    page_content: str
    metadata: SummaryMetadata
    type: str


class Summaries(TypedDict, total=False):
    """The summary of chunks, in a list of one; absent in refusals."""

    summarize: list[SummaryDocument]
