"""Converts chats, messages and folders to response bodies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from modelyard.chats.types import Chat, Message
from modelyard.db.chat_tables import ChatFolderRow
from modelyard.protocol.chats import ChatDetail, ChatFolderInfo, ChatInfo, ChatMatch, ChatSettingsBody, MessageInfo


def chat_info(chat: Chat, match: ChatMatch | None = None) -> ChatInfo:
    """A chat without its messages."""
    return ChatInfo(**_fields(chat), match=match)


def chat_detail(chat: Chat, messages: Sequence[Message]) -> ChatDetail:
    """A chat with messages."""
    return ChatDetail(**_fields(chat), messages=[message_info(each) for each in messages])


def message_info(message: Message) -> MessageInfo:
    """A message."""
    return MessageInfo.model_validate({name: getattr(message, name) for name in MESSAGE_FIELDS})


def folder_info(row: ChatFolderRow, number: int) -> ChatFolderInfo:
    """A folder with a number of chats."""
    return ChatFolderInfo(id=row.id, owner=row.owner, name=row.name, chats=number, created_at=row.created_at)


MESSAGE_FIELDS = tuple(name for name in MessageInfo.model_fields if name != "object")
CHAT_FIELDS = tuple(name for name in ChatInfo.model_fields if name not in ("object", "settings", "match"))


def _fields(chat: Chat) -> dict[str, Any]:
    settings = ChatSettingsBody.model_validate(msgspec.to_builtins(chat.settings))
    return {**{name: getattr(chat, name) for name in CHAT_FIELDS}, "settings": settings}
