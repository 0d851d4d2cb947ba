"""Requests about conversations with knowledge bases: what was asked and answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard.client.resources.knowledge import Answer
from modelyard.client.target import Request, an_object, at


def list_conversations(limit: int = 100, offset: int = 0) -> Request[list[Answer]]:
    """The conversations of this key, the last ones first; at most 1000."""
    query = {"limit": str(limit), "offset": str(offset)}
    return Request("GET", at("conversations"), lambda answer: list(answer["data"]), query)


def create_conversation(title: str = "") -> Request[Answer]:
    """Begin a conversation; `ask_knowledge` goes on with its `id`."""
    return Request("POST", at("conversations"), an_object, body={"title": title})


def get_conversation(conversation: str) -> Request[Answer]:
    """A conversation without its messages."""
    return Request("GET", at("conversations", conversation), an_object)


def rename_conversation(conversation: str, title: str) -> Request[Answer]:
    """Give a conversation another title."""
    return Request("PATCH", at("conversations", conversation), an_object, body={"title": title})


def get_conversation_messages(conversation: str) -> Request[list[Answer]]:
    """What was asked and answered, in order."""
    return Request("GET", at("conversations", conversation, "messages"), lambda answer: list(answer["data"]))


def delete_conversation(conversation: str) -> Request[Answer]:
    """Delete a conversation with its messages."""
    return Request("DELETE", at("conversations", conversation), an_object)


def export_conversation(conversation: str) -> Request[str]:
    """A conversation as Markdown."""
    return Request("GET", at("conversations", conversation, "export"), bytes.decode, raw=True)


def import_conversations(conversations: Sequence[Mapping[str, Any]]) -> Request[Answer]:
    """Bring conversations of another system, each under its id; those of which nothing is new are `skipped`.

    Each has `id`, `title`, `kind`, `created_at` and `messages` of `id`, `question`, `answer`, `score`, `reason`, `created_at`.
    """
    body = {"conversations": [dict(each) for each in conversations]}
    return Request("POST", at("conversations", "import"), an_object, body=body)


def send_feedback(message: str, score: int, reason: str = "") -> Request[Answer]:
    """Say what you think of an answer: `score` from 0 to 100, with a reason."""
    body = {"score": score, "reason": reason}
    return Request("POST", at("conversations", "messages", message, "feedback"), an_object, body=body)
