"""Body and answer of `POST /v1/chats/import`: conversations of another system."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from modelyard.protocol.bounds import Few, Fields, Many
from modelyard.protocol.knowledge import Body

Id = Annotated[str, Field(min_length=1, max_length=32)]


class ImportedMessage(Body):
    """A question and its answer, as they were kept elsewhere."""

    id: Id
    question: str
    answer: str = ""
    score: int | None = Field(None, ge=0, le=100)
    """Feedback; null for none."""
    reason: str = Field("", max_length=4000)
    metadata: Fields[Any] = Field(default_factory=dict)
    created_at: float
    """Unix time."""


class ImportedConversation(Body):
    """A conversation, as it was kept elsewhere."""

    id: Id
    title: str = Field("", max_length=200)
    kind: str = Field("", max_length=50)
    created_at: float
    """Unix time."""
    messages: Annotated[Many[ImportedMessage], Field(default_factory=list)]


class ImportConversations(Body):
    """Body of `POST /v1/chats/import`."""

    conversations: Few[ImportedConversation]


class Imported(Body):
    """How much was imported."""

    conversations: int
    messages: int
    skipped: int
    """Conversations of which nothing was new, or whose id is taken by another key."""
