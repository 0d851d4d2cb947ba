"""TypedDicts of the server's answers about chats, their messages and folders; see `types.py`."""

from __future__ import annotations

from typing import Any, Literal, TypedDict

MessageRole = Literal["system", "user", "assistant", "tool"]


class ChatSettingsDict(TypedDict, total=False):
    """Settings of a chat."""

    model: str | None
    bases: list[str]
    tools: list[str]
    system: str
    parameters: dict[str, Any]


class ChatMatchDict(TypedDict):
    """A message that a search found, and the text around its first word."""

    message: str
    text: str


class ChatDict(TypedDict):
    """A chat without its messages."""

    id: str
    object: str
    owner: str
    title: str
    kind: str
    pinned: bool
    folder: str | None
    settings: ChatSettingsDict
    active_leaf: str | None
    message_count: int
    created_at: float
    updated_at: float
    match: ChatMatchDict | None


class MessageDict(TypedDict):
    """A message of a chat; those with one `parent` are siblings."""

    id: str
    object: str
    chat: str | None
    parent: str | None
    role: MessageRole
    content: list[dict[str, Any]]
    reasoning: str
    tool_calls: list[dict[str, Any]]
    citations: list[dict[str, Any]]
    model: str
    parameters: dict[str, Any]
    usage: dict[str, Any]
    timings: dict[str, Any]
    state: Literal["running", "complete", "stopped", "failed"]
    finish_reason: str
    error: dict[str, Any] | None
    metadata: dict[str, Any]
    score: int | None
    reason: str
    created_at: float
    updated_at: float


class ChatDetailDict(ChatDict):
    """A chat with all its messages, in the order in which they were added."""

    messages: list[MessageDict]


class ChatPageDict(TypedDict):
    """Some chats; `next_cursor` is the `cursor` of the next page."""

    object: str
    data: list[ChatDict]
    next_cursor: str | None


class DeletedMessagesDict(TypedDict):
    """The ids of deleted messages, and the active leaf of their chat."""

    deleted: list[str]
    active_leaf: str | None


class ChatFolderDict(TypedDict):
    """A folder of chats, and the number of chats in it."""

    id: str
    object: str
    owner: str
    name: str
    chats: int
    created_at: float


class ImportedDict(TypedDict):
    """The number of new chats and messages of an import."""

    conversations: int
    messages: int
    skipped: int
