"""Reads chats of this server's own export."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from modelyard.chats.imported import ImportedChat, ImportedNode, in_order
from modelyard.chats.rows import settings_of
from modelyard.chats.types import MessageState, NewMessage
from modelyard.protocol.chat_content import Content, ContentPart, content_value
from modelyard.protocol.chats import ChatDetail, MessageInfo

PARTS: TypeAdapter[list[ContentPart]] = TypeAdapter(Content)


def own_chat(value: Mapping[str, Any], folders: Mapping[str, str]) -> ImportedChat:
    """A chat of an export; `folders` are the names of its folders by their ids. Raises pydantic's `ValidationError`."""
    chat = ChatDetail.model_validate(value)
    return ImportedChat(
        id=chat.id,
        title=chat.title,
        created_at=chat.created_at,
        kind=chat.kind[:50],
        pinned=chat.pinned,
        folder=folders.get(chat.folder or ""),
        settings=settings_of(chat.settings.model_dump()),
        active_leaf=chat.active_leaf,
        nodes=in_order(ImportedNode(each.id, each.parent, _message(each)) for each in chat.messages),
    )


def _message(info: MessageInfo) -> NewMessage:
    fields = info.model_dump(exclude={"id", "object", "chat", "parent", "updated_at", "content", "state"})
    state = MessageState(info.state)
    return NewMessage(
        **fields,
        content=content_value(PARTS.validate_python(info.content)),
        state=MessageState.STOPPED if state is MessageState.RUNNING else state,
    )
