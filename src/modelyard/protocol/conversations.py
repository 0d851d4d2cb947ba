"""Bodies of the routes about conversations with knowledge bases."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

from modelyard.protocol.knowledge import Body


class NewConversation(Body):
    """Body of `POST /v1/chats`."""

    title: str = Field("", max_length=200)


class ConversationInfo(BaseModel):
    """A conversation."""

    id: str
    object: str = "conversation"
    owner: str
    """Owner id of the user or key that began it; an administrator sees all conversations."""
    title: str
    kind: str
    created_at: float
    updated_at: float


class ConversationList(BaseModel):
    """Answer of `GET /v1/chats`."""

    object: str = "list"
    data: list[ConversationInfo]


class MessageInfo(BaseModel):
    """A question and its answer."""

    id: str
    object: str = "conversation.message"
    question: str
    answer: str
    citations: list[dict[str, Any]]
    metadata: dict[str, Any]
    score: int | None
    reason: str
    created_at: float


class MessageList(BaseModel):
    """Answer of `GET /v1/chats/{conversation}/messages`."""

    object: str = "list"
    data: list[MessageInfo]


class FeedbackRequest(Body):
    """Body of `POST /v1/chats/messages/{message}/feedback`."""

    score: int = Field(ge=0, le=100)
    reason: str = Field("", max_length=4000)
