"""Bodies of the routes that answer messages of chats, and the events of such an answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Fields
from modelyard.protocol.chat_content import Content
from modelyard.protocol.chats import Id, MessageInfo, Name, Names
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body

AnswerMode = Literal["chat", "knowledge", "files", "web", "agent"]
AnswerState = Literal["completed", "failed", "stopped", "interrupted"]


class NewChatAnswer(Body):
    """Body of `POST /v1/chats/{chat}/answers`. What is left out is as the chat's settings say."""

    content: Content | None = None
    """A new question, which is added first. If left out, the message `parent` is answered, once more if it has an answer."""
    parent: Id | None = None
    """With `content`, the message that it follows (null for a first one); else the user's message that is answered. If left out,
    the active leaf."""
    mode: AnswerMode | None = None
    """`chat`: the model alone; `knowledge`: from knowledge bases; `files`: from stored files; `web`: from a web search; `agent`:
    with tools. If left out: `files` if the branch has files, `knowledge` with bases, `agent` with tools, else `chat`."""
    model: Name | None = None
    system: Annotated[str, Field(max_length=100_000)] | None = None
    parameters: Fields[Any] = Field(default_factory=dict)
    """Parameters of the request to the model, in addition to those of the chat."""
    bases: Names | None = None
    files: Names | None = None
    """Ids of stored files (`/v1/files`); if left out, those of the `file` parts of the branch."""
    tools: Names | None = None
    """Names of the server's tools; an empty list means all that the key may use."""
    search_engine: Name | None = None
    """If left out, the one of the server's settings."""
    top_k: int = Field(5, ge=1, le=20)
    """Number of sources."""


class ChatAnswerBegun(DeferredModel):
    """Answer of `POST /v1/chats/{chat}/answers`, while the answer is made."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["chat.answer"] = "chat.answer"
    question: MessageInfo | None
    """The message that was added, if the body has `content`."""
    message: MessageInfo
    """The answer, whose `state` is `running`; follow it with `GET /v1/chats/{chat}/messages/{message}/events`."""
    mode: AnswerMode


class AnswerEventFields(DeferredModel):
    """What all events of an answer have."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    number: int
    """From 1, without gaps; also the `id` of the server-sent event."""
    at: float
    """Unix time."""


class AnswerStart(DeferredModel):
    """What is known before the answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    chat: str
    message: str
    """Id of the message that the answer becomes."""
    mode: AnswerMode
    model: str | None
    """null for an answer that is put together from sources without a model."""


class AnswerStarted(AnswerEventFields):
    """The first event."""

    type: Literal["start"]
    data: AnswerStart


class AnswerSource(DeferredModel):
    """A source. Those of the web have `url`, others the fields of a citation."""

    model_config = ConfigDict(use_attribute_docstrings=True, extra="allow")

    number: int
    """What stands in brackets in the answer."""
    title: str
    url: str | None
    """Address of the page; of a document, the path of its content on this server."""
    text: str
    document: str | None = None
    document_id: int | None = None
    knowledge_base: str | None = None
    chunk_id: int | None = None
    page: int | None = None


class AnswerSourceList(DeferredModel):
    """The sources from which is answered."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    sources: list[AnswerSource]
    notes: list[str]
    """Sentences for people, such as that a base is searched by words alone."""


class AnswerSourcesFound(AnswerEventFields):
    """The sources, before the first text."""

    type: Literal["sources"]
    data: AnswerSourceList


class AnswerToolCall(DeferredModel):
    """A call of a tool."""

    id: str
    name: str
    arguments: dict[str, Any] | str


class AnswerToolStarted(AnswerEventFields):
    """A call of a tool begins."""

    type: Literal["tool_started"]
    data: AnswerToolCall


class AnswerToolResult(AnswerToolCall):
    """A call of a tool that has ended."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    output: str
    ok: bool
    ms: float
    """Milliseconds."""
    error: str | None


class AnswerToolEnded(AnswerEventFields):
    """A call of a tool has ended. Calls may end in any order."""

    type: Literal["tool_ended"]
    data: AnswerToolResult


class AnswerDelta(DeferredModel):
    """A piece of text."""

    text: str


class AnswerReasoning(AnswerEventFields):
    """A piece of the model's thinking."""

    type: Literal["reasoning"]
    data: AnswerDelta


class AnswerText(AnswerEventFields):
    """A piece of the answer."""

    type: Literal["text"]
    data: AnswerDelta


class AnswerNote(DeferredModel):
    """A message for people."""

    code: str
    text: str


class AnswerNotice(AnswerEventFields):
    """A message for people, such as that the model cannot call tools."""

    type: Literal["notice"]
    data: AnswerNote


class AnswerSummary(DeferredModel):
    """What is known of a whole answer."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    model: str | None
    finish_reason: str
    usage: dict[str, Any]
    timings: dict[str, float]
    """Milliseconds until the `sources`, the `first_token`, the `first_text` after the model's thinking, and in `total`."""
    citations: list[AnswerSource]
    """The sources that the answer cites."""
    evidence: bool | None
    """Whether the sources have the answer; null without sources."""
    notes: list[str]


class AnswerResult(AnswerEventFields):
    """The event before the last one of an answer that is whole."""

    type: Literal["result"]
    data: AnswerSummary


class AnswerEnd(DeferredModel):
    """How an answer ended."""

    state: AnswerState
    error: dict[str, str] | None


class AnswerEnded(AnswerEventFields):
    """The last event."""

    type: Literal["end"]
    data: AnswerEnd


AnswerEvent = Annotated[
    AnswerStarted
    | AnswerSourcesFound
    | AnswerToolStarted
    | AnswerToolEnded
    | AnswerReasoning
    | AnswerText
    | AnswerNotice
    | AnswerResult
    | AnswerEnded,
    Field(discriminator="type"),
]
