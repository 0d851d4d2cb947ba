"""TypedDicts of answers to messages of chats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from modelyard.client.chat_types import MessageDict


class ChatAnswerDict(TypedDict):
    """An answer that is being made."""

    object: str
    question: MessageDict | None
    message: MessageDict
    mode: str


class AnswerEventDict(TypedDict):
    """An event of an answer."""

    number: int
    type: str
    at: float
    data: dict[str, Any]
