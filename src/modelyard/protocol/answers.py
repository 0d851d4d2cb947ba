"""Bodies of the routes that let a chat be answered by the server, and the events of such an answer."""

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
    """Body of `POST /v1/chats/{chat}/answers`. Fields that are left out take the values of the chat's settings."""

    content: Content | None = None
    """A new question, which is added first. If left out, the message `parent` is answered, once more if it has an answer."""
    parent: Id | None = None
    """With `content`, the message that it follows (null for a first one); else the user's message that is answered. If left out,
    the active leaf."""
    mode: AnswerMode | None = None
    """`chat`: the model alone; `knowledge`: from knowledge bases; `files`: from stored files; `web`: from a web search; `agent`:
    with tools. If left out: `files` if the branch has files, `knowledge` with bases, `agent` with tools, else `chat`."""
    model: Name | None = None
    """Uid of the model that answers; if left out, the chat's model."""
    system: Annotated[str, Field(max_length=100_000)] | None = None
    """System message of this answer, in place of the chat's."""
    parameters: Fields[Any] = Field(default_factory=dict)
    """Parameters of the request to the model, in addition to those of the chat."""
    bases: Names | None = None
    """Names of the knowledge bases to search; if left out, those of the chat."""
    files: Names | None = None
    """Ids of stored files (`/v1/files`); if left out, those of the `file` parts of the branch."""
    tools: Names | None = None
    """Names of the server's tools; an empty list means all that the key may use."""
    search_engine: Name | None = None
    """Name of the web search engine; if left out, the one of the server's settings."""
    top_k: int = Field(5, ge=1, le=20)
    """Maximum number of sources that the model reads."""


class ChatAnswerBegun(DeferredModel):
    """Answer of `POST /v1/chats/{chat}/answers`, which returns before the model has answered."""

    object: Literal["chat.answer"] = "chat.answer"
    question: MessageInfo | None
    """The message that was added, if the body has `content`."""
    message: MessageInfo
    """The answer, whose `state` is `running`; follow it with `GET /v1/chats/{chat}/messages/{message}/events`."""
    mode: AnswerMode


class AnswerEventFields(DeferredModel):
    """Fields that every event of an answer has."""

    number: int
    """From 1, without gaps; also the `id` of the server-sent event."""
    at: float
    """Unix time in seconds."""


class AnswerStart(DeferredModel):
    """Facts about an answer that are known before its text."""

    chat: str
    """Id of the chat."""
    message: str
    """Id of the message in which the answer is stored."""
    mode: AnswerMode
    model: str | None
    """Uid of the model; null for an answer that consists of sources, without a model."""


class AnswerStarted(AnswerEventFields):
    """The first event."""

    type: Literal["start"]
    data: AnswerStart


class AnswerSource(DeferredModel):
    """A source of an answer. A web page has `url`; a chunk of a document has the fields of a citation."""

    model_config = ConfigDict(extra="allow")

    number: int
    """The number in square brackets with which the answer cites the source."""
    title: str
    url: str | None
    """Address of the web page; for a document, the path of its file on this server."""
    text: str
    """The text of the source that the model read."""
    document: str | None = None
    """Name of the document; null for web pages."""
    document_id: int | None = None
    knowledge_base: str | None = None
    chunk_id: int | None = None
    page: int | None = None
    """Page, from 1; null where the format has no pages."""


class AnswerSourceList(DeferredModel):
    """The sources that the model reads."""

    sources: list[AnswerSource]
    notes: list[str]
    """Sentences for people, such as that a base is searched by words alone."""


class AnswerSourcesFound(AnswerEventFields):
    """The sources, before the first text."""

    type: Literal["sources"]
    data: AnswerSourceList


class AnswerToolCall(DeferredModel):
    """A tool call with its arguments."""

    id: str
    name: str
    arguments: dict[str, Any] | str


class AnswerToolStarted(AnswerEventFields):
    """A tool call has begun."""

    type: Literal["tool_started"]
    data: AnswerToolCall


class AnswerToolResult(AnswerToolCall):
    """A tool call that has ended, with its result."""

    output: str
    """What the tool returned, as text."""
    ok: bool
    """Whether the call succeeded."""
    ms: float
    """Duration of the call in milliseconds."""
    error: str | None
    """Why the call failed; null if it succeeded."""


class AnswerToolEnded(AnswerEventFields):
    """A tool call has ended. Calls may end in an order other than that of their beginnings."""

    type: Literal["tool_ended"]
    data: AnswerToolResult


class AnswerDelta(DeferredModel):
    """A piece of a text that is streamed."""

    text: str


class AnswerReasoning(AnswerEventFields):
    """A piece of the model's reasoning, which precedes its answer."""

    type: Literal["reasoning"]
    data: AnswerDelta


class AnswerText(AnswerEventFields):
    """A piece of the answer."""

    type: Literal["text"]
    data: AnswerDelta


class AnswerNote(DeferredModel):
    """A message for people."""

    code: str
    """Stable code of the notice."""
    text: str
    """A sentence for people."""


class AnswerNotice(AnswerEventFields):
    """A message for people, such as that the model cannot call tools."""

    type: Literal["notice"]
    data: AnswerNote


class AnswerSummary(DeferredModel):
    """Facts about an answer that are known when its text is complete."""

    model: str | None
    finish_reason: str
    usage: dict[str, Any]
    """Numbers of tokens, as in a chat completion."""
    timings: dict[str, float]
    """Milliseconds from the request until the `sources`, until the `first_token`, until the `first_text` (after the model's
    reasoning), and in `total`."""
    citations: list[AnswerSource]
    """The sources that the answer cites."""
    evidence: bool | None
    """Whether the sources contain the answer, as far as the search can tell; null without sources."""
    notes: list[str]


class AnswerResult(AnswerEventFields):
    """The second to last event of an answer that is complete."""

    type: Literal["result"]
    data: AnswerSummary


class AnswerEnd(DeferredModel):
    """How an answer ended."""

    state: AnswerState
    error: dict[str, str] | None
    """`code` and `message` of the failure; null unless `state` is `failed`."""


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
