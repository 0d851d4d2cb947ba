"""Body and answer of `POST /v1/chats/import`: chats of exports, and conversations that are questions with answers."""

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


class ImportChats(Body):
    """Body of `POST /v1/chats/import`."""

    chats: Few[Fields[Any]] = Field(default_factory=list)
    """Chats of an export: this server's own, ChatGPT's (the items of `conversations.json`), or Open WebUI's."""
    folders: Few[Fields[Any]] = Field(default_factory=list)
    """The `folders` of an export of this server."""
    conversations: Few[ImportedConversation] = Field(default_factory=list)
    """Conversations that are questions with answers, such as Langchain-Chatchat's."""


class Imported(Body):
    """How much was imported."""

    conversations: int
    """New chats."""
    messages: int
    """New messages; of `conversations`, new questions with their answers."""
    skipped: int
    """Chats of which nothing was new, or whose id another owner has."""
