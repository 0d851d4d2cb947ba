"""Bodies of the routes about chats, their messages and folders."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field

from modelyard.protocol.bounds import Few, Fields, Many
from modelyard.protocol.chat_content import Content
from modelyard.protocol.deferred import DeferredModel
from modelyard.protocol.knowledge import Body

Name = Annotated[str, Field(max_length=300)]
Names = Annotated[list[Name], Field(max_length=100, fail_fast=True)]
Title = Annotated[str, Field(max_length=200)]
Id = Annotated[str, Field(max_length=100)]


class ChatSettingsBody(Body):
    """Settings of a chat."""

    model: Name | None = None
    """Uid of the model that answers; null for any."""
    bases: Names = Field(default_factory=list)
    """Names of the knowledge bases that answers are from."""
    tools: Names = Field(default_factory=list)
    """Names of the server's tools that the model may call."""
    system: Annotated[str, Field(max_length=100_000)] = ""
    """The text that begins each request to the model."""
    parameters: Fields[Any] = Field(default_factory=dict)
    """Parameters of requests to the model, such as `temperature` and `max_tokens`."""


class NewChat(Body):
    """Body of `POST /v1/chats`."""

    title: Title = ""
    """If left out, the beginning of the first question."""
    folder: Id | None = None
    """Id of a folder."""
    settings: ChatSettingsBody = Field(default_factory=ChatSettingsBody)


class ChangeChat(Body):
    """Body of `PATCH /v1/chats/{chat}`. What is left out stays as it is."""

    title: Title | None = None
    pinned: bool | None = None
    folder: Id | None = None
    """Id of a folder; null for none."""
    settings: ChatSettingsBody | None = None
    """Those of its fields that are given change."""
    active_leaf: Id | None = None
    """Id of a message whose branch is shown from now on, up to the newest message below it."""


class NewChatMessage(Body):
    """Body of `POST /v1/chats/{chat}/messages`: a message as it is, such as an answer that the client made itself."""

    role: Literal["system", "user", "assistant", "tool"] = "user"
    content: Content = Field(default_factory=list)
    parent: Id | None = None
    """Id of the message that it follows; null for a first one. If left out, the active leaf."""
    reasoning: str = Field("", max_length=1_000_000)
    tool_calls: Few[Fields[Any]] = Field(default_factory=list)
    citations: Few[Fields[Any]] = Field(default_factory=list)
    model: Name = ""
    parameters: Fields[Any] = Field(default_factory=dict)
    usage: Fields[Any] = Field(default_factory=dict)
    timings: Fields[Any] = Field(default_factory=dict)
    """Milliseconds by name."""
    finish_reason: str = Field("", max_length=30)
    metadata: Fields[Any] = Field(default_factory=dict)


class ChangeChatMessage(Body):
    """Body of `PATCH /v1/chats/{chat}/messages/{message}`."""

    content: Content


class MessageInfo(DeferredModel):
    """A message of a chat."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: Literal["chat.message"] = "chat.message"
    chat: str | None
    """Null for a message outside of chats."""
    parent: str | None
    """Id of the message that it follows; null for a first one. Messages with one parent are siblings."""
    role: Literal["system", "user", "assistant", "tool"]
    content: list[dict[str, Any]]
    """Parts in OpenAI's form: `text`, `image_url`, `input_audio`, `file`."""
    reasoning: str
    tool_calls: list[dict[str, Any]]
    """Calls of tools: `id`, `name`, `arguments`, `output`, `ok`, `ms`, `error`."""
    citations: list[dict[str, Any]]
    model: str
    parameters: dict[str, Any]
    usage: dict[str, Any]
    timings: dict[str, Any]
    """Milliseconds by name."""
    state: Literal["running", "complete", "stopped", "failed"]
    finish_reason: str
    error: dict[str, Any] | None
    """`code` and `message`, if it failed."""
    metadata: dict[str, Any]
    score: int | None
    """Feedback from 0 to 100."""
    reason: str
    """The reason of the feedback."""
    created_at: float
    """Unix time."""
    updated_at: float
    """Unix time."""


class ChatMatch(DeferredModel):
    """Where a search found its first word."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    message: str
    """Id of a message."""
    text: str
    """The text around the word."""


class ChatInfo(DeferredModel):
    """A chat without its messages."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: Literal["chat"] = "chat"
    owner: str
    """Owner id of the user or key that began it; an administrator sees all chats."""
    title: str
    kind: str
    """`chat`, `knowledge`, or the type that a client of another system gives it."""
    pinned: bool
    folder: str | None
    settings: ChatSettingsBody
    active_leaf: str | None
    """Id of the last message of the branch that is shown; null without messages."""
    message_count: int
    created_at: float
    """Unix time."""
    updated_at: float
    """Unix time of its newest message."""
    match: ChatMatch | None = None
    """In a list with `q`: a message with the first word, if one has it."""


class ChatDetail(ChatInfo):
    """A chat with all its messages, in the order in which they were added."""

    messages: list[MessageInfo]


class ChatPage(DeferredModel):
    """Answer of `GET /v1/chats`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    data: list[ChatInfo]
    next_cursor: str | None
    """`cursor` of the next page; null on the last one."""


class MessageList(DeferredModel):
    """Answer of `GET /v1/chats/{chat}/messages`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    object: Literal["list"] = "list"
    chat: ChatInfo
    data: list[MessageInfo]
    siblings: dict[str, list[str]]
    """Id of a message in `data` → ids of all messages with the same parent, the oldest first; only where there are several."""
    total: int
    """Number of messages of the branch."""
    earlier: int
    """Number of messages of the branch before those in `data`; the next request has the first one's id as `before`."""


class DeletedMessages(DeferredModel):
    """Answer of `DELETE /v1/chats/{chat}/messages/{message}`."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    deleted: list[str]
    """Ids of the message and of all below it."""
    active_leaf: str | None
    """The chat's present one."""


class DeleteChats(Body):
    """Body of `POST /v1/chats/delete`."""

    ids: Many[Id]


class ChatFolderInfo(DeferredModel):
    """A folder of chats."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    id: str
    object: Literal["chat.folder"] = "chat.folder"
    owner: str
    name: str
    chats: int
    """Number of chats in it."""
    created_at: float
    """Unix time."""


class ExportChats(Body):
    """Body of `POST /v1/chats/export`."""

    ids: Many[Id] | None = None
    """If left out, all chats of the caller."""
    format: Literal["json", "markdown"] = "json"


class ChatExport(DeferredModel):
    """An export in JSON, with all branches of each chat; `POST /v1/chats/import` reads `chats` and `folders`."""

    object: Literal["chat.export"] = "chat.export"
    version: Literal[1] = 1
    folders: list[ChatFolderInfo]
    chats: list[ChatDetail]


class FeedbackRequest(Body):
    """Body of `POST /v1/chats/messages/{message}/feedback`."""

    score: int = Field(ge=0, le=100)
    reason: str = Field("", max_length=4000)


class ChatFolderBody(Body):
    """Body of `POST /v1/chat_folders` and of `PATCH /v1/chat_folders/{folder}`."""

    name: str = Field(min_length=1, max_length=200)


class ChatFolderList(DeferredModel):
    """Answer of `GET /v1/chat_folders`."""

    object: Literal["list"] = "list"
    data: list[ChatFolderInfo]
