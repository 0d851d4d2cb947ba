"""Bodies of the routes about chats, their messages and folders."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

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
    """Uid of the model that answers; null for any model that runs."""
    bases: Names = Field(default_factory=list)
    """Names of the knowledge bases from which answers are given."""
    tools: Names = Field(default_factory=list)
    """Names of the server's tools that the model may call."""
    system: Annotated[str, Field(max_length=100_000)] = ""
    """The system message of each request to the model."""
    parameters: Fields[Any] = Field(default_factory=dict)
    """Parameters of requests to the model, such as `temperature` and `max_tokens`."""


class NewChat(Body):
    """Body of `POST /v1/chats`."""

    title: Title = ""
    """If left out, the chat is named by the beginning of its first question."""
    folder: Id | None = None
    """Id of the folder in which the chat is listed; null for none."""
    settings: ChatSettingsBody = Field(default_factory=ChatSettingsBody)


class ChangeChat(Body):
    """Body of `PATCH /v1/chats/{chat}`. Fields that are left out do not change."""

    title: Title | None = None
    pinned: bool | None = None
    folder: Id | None = None
    """Id of the new folder; null moves the chat out of its folder."""
    settings: ChatSettingsBody | None = None
    """New settings. Fields that are left out do not change."""
    active_leaf: Id | None = None
    """Id of a message. From now on the branch of this message is shown, as far as its newest descendant."""


class NewChatMessage(Body):
    """Body of `POST /v1/chats/{chat}/messages`: stores a message as it is, such as an answer that the client obtained itself."""

    role: Literal["system", "user", "assistant", "tool"] = "user"
    content: Content = Field(default_factory=list)
    parent: Id | None = None
    """Id of the message that this one follows; null makes it a root. If left out, the chat's active leaf."""
    reasoning: str = Field("", max_length=1_000_000)
    """The model's reasoning before its answer."""
    tool_calls: Few[Fields[Any]] = Field(default_factory=list)
    citations: Few[Fields[Any]] = Field(default_factory=list)
    model: Name = ""
    parameters: Fields[Any] = Field(default_factory=dict)
    usage: Fields[Any] = Field(default_factory=dict)
    """Numbers of tokens, as in a chat completion."""
    timings: Fields[Any] = Field(default_factory=dict)
    """Durations in milliseconds, by name."""
    finish_reason: str = Field("", max_length=30)
    metadata: Fields[Any] = Field(default_factory=dict)


class ChangeChatMessage(Body):
    """Body of `PATCH /v1/chats/{chat}/messages/{message}`."""

    content: Content


class MessageInfo(DeferredModel):
    """A message of a chat."""

    id: str
    object: Literal["chat.message"] = "chat.message"
    chat: str | None
    """Id of the chat; null for a message that is in no chat."""
    parent: str | None
    """Id of the message that this one follows; null for a root. Messages that have the same parent are alternatives of each
    other."""
    role: Literal["system", "user", "assistant", "tool"]
    content: list[dict[str, Any]]
    """Parts in OpenAI's form: `text`, `image_url`, `input_audio`, `file`."""
    reasoning: str
    """The model's reasoning before its answer."""
    tool_calls: list[dict[str, Any]]
    """Calls of tools: `id`, `name`, `arguments`, `output`, `ok`, `ms`, `error`."""
    citations: list[dict[str, Any]]
    model: str
    parameters: dict[str, Any]
    usage: dict[str, Any]
    """Numbers of tokens, as in a chat completion."""
    timings: dict[str, Any]
    """Durations in milliseconds, by name."""
    state: Literal["running", "complete", "stopped", "failed"]
    finish_reason: str
    error: dict[str, Any] | None
    """`code` and `message` of the failure; null unless `state` is `failed`."""
    metadata: dict[str, Any]
    score: int | None
    """The user's rating, 0 to 100; null for none."""
    reason: str
    """Why the user rated the message so."""
    created_at: float
    """Unix time in seconds."""
    updated_at: float
    """Unix time in seconds."""


