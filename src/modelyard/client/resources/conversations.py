"""`client.conversations`: conversations with knowledge bases, and feedback on their answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modelyard.client.calls import CallGroup, S, call
from modelyard.client.request import Request, an_object, at, data_of

if TYPE_CHECKING:
    from modelyard.client.knowledge_types import ConversationDict, DeletedDict, ImportedDict, MessageDict

CHATS = "chats"
MessageList = list["MessageDict"]


class ConversationCalls(CallGroup[S]):
    """Conversations with knowledge bases: begin, read, rename, export and delete them."""

    @call
    def create(self, title: str = "") -> Request[ConversationDict]:
        """Begin a conversation; `client.knowledge.ask` continues it by its `id`."""
        return Request("POST", at(CHATS), an_object, body={"title": title})

    @call
    def get(self, conversation: str) -> Request[ConversationDict]:
        """A conversation without its messages."""
        return Request("GET", at(CHATS, conversation), an_object)

    @call
    def rename(self, conversation: str, title: str) -> Request[ConversationDict]:
        """Change a conversation's title."""
        return Request("PATCH", at(CHATS, conversation), an_object, body={"title": title})

    @call
    def messages(self, conversation: str) -> Request[MessageList]:
        """The questions of a conversation and their answers, in order."""
        return Request("GET", at(CHATS, conversation, "messages"), data_of)

    @call
    def delete(self, conversation: str) -> Request[DeletedDict]:
        """Delete a conversation with its messages."""
        return Request("DELETE", at(CHATS, conversation), an_object)

    @call
    def export(self, conversation: str) -> Request[str]:
        """A conversation as Markdown."""
        return Request("GET", at(CHATS, conversation, "export"), bytes.decode, raw=True)

    @call
    def import_(self, conversations: Sequence[Mapping[str, Any]]) -> Request[ImportedDict]:
        """Import conversations of another system, each under its id; those without new messages are counted as `skipped`.

        Each has `id`, `title`, `kind`, `created_at` and `messages` with `id`, `question`, `answer`, `score`, `reason`,
        `created_at`.
        """
        body = {"conversations": [dict(each) for each in conversations]}
        return Request("POST", at(CHATS, "import"), an_object, body=body)

    @call
    def feedback(self, message: str, score: int, reason: str = "") -> Request[MessageDict]:
        """Rate an answer: `score` from 0 to 100, with a reason."""
        body = {"score": score, "reason": reason}
        return Request("POST", at(CHATS, "messages", message, "feedback"), an_object, body=body)

    @call
    def list(self, limit: int = 100, offset: int = 0) -> Request[list[ConversationDict]]:
        """The conversations of this key, newest first; at most 1000."""
        return Request("GET", at(CHATS), data_of, {"limit": str(limit), "offset": str(offset)})
