"""Chats, their messages and settings, as values. The store reads and writes them; nothing here touches the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Any, Final, Literal

from msgspec import UNSET, UnsetType

Role = Literal["system", "user", "assistant", "tool"]
Part = Mapping[str, Any]
"""One content part in OpenAI's form: `{"type": "text", "text": …}`, `{"type": "image_url", "image_url": {"url": …}}`, …"""


class MessageState(StrEnum):
    """The state of a message."""

    RUNNING = "running"
    """The server is making it; its text grows."""
    COMPLETE = "complete"
    STOPPED = "stopped"
    """Broken off by its reader, by a client that disconnected, or by the end of the server. The text so far stays."""
    FAILED = "failed"
    """Its `error` says why. The text so far stays."""


class ActiveLeaf(Enum):
    """A parent that is determined when the message is added."""

    ACTIVE_LEAF = "active_leaf"


ACTIVE_LEAF: Final = ActiveLeaf.ACTIVE_LEAF
"""As a parent: the active leaf of the chat at that moment."""


@dataclass(frozen=True, slots=True)
class ChatSettings:
    """Settings of a chat."""

    model: str | None = None
    """Uid of the model that answers; None for any."""
    bases: tuple[str, ...] = ()
    """Names of the knowledge bases that answers are from."""
    tools: tuple[str, ...] = ()
    """Names of the server's tools that the model may call."""
    system: str = ""
    """The text that begins each request to the model."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of requests to the model, such as `temperature` and `max_tokens`."""


@dataclass(frozen=True, slots=True)
class Chat:
    """A chat without its messages."""

    id: str
    owner: str
    """Owner id; see `core.access.Owner`."""
    title: str
    kind: str
    """`chat`, `knowledge`, or the type that a client of another system gives it."""
    pinned: bool
    folder: str | None
    """Id of its folder."""
    settings: ChatSettings
    active_leaf: str | None
    """Id of the last message of the branch that is shown; None without messages."""
    message_count: int
    created_at: float
    """Unix time."""
    updated_at: float
    """Unix time of its newest message."""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message that is to be added."""

    role: Role
    content: Sequence[Part] = ()
    reasoning: str = ""
    """The thinking of a model, if its engine separates it from the answer."""
    tool_calls: Sequence[Mapping[str, Any]] = ()
    """Calls of tools with `id`, `name`, `arguments`, and as they end `output`, `ok`, `ms`, `error`."""
    citations: Sequence[Mapping[str, Any]] = ()
    """`protocol.hits.Citation` as JSON values."""
    model: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Parameters of the request to the model."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """Token counts, as OpenAI has them."""
    timings: Mapping[str, Any] = field(default_factory=dict)
    """Milliseconds by name: `first_token`, `total`, …"""
    state: MessageState = MessageState.COMPLETE
    finish_reason: str = ""
    """`stop`, `length`, …"""
    error: Mapping[str, Any] | None = None
    """`code` and `message` of what it failed with."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """Other data: bases, notes, fields of other systems."""
    id: str | None = None
    """Its id; None for a new one."""
    score: int | None = None
    """Feedback from 0 to 100; None if there is none."""
    reason: str = ""
    """The reason of the feedback."""
    created_at: float | None = None
    """Unix time; None for now."""

    @property
    def text(self) -> str:
        """Its text parts, joined by line breaks."""
        return text_of_parts(self.content)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message(NewMessage):
    """A message of a chat."""

    id: str
    chat: str | None
    """None for a message outside of chats."""
    owner: str
    """Owner id; that of its chat, if it has one."""
    parent: str | None
    """Id of the message that it follows; None for a first one."""
    created_at: float
    """Unix time."""
    updated_at: float
    """Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageChange:
    """What changes in a message; fields that are UNSET stay."""

    content: Sequence[Part] | UnsetType = UNSET
    reasoning: str | UnsetType = UNSET
    tool_calls: Sequence[Mapping[str, Any]] | UnsetType = UNSET
    citations: Sequence[Mapping[str, Any]] | UnsetType = UNSET
    model: str | UnsetType = UNSET
    parameters: Mapping[str, Any] | UnsetType = UNSET
    usage: Mapping[str, Any] | UnsetType = UNSET
    timings: Mapping[str, Any] | UnsetType = UNSET
    state: MessageState | UnsetType = UNSET
    finish_reason: str | UnsetType = UNSET
    error: Mapping[str, Any] | UnsetType | None = UNSET
    metadata: Mapping[str, Any] | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatChange:
    """What changes in a chat; fields that are UNSET stay."""

    title: str | UnsetType = UNSET
    pinned: bool | UnsetType = UNSET
    folder: str | UnsetType | None = UNSET
    settings: Mapping[str, Any] | UnsetType = UNSET
    """Fields of `ChatSettings` that change."""


@dataclass(frozen=True, slots=True)
class ChatTree:
    """A chat with all its messages, in the order in which they were added."""

    chat: Chat
    messages: Sequence[Message]

    def path(self, leaf: str | None = None) -> list[Message]:
        """The messages from the root to a leaf; to the active leaf if none is given."""
        by_id = {each.id: each for each in self.messages}
        found: list[Message] = []
        message = by_id.get(leaf or self.chat.active_leaf or "")
        while message is not None:
            found.append(message)
            message = by_id.get(message.parent or "")
        return found[::-1]


@dataclass(frozen=True, slots=True)
class BranchPage:
    """Messages of one branch that follow each other, and what a reader needs to go on from them."""

    chat: Chat
    messages: Sequence[Message]
    siblings: Mapping[str, Sequence[str]]
    """Id of a message of the page → ids of all messages with the same parent, the oldest first; only where there are several."""
    total: int
    """Number of messages of the branch."""
    earlier: int
    """Number of messages of the branch before the page."""


def text_part(text: str) -> dict[str, str]:
    """A content part with a text."""
    return {"type": "text", "text": text}


def text_content(text: str) -> list[dict[str, str]]:
    """The content of a message that is one text; empty for an empty one."""
    return [text_part(text)] if text else []


def text_of_parts(content: Sequence[Part]) -> str:
    """The text parts of a content, joined by line breaks."""
    return "\n".join(str(part.get("text") or "") for part in content if part.get("type") == "text")