class ChatMatch(DeferredModel):
    """The place where a search found its first word."""

    message: str
    """Id of the message that contains the word."""
    text: str
    """The text around the word."""


class ChatInfo(DeferredModel):
    """A chat, without its messages."""

    id: str
    object: Literal["chat"] = "chat"
    owner: str
    """Owner id of the user or key that created the chat; an administrator sees all chats."""
    title: str
    kind: str
    """`chat`, `knowledge`, or the type that a client of another system gives the chat."""
    pinned: bool
    folder: str | None
    """Id of the folder; null for none."""
    settings: ChatSettingsBody
    active_leaf: str | None
    """Id of the last message of the branch that is shown; null if the chat has no messages."""
    message_count: int
    created_at: float
    """Unix time in seconds."""
    updated_at: float
    """Unix time in seconds of the newest message."""
    match: ChatMatch | None = None
    """In a list that was searched with `q`: where the first word was found; null if it is only in the title."""


class ChatDetail(ChatInfo):
    """A chat with all its messages, in the order in which they were added."""

    messages: list[MessageInfo]


class ChatPage(DeferredModel):
    """Answer of `GET /v1/chats`."""

    object: Literal["list"] = "list"
    data: list[ChatInfo]
    next_cursor: str | None
    """Value of `cursor` for the next page; null on the last page."""


class MessageList(DeferredModel):
    """Answer of `GET /v1/chats/{chat}/messages`."""

    object: Literal["list"] = "list"
    chat: ChatInfo
    data: list[MessageInfo]
    """Messages of the shown branch, from the root towards the leaf."""
    siblings: dict[str, list[str]]
    """For each message in `data` that has alternatives: its id → the ids of all messages with the same parent, oldest first."""
    total: int
    """Number of messages in the branch."""
    earlier: int
    """Number of messages of the branch that come before those in `data`; to read them, send the id of the first message as
    `before`."""


class DeletedMessages(DeferredModel):
    """Answer of `DELETE /v1/chats/{chat}/messages/{message}`."""

    deleted: list[str]
    """Ids of the message and of all its descendants."""
    active_leaf: str | None
    """The chat's active leaf after the deletion."""


class DeleteChats(Body):
    """Body of `POST /v1/chats/delete`."""

    ids: Many[Id]


class ChatFolderInfo(DeferredModel):
    """A folder of chats."""

    id: str
    object: Literal["chat.folder"] = "chat.folder"
    owner: str
    """Owner id of the user or key that created the folder."""
    name: str
    chats: int
    """Number of chats in the folder."""
    created_at: float
    """Unix time in seconds."""


class ExportChats(Body):
    """Body of `POST /v1/chats/export`."""

    ids: Many[Id] | None = None
    """Ids of the chats to export; if left out, all chats of the caller."""
    format: Literal["json", "markdown"] = "json"


class ChatExport(DeferredModel):
    """Exported chats as JSON, with all branches; `POST /v1/chats/import` accepts its `chats` and `folders`."""

    object: Literal["chat.export"] = "chat.export"
    version: Literal[1] = 1
    folders: list[ChatFolderInfo]
    chats: list[ChatDetail]


class FeedbackRequest(Body):
    """Body of `POST /v1/chats/messages/{message}/feedback`."""

    score: int = Field(ge=0, le=100)
    """Rating of the message, 0 to 100."""
    reason: str = Field("", max_length=4000)
    """Why the user rates the message so."""


class ChatFolderBody(Body):
    """Body of `POST /v1/chat_folders` and of `PATCH /v1/chat_folders/{folder}`."""

    name: str = Field(min_length=1, max_length=200)


class ChatFolderList(DeferredModel):
    """Answer of `GET /v1/chat_folders`."""

    object: Literal["list"] = "list"
    data: list[ChatFolderInfo]
