"""Body and answer of `POST /v1/chats/import`, which takes exported chats and conversations of question-answer pairs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from modelyard.protocol.bounds import Few, Fields, Many
from modelyard.protocol.knowledge import Body

Id = Annotated[str, Field(min_length=1, max_length=32)]


class ImportedMessage(Body):
    """A question with its answer, from another system."""

    id: Id
    question: str
    answer: str = ""
    score: int | None = Field(None, ge=0, le=100)
    """The user's rating of the answer, 0 to 100; null for none."""
    reason: str = Field("", max_length=4000)
    """Why the user rated the answer so."""
    metadata: Fields[Any] = Field(default_factory=dict)
    created_at: float
    """Unix time in seconds."""


class ImportedConversation(Body):
    """A conversation of questions and answers, from another system."""

    id: Id
    title: str = Field("", max_length=200)
    kind: str = Field("", max_length=50)
    """Type of the conversation in the other system, such as `kb_chat`."""
    created_at: float
    """Unix time in seconds."""
    messages: Annotated[Many[ImportedMessage], Field(default_factory=list)]


class ImportChats(Body):
    """Body of `POST /v1/chats/import`."""

    chats: Few[Fields[Any]] = Field(default_factory=list)
    """Exported chats: of this server, of ChatGPT (the items of `conversations.json`) or of Open WebUI."""
    folders: Few[Fields[Any]] = Field(default_factory=list)
    """The `folders` of an export of this server."""
    conversations: Few[ImportedConversation] = Field(default_factory=list)
    """Conversations of question-answer pairs, such as those of Langchain-Chatchat."""


class Imported(Body):
    """Numbers of chats and messages that were imported."""

    conversations: int
    """Number of new chats."""
    messages: int
    """Number of new messages; a question-answer pair of `conversations` counts as one."""
    skipped: int
    """Number of chats that had nothing new, or whose id belongs to another owner."""
